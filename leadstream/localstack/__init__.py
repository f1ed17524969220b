"""A broker and a PostgreSQL on this machine, for demo, tests and benchmarks."""
