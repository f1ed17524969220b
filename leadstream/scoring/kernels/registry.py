"""The kernels that there are, by their names in records and by their keys in rule files."""

from typing import Any

from leadstream.scoring.kernels.age_table import AgeTable
from leadstream.scoring.kernels.exponential import Exponential
from leadstream.scoring.kernels.inactive import Inactive
from leadstream.scoring.kernels.inactivity_step import InactivityStep
from leadstream.scoring.kernels.kernel import Ages, Kernel, Named, Parameters
from leadstream.scoring.kernels.linear import Linear
from leadstream.scoring.kernels.none import NoDecay

KERNELS: dict[str, type[Named]] = {
    kernel.kind: kernel for kernel in (NoDecay, Exponential, Linear, InactivityStep, Inactive)
}
"""By `kind`. The SQL of all is `contribution_of` in `leadstream/projection/sql/functions`."""


def kernels_of_rules() -> dict[str, type[Named]]:
    """By their keys under `decay`, those that a rule file can name."""
    return {kernel.key: kernel for kernel in KERNELS.values() if kernel.key}


def kernel_of_rule(key: str, value: Any) -> Kernel:
    """The kernel that a rule file means by a key under `decay` and what stands under it, durations in ms."""
    return kernels_of_rules()[key].of_rule(value)


def kernel_of_record(kind: str, half_life: int, parameters: Parameters, ages: Ages) -> Kernel:
    """The kernel that a record names. Raises ValueError if there is none of the name, or its parameters are
    out of range."""
    found = KERNELS.get(kind)
    if found is None:
        raise ValueError(f"no kernel is called {kind}")
    kernel = found.of_record(half_life, parameters)
    return AgeTable(kernel, ages) if ages else kernel
