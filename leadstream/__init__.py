"""LeadStream: an event-sourced stream processor that scores sales leads from behaviour."""

__version__ = "0.1.0"
