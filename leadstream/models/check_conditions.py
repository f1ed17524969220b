"""What the conditions of a rule must be, beyond their form."""

import re

from leadstream.models.document import Document, Path
from leadstream.models.errors import nearest
from leadstream.models.protected import protected
from leadstream.models.rules import Condition, When
from leadstream.scoring.compiled.conditions import expression

FIELD = re.compile(r"source|data(\.[^.]+)+")
MAX_FIELD = 256
MAX_DEPTH = 16
"""How deep `all`, `any` and `not` may stand in each other."""


def check_when(document: Document, path: Path, when: When, depth: int = 0) -> None:
    """Notes fields that are none or may not be looked at, and conditions that are empty or can't hold."""
    if depth > MAX_DEPTH:
        document.wrong(path, f"conditions stand more than {MAX_DEPTH} deep in each other")
        return
    inner = [((*path, "all", index), one) for index, one in enumerate(when.all or ())]
    inner += [((*path, "any", index), one) for index, one in enumerate(when.any or ())]
    if when.not_ is not None:
        inner.append(((*path, "not"), when.not_))
    for place, one in inner:
        if not (one.fields or one.all or one.any or one.not_):
            document.wrong(place, "a condition asks for nothing: name a field, or all, any, not")
            continue
        check_when(document, place, one, depth + 1)
    for field, condition in when.fields.items():
        check_field(document, (*path, field), field)
        check_condition(document, (*path, field), condition)


def expressions(when: When) -> int:
    """How many regular expressions are in it."""
    inner = [*(when.all or ()), *(when.any or ()), *([when.not_] if when.not_ is not None else [])]
    return sum(map(expressions, inner)) + sum(one.matches is not None for one in when.fields.values())


def check_field(document: Document, path: Path, field: str) -> None:
    """Notes at the key if it names no field of a signal, or one that no rule may look at."""
    if FIELD.fullmatch(field) is None or len(field) > MAX_FIELD:
        rest = field.partition(".")[2] or field
        document.wrong_key(
            path,
            f"`{field}` is no field: a field is `source` or `data.<name>`"
            f"{nearest(field, ['source', 'all', 'any', 'not', f'data.{rest}'])}",
        )
        return
    reason = protected(field)
    if reason is not None:
        document.wrong_key(path, reason)


def check_condition(document: Document, path: Path, condition: Condition) -> None:
    if all(value is None for _, value in condition):
        names = ", ".join(field.alias or name for name, field in Condition.model_fields.items())
        document.wrong(path, f"a condition asks for nothing: {names}")
    for lower, low in (("gt", condition.gt), ("gte", condition.gte)):
        for upper, high in (("lt", condition.lt), ("lte", condition.lte)):
            if low is None or high is None:
                continue
            if low > high or (low == high and (lower, upper) != ("gte", "lte")):
                document.wrong((*path, upper), f"no number is {lower} {low:g} and {upper} {high:g}")
    if condition.matches is not None:
        try:
            expression(condition.matches)
        except ValueError as error:
            document.wrong((*path, "matches"), f"no regular expression of RE2: {error}")
