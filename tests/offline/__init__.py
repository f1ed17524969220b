"""Lines of signals, and their replay."""
