"""What a change of rules does to scores that are there: which factors would be under another kernel."""

from collections.abc import Iterator

from leadstream.models.forms import duration_text
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
    return not kernel.parameters.linear and all(factor for _, factor in kernel.ages)


def in_words(kernel: Kernel) -> str:
    """A kernel in a few words."""
    return kernel.words(duration_text) or "no decay"
