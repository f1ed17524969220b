"""The contracts on the wire, and their codecs."""
