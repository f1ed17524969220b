"""From `decay` in a rule file to the kernel that it means."""

from pydantic import BaseModel

from leadstream.models.rules import Decay
from leadstream.scoring.kernels.kernel import Kernel
from leadstream.scoring.kernels.none import NoDecay
from leadstream.scoring.kernels.registry import kernel_of_rule, kernels_of_rules


def kernel_of(decay: Decay | str) -> Kernel:
    """The kernel of a decay that has exactly one of its keys, or is `none`."""
    if isinstance(decay, str):
        return NoDecay()
    (key,) = keys_of(decay)
    value = getattr(decay, key)
    return kernel_of_rule(key, dict(value) if isinstance(value, BaseModel) else value)


def keeps_apart(decay: Decay | str | None) -> bool:
    """Whether a decay has a key of a kernel that keeps signals apart."""
    named = keys_of(decay) if isinstance(decay, Decay) else []
    return any(kernels_of_rules()[key].bucketed for key in named)


def keys_of(decay: Decay) -> list[str]:
    return [key for key in decay.exactly_one if getattr(decay, key) is not None]


def keys_kept_apart() -> str:
    """The keys of kernels that keep signals apart, for messages."""
    named = [f"`{key}`" for key, kernel in kernels_of_rules().items() if kernel.bucketed]
    return " or ".join(named)
