"""Clients, topics and what of aiokafka they rest on, with a broker of a few lines where one is needed."""
