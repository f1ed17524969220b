"""Signals from outside: files of signals, one JSON object a line."""
