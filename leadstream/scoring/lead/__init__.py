"""The fold of one lead: what a signal, a timer or a merge does to it."""
