"""The fold of a partition: all its leads, its rows and what goes out."""
