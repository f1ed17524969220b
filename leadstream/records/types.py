"""The signal types that are documented, with the fields of their `data`, as in docs/signals.md.

A signal may have any type, and any further fields: what stands here is what the parts of LeadStream, its
presets and its intakes agree on.
"""

from typing import Final

FACTS: Final = (
    "email", "phone", "title", "country", "timezone", "company_size", "industry", "revenue", "owner",
    "consent",
)  # fmt: skip
"""Facts of a lead that LeadStream itself knows; a lead may have any others."""

SIGNAL_TYPES: Final[dict[str, tuple[str, ...]]] = {
    "email.sent": ("campaign",),
    "email.delivered": ("message", "email"),
    "email.opened": ("message", "campaign", "user_agent", "machine"),
    "email.clicked": ("url", "message", "campaign"),
    "email.replied": ("sentiment", "message"),
    "email.forwarded": ("message",),
    "email.bounced": ("kind", "message", "email"),
    "email.unsubscribed": ("message", "user_agent", "machine"),
    "email.resubscribed": ("message",),
    "email.complained": ("message",),
    "page.viewed": ("url", "title", "referrer", "user_agent", "seconds"),
    "session.ended": ("seconds", "pages"),
    "form.submitted": ("form", "channel", "answers"),
    "resource.downloaded": ("kind", "name"),
    "video.watched": ("name", "percent"),
    "trial.started": ("plan", "product"),
    "demo.requested": ("plan", "product"),
    "cart.added": ("plan", "product"),
    "call.connected": ("seconds", "outcome"),
    "meeting.booked": ("seconds", "outcome"),
    "lead.created": FACTS,
    "lead.updated": FACTS,
    "lead.enriched": FACTS,
    "status.changed": ("from", "to", "value"),
    "score.bumped": ("points", "set", "by", "why"),
    "lead.recompute": (),
    "lead.feedback": ("verdict", "action"),
    "deal.created": ("value", "currency"),
    "deal.won": ("value", "currency"),
    "deal.lost": ("value", "currency"),
    "consent.changed": ("channel", "kind", "value"),
    "contact.invalid": ("reason",),
    "spam.detected": ("reason",),
    "ticket.opened": (),
    "ad.clicked": (),
    "social.engaged": (),
}
"""Type by type the fields of `data`."""

OPEN_TYPES: Final = frozenset(
    {"lead.created", "lead.updated", "lead.enriched", "ticket.opened", "ad.clicked", "social.engaged"}
)
"""Types whose `data` has whatever fields the source has."""

DATA_VALUES: Final[dict[tuple[str, str], tuple[str, ...]]] = {
    ("email.replied", "sentiment"): ("positive", "neutral", "negative"),
    ("email.bounced", "kind"): ("hard", "soft", "blocked"),
    ("form.submitted", "channel"): ("organic", "paid"),
    ("resource.downloaded", "kind"): ("whitepaper", "case_study", "ebook"),
}
"""By type and field the values that are documented, where a field has certain ones."""
