"""The processes that run for long: start-up, health, stop."""
