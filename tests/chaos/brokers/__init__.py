"""Brokers that can be broken: one on a small disk, one behind a proxy, three that replicate."""
