"""Job titles: short and spelled-out forms are one."""

import re
from functools import lru_cache
from typing import Final

from leadstream.scoring.facts.text import folded

SHORT: Final = {
    "vp": "vice president", "svp": "senior vice president", "evp": "executive vice president",
    "avp": "assistant vice president", "gvp": "group vice president", "rvp": "regional vice president",
    "vicepresident": "vice president",
    "ceo": "chief executive officer", "cfo": "chief financial officer", "coo": "chief operating officer",
    "cto": "chief technology officer", "cio": "chief information officer", "cmo": "chief marketing officer",
    "cro": "chief revenue officer", "ciso": "chief information security officer",
    "chro": "chief human resources officer",
    "sr": "senior", "jr": "junior", "dir": "director", "mgr": "manager", "asst": "assistant",
    "assoc": "associate", "exec": "executive", "pres": "president", "gm": "general manager",
    "hr": "human resources", "cofounder": "co founder",
}  # fmt: skip
"""Short forms that mean one thing only; `CPO`, `CSO`, `CDO` and `MD` mean several."""
_LETTERS = re.compile(r"\b(?:[^\W\d_]\.\s?){2,}|\b[^\W\d_]\.[^\W\d_]\b")
"""`V.P.`, `V. P.`, `V.P`, `C.E.O.`"""
_WORD = re.compile(r"[^\W_]+")
_SAME: Final = (
    (("chief", "technical", "officer"), ("chief", "technology", "officer")),
    (("chief", "finance", "officer"), ("chief", "financial", "officer")),
    (("chief", "operations", "officer"), ("chief", "operating", "officer")),
    # One word from here on: a vice president is no president.
    (("vice", "president"), ("vice-president",)),
)


def words_of(text: str) -> list[str]:
    """The words of a text, without case."""
    return _WORD.findall(folded(text))


def _joined(found: re.Match[str]) -> str:
    """Letters with dots as the short form that they are; initials of a name stay apart."""
    word = re.sub(r"[.\s]", "", found[0])
    return f"{word} " if word in SHORT and word not in ("jr", "sr") else found[0]


@lru_cache(maxsize=4096)
def title_words(text: str) -> tuple[str, ...]:
    """The words of a title, short forms spelled out: `SVP`, `Sr. V.P.`, `Senior Vice President` are one."""
    joined = _LETTERS.sub(_joined, folded(text))
    words = [one for word in words_of(joined) for one in SHORT.get(word, word).split()]
    for row, put in _SAME:
        index = 0
        while index + len(row) <= len(words):
            if tuple(words[index : index + len(row)]) == row:
                words[index : index + len(row)] = put
            index += 1
    return tuple(words)
