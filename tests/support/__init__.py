"""What the tests on real brokers and real processes share."""
