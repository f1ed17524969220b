"""Made-up leads and their signals, for the demo, tests and benchmarks."""
