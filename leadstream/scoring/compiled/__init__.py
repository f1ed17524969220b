"""A model as the fold runs it. Made by `leadstream.models`."""
