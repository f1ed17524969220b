"""How many examples the property tests try, and from which seed.

`LEADSTREAM_EXAMPLES` asks for more than 200 each; `LEADSTREAM_SEED` repeats a run whose failure named it.
"""

import os
import random
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, note, seed, settings

EXAMPLES = int(os.environ.get("LEADSTREAM_EXAMPLES", "200"))
SEED = int(os.environ.get("LEADSTREAM_SEED", random.SystemRandom().randrange(10**9)))


def examples(test: Callable[..., Any]) -> Callable[..., Any]:
    """Settings of a property test; a failure prints its seed."""
    slow = [HealthCheck.too_slow, HealthCheck.data_too_large]
    tuned = settings(max_examples=EXAMPLES, deadline=None, print_blob=True, suppress_health_check=slow)
    return seed(SEED)(tuned(test))


def note_seed() -> None:
    note(f"LEADSTREAM_SEED={SEED}")
