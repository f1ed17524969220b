"""What is wrong with a rule file, and where."""

import re
from difflib import get_close_matches

LONGEST = 1000
_ODD = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class ModelError(Exception):
    """A rule file or tenants file that can't be used; one line: `file:line:column: reason`.

    What the file put into the text is made fit for a line: control characters are spaces, and what is longer
    than 1,000 characters is cut.
    """

    def __init__(self, text: str) -> None:
        line = _ODD.sub(" ", text[: LONGEST + 1])
        super().__init__(line if len(line) <= LONGEST else f"{line[: LONGEST - 3]}...")


def nearest(name: object, names: list[str]) -> str:
    """` (did you mean x?)` if one of the names is near, else what there is to choose from."""
    found = get_close_matches(str(name), names, n=1, cutoff=0.5)
    if found:
        return f" (did you mean `{found[0]}`?)"
    return f" (known: {', '.join(sorted(names))})" if names and len(names) <= 12 else ""
