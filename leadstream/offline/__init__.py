"""Without Kafka: files of signals, replay, what-if, scripts."""
