"""The total at any time, and when time alone changes it."""
