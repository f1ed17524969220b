"""Signals that look like those of real leads, from a seed."""
