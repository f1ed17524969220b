"""The signal types that LeadStream knows by name, with the fields of their `data`.

Types outside of this list are legal: rules may name any. Docs, lint and doctor go by it.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from difflib import SequenceMatcher

ALIKE = 0.75
"""How alike two parts of a name are, from 0 to 1, of which one may be a slip for the other."""
ALIKE_UNSPLIT = 0.85
"""The same of names whose dots stand elsewhere, compared without them."""


@dataclass(frozen=True, slots=True)
class SignalType:
    """A type of signal. `data` has its fields with what each holds; `open` means any others, too."""

    name: str
    meaning: str
    data: dict[str, str] = field(default_factory=dict)
    open: bool = False


_MESSAGE = {"message": "id of the e-mail"}
_MAIL = {**_MESSAGE, "campaign": "id or name of the campaign"}
_AGENT = {
    "user_agent": "of the program that asked",
    "machine": "true if the provider knows that no person did it",
}
_CALL = {"seconds": "how long", "outcome": "as the source names it"}
_OFFER = {"plan": "id or name", "product": "id or name"}
_DEAL = {"value": "number", "currency": "code of three letters"}
_FACTS = {
    "email": "address",
    "phone": "with its country code: +49 30 901820",
    "title": "job title",
    "country": "name or ISO code",
    "timezone": "IANA name: Europe/Berlin",
    "company_size": "number of employees",
    "industry": "text",
    "revenue": "a year, number",
    "owner": "id of the salesperson",
    "consent": "object of email, tracking, profiling, phone: true or false",
}

_ALL = (
    SignalType("email.sent", "an e-mail went out", {"campaign": _MAIL["campaign"]}),
    SignalType("email.delivered", "its server took it", {**_MESSAGE, "email": "address it went to"}),
    SignalType("email.opened", "it was opened", {**_MAIL, **_AGENT}),
    SignalType("email.clicked", "a link in it was followed", {"url": "of the link", **_MAIL, **_AGENT}),
    SignalType("email.replied", "it was answered", {"sentiment": "positive, neutral, negative", **_MESSAGE}),
    SignalType("email.forwarded", "it was passed on", _MESSAGE),
    SignalType("email.bounced", "it came back", {"kind": "hard, soft, blocked", **_MESSAGE}),
    SignalType("email.unsubscribed", "the lead wants no more", {**_MESSAGE, **_AGENT}),
    SignalType("email.resubscribed", "it does again", _MESSAGE),
    SignalType("email.complained", "it was reported as spam", _MESSAGE),
    SignalType(
        "page.viewed",
        "a page was seen",
        {
            "url": "of the page",
            "title": "of the page",
            "referrer": "URL before it",
            "seconds": "how long",
            **_AGENT,
        },
    ),
    SignalType("session.ended", "a visit is over", {"seconds": "how long", "pages": "number of pages"}),
    SignalType(
        "form.submitted",
        "a form was sent",
        {"form": "id or name", "channel": "organic, paid", "answers": "object by question"},
    ),
    SignalType(
        "resource.downloaded",
        "a document was fetched",
        {"kind": "whitepaper, case_study, ebook", "name": "of the document"},
    ),
    SignalType("video.watched", "a video was seen", {"name": "of the video", "percent": "0 to 100"}),
    SignalType("trial.started", "a trial began", _OFFER),
    SignalType("demo.requested", "a demo was asked for", _OFFER),
    SignalType("cart.added", "something was put into a cart", _OFFER),
    SignalType("call.connected", "a call was answered", _CALL),
    SignalType("meeting.booked", "a meeting was agreed", _CALL),
    SignalType("ticket.opened", "a question came to support", open=True),
    SignalType("ad.clicked", "an advertisement was followed", open=True),
    SignalType("social.engaged", "something was done on a social network", open=True),
    SignalType("lead.created", "the lead is new; facts", _FACTS, open=True),
    SignalType("lead.updated", "facts changed", _FACTS, open=True),
    SignalType("lead.enriched", "facts came from elsewhere", _FACTS, open=True),
    SignalType(
        "consent.changed",
        "a consent was given or withdrawn",
        {
            "channel": "email, phone, ...",
            "kind": "or tracking, profiling",
            "value": "true or false",
        },
    ),
    SignalType(
        "status.changed", "the CRM has another status", {"from": "status", "to": "status", "value": "number"}
    ),
    SignalType("deal.created", "a deal is open", _DEAL),
    SignalType("deal.won", "it was won", _DEAL),
    SignalType("deal.lost", "it was lost", _DEAL),
    SignalType(
        "lead.feedback",
        "what a person says of the lead or of an action",
        {"verdict": "as the source names it", "action": "id of the action"},
    ),
    SignalType("contact.invalid", "the lead can't be reached", {"reason": "text"}),
    SignalType("spam.detected", "the lead looks like spam", {"reason": "text"}),
    SignalType(
        "score.bumped",
        "a person moved the score",
        {
            "points": "number to add",
            "set": "in its place: the total to set",
            "by": "who, needed",
            "why": "reason, needed",
        },
    ),
    SignalType("lead.recompute", "the lead is to be written now"),
)
SIGNAL_TYPES: dict[str, SignalType] = {one.name: one for one in _ALL}
"""By name, in the order of the docs."""


def nearest_type(name: str, others: Iterable[str] = ()) -> str | None:
    """The known type, or one of `others`, that the name may be a slip for: `email.opened` for `Email.open`.

    None if the name is one of them, or like none. Upper and lower case, the sign between the parts and the
    ending -ed make no difference.
    """
    known = dict.fromkeys([*SIGNAL_TYPES, *others])
    if name in known:
        return None
    parts = _parts(name)
    likeness = {one: _alike(parts, _parts(one)) for one in known}
    best = max(likeness, key=likeness.__getitem__)
    return best if likeness[best] else None


def _parts(name: str) -> list[str]:
    words = re.sub(r"(?<=[a-z])(?=[A-Z])|[^A-Za-z0-9]+", ".", name).casefold().split(".")
    return [word.removesuffix("ed") for word in words]


def _alike(parts: list[str], others: list[str]) -> float:
    """From 0 to 1; 0 below the bounds."""
    if len(parts) == len(others):
        likeness = [SequenceMatcher(None, a, b).ratio() for a, b in zip(parts, others, strict=True)]
        return sum(likeness) / len(likeness) if min(likeness) >= ALIKE else 0.0
    likeness = [SequenceMatcher(None, "".join(parts), "".join(others)).ratio()]
    return likeness[0] if likeness[0] >= ALIKE_UNSPLIT else 0.0
