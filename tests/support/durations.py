"""Durations in milliseconds, for all tests but the two oracles, which share nothing."""

SECOND = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
