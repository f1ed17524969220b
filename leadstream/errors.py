"""The base of LeadStream's exceptions; each is defined beside the code that raises it (docs/errors.md)."""


class LeadStreamError(Exception):
    """What LeadStream itself raises; libraries' errors reach a caller as they are."""
