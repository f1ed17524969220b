"""What is wrong with a rule file, and where."""

from difflib import get_close_matches


class ModelError(Exception):
    """A rule file or tenants file that can't be used; one line: `file:line:column: reason`."""


def nearest(name: object, names: list[str]) -> str:
    """` (did you mean x?)` if one of the names is near, else what there is to choose from."""
    found = get_close_matches(str(name), names, n=1, cutoff=0.5)
    if found:
        return f" (did you mean `{found[0]}`?)"
    return f" (known: {', '.join(sorted(names))})" if names and len(names) <= 12 else ""
