"""What a signal does to a lead. Pure: no clock, randomness, I/O or logging."""
