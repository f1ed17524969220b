"""What is wrong with a rule file, and where."""

import re
from collections.abc import Iterable
from difflib import get_close_matches

from leadstream.errors import LeadStreamError

LONGEST = 1000
MOST = 50
"""The errors that are told of a run; of further ones only how many there are."""
_ODD = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class ModelError(LeadStreamError):
    """A rule file or tenants file that can't be used; a line for each error: `file:line:column: reason`.

    What the file put into a line is made fit for one: control characters are spaces, and what is longer than
    1,000 characters is cut. After the first 50 errors the last line says how many more there are.
    """

    def __init__(self, text: str) -> None:
        self.lines: tuple[str, ...] = (line_of(text),)
        super().__init__(self.lines[0])

    @classmethod
    def of(cls, lines: Iterable[str]) -> "ModelError":
        """The error of several lines, each told once."""
        told = tuple(dict.fromkeys(map(line_of, lines)))
        error = cls(told[0])
        error.lines = told
        rest = len(told) - MOST
        shown = [*told[:MOST], *([f"and {rest} more errors"] if rest > 0 else [])]
        error.args = ("\n".join(shown),)
        return error


class BeyondLimits(ModelError):
    """A file that is larger, or nested deeper, than a file may be; nothing else is looked at."""


def line_of(text: str) -> str:
    line = _ODD.sub(" ", text[: LONGEST + 1])
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 3]}..."


def nearest(name: object, names: list[str]) -> str:
    """` (did you mean x?)` if one of the names is near, else what there is to choose from."""
    found = get_close_matches(str(name), names, n=1, cutoff=0.5)
    if found:
        return f" (did you mean `{found[0]}`?)"
    return f" (known: {', '.join(sorted(names))})" if names and len(names) <= 12 else ""
