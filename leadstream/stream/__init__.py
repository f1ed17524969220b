"""Kafka and Faust: packs, tasks, changelog, transactions, clock, topics, worker."""
