"""PostgreSQL: what the log says about leads, written exactly once, and read."""
