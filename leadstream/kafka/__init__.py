"""Kafka: clients, topics, reading, writing, what the client library gets wrong."""
