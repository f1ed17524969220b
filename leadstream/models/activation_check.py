"""What a change of rules does to scores that are there: which factors would be under another kernel."""

from collections.abc import Iterator

from leadstream.scoring.compiled.model import CompiledModel
from leadstream.scoring.kernels.kernel import Kernel


def changed_kernels(old: CompiledModel, new: CompiledModel) -> Iterator[tuple[str, Kernel, Kernel]]:
    """The factors of both models that fade in another way in the new one; facts are read anew in any case."""
    kernels = {one.factor: old.kernels[one.kernel] for one in old.branches if one.symbol not in old.fitted}
    for branch in new.branches:
        before, after = kernels.get(branch.factor), new.kernels[branch.kernel]
        if branch.symbol not in new.fitted and before is not None and before != after:
            yield branch.factor, before, after


def is_kept_from_now(kernel: Kernel) -> bool:
    """Whether a present worth can fade by this kernel from an instant on, exactly."""
    if kernel.kind == "inactivity_step" and kernel.linear:
        return False
    return not any(factor == 0 for _, factor in kernel.ages)


def in_words(kernel: Kernel) -> str:
    """A kernel in a few words."""
    hours = kernel.half_life / 3_600_000
    span = f"{hours / 24:g}d" if hours >= 24 else f"{hours:g}h"
    words = {
        "none": "no decay",
        "exponential": f"half-life {span}",
        "linear": f"linear to nothing in {span}",
        "inactivity_step": f"{kernel.percent:g}% less for each {span} without activity",
        "inactive": f"after {span} without activity",
    }[kernel.kind]
    return f"{words}, by age" if kernel.ages else words
