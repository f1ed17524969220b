"""LeadStream: an event-sourced stream processor that scores sales leads from behaviour."""

from leadstream.errors import LeadStreamError

__all__ = ["LeadStreamError", "__version__"]

__version__ = "0.1.0"
