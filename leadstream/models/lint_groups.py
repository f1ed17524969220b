"""Rules of a group that never score, because earlier ones take every signal that they match."""

from collections.abc import Iterator

from leadstream.models.implication import implies
from leadstream.models.reach import points_of
from leadstream.models.rules import By, Rule, When
from leadstream.models.schema import RuleFile

MOST_CASES = 100
Found = Iterator[tuple[tuple[str | int, ...], str, str]]


def shadowed(file: RuleFile) -> Found:
    """Rules of a group of which others, earlier in the file, take every signal."""
    groups: dict[str, list[Rule]] = {}
    for index, rule in enumerate(file.rules):
        if rule.group is None or not points_of(rule):
            continue
        earlier = groups.setdefault(rule.group, [])
        taken: dict[str, None] = {}
        texts: set[str] = set()
        for type_ in rule.on:
            found = takers(rule, [one for one in earlier if type_ in one.on])
            if found is None:
                break
            taken |= dict.fromkeys(found[0])
            texts |= found[1]
        else:
            fields = (
                f", if {' and '.join(f'`{field}`' for field in sorted(texts))} is a text" if texts else ""
            )
            yield (
                ("rules", index),
                f"rule `{rule.id}` scores nothing: of group `{rule.group}` the earlier "
                f"{', '.join(f'`{name}`' for name in taken)} matches whenever it does{fields}",
                "put it first, or narrow the earlier one",
            )
        earlier.append(rule)


def takers(rule: Rule, earlier: list[Rule]) -> tuple[list[str], frozenset[str]] | None:
    """The earlier rules that between them take all that a rule matches; the fields that must be texts."""
    for cases in ways(rule):
        names: list[str] = []
        texts: frozenset[str] = frozenset()
        for case in cases:
            for one in earlier:
                proof = takes(one, rule, case)
                if proof is not None:
                    names.append(one.id)
                    texts |= proof
                    break
            else:
                break
        else:
            return names, texts
    return None


def ways(rule: Rule) -> Iterator[list[list[When]]]:
    """Ways of parting what a rule matches into cases: not at all, by the values of a field, by an `any`."""
    known = [rule.when]
    listed = values_of(rule.by)
    if listed is not None:
        known.append(listed)
    yield [known]
    for when in known:
        for field, condition in when.fields.items():
            if condition.in_ is not None and len(condition.in_) <= MOST_CASES:
                yield [[*known, When.model_validate({field: {"eq": value}})] for value in condition.in_]
        if when.any is not None:
            yield [[*known, choice] for choice in when.any]


def values_of(by: By | None) -> When | None:
    """What `by` asks for itself: without a `default` a value of its table."""
    if by is None or by.default is not None or len(by.field) > 1:
        return None
    return When.model_validate({by.field[0]: {"in": list(by.points)}})


def takes(one: Rule, other: Rule, case: list[When]) -> frozenset[str] | None:
    """Whether a rule matches each signal of a case of the other one; the fields that must be texts for it."""
    if one.after is not None and not (
        other.after is not None
        and other.after.rule == one.after.rule
        and other.after.within <= one.after.within
    ):
        return None
    proof = implies(case, one.when)
    if proof is None or one.by is None or one.by.default is not None:
        return proof
    listed = values_of(one.by)
    if listed is not None:
        also = implies(case, listed)
        return None if also is None else proof | also
    same = other.by is not None and other.by.default is None and other.by.field == one.by.field
    return proof if same and other.by is not None and set(other.by.points) <= set(one.by.points) else None
