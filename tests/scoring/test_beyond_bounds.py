"""More signals than a factor keeps apart: how far from the truth its total may then be."""

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadstream.scoring.decay.totals import total_at
from tests.oracle.kernels import Part, fading, of_age
from tests.scoring.comparing import close, compiled, seeds, told
from tests.scoring.folding import DAY, HOUR, T0, run
from tests.scoring.worlds import log_of

KEPT = 64
TABLE = [{"to": "1d", "factor": 2}, {"to": "7d", "factor": 1.5}, {"to": "30d", "factor": 1}, {"factor": 0.5}]
FORMS: list[dict[str, Any]] = [
    {"decay": {"linear": "20d"}},
    {"decay": {"linear": "45d"}, "recency": TABLE},
    {"decay": "none", "recency": TABLE},
    {"decay": {"half_life": "9d"}, "recency": TABLE},
]


@pytest.mark.parametrize("form", FORMS)
@seeds(12)
@given(st.integers(0, 2**48))
def test_the_oldest_beyond_64_are_one_and_the_total_is_off_by_what_they_differ(
    form: dict[str, Any], seed: int
) -> None:
    random = Random(seed)
    rule = {"id": "r", "on": "a", "points": 10, **form}
    file = {
        "name": "m", "version": "1", "half_life": "14d", "rules": [rule], "bands": [{"name": "b", "from": 0}],
    }  # fmt: skip
    now, signals = T0, []
    for offset in range(random.randint(50, 140)):
        now += random.randint(0, random.choice([HOUR, 8 * HOUR]))
        signals.append(
            {
                "id": f"s{offset}", "tenant": "acme", "lead": "l1", "type": "a", "at": now, "source": "",
                "data": {}, "offset": offset, "timestamp": now,
            }
        )  # fmt: skip
    model = compiled(file)
    state = run(log_of(signals), model).fold.state_of(b"acme:l1")
    assert state is not None
    lead = told(file, signals).leads["acme", "l1"]
    parts = [part for part in lead.happenings if isinstance(part, Part)]
    one = parts[: max(0, len(parts) - KEPT + 1)] if len(parts) > KEPT else []
    for later in [0, HOUR, *(random.randint(0, 60 * DAY) for _ in range(12))]:
        t = now + later
        found, wanted = total_at(state, model, t), float(lead.total(t))
        if not one or not differs(one, t):
            # Their mean time is a whole millisecond: linear kernels feel that.
            assert abs(found - wanted) < 1e-4
            assert one or close(found, wanted)
            continue
        worths = [float(part.at_time(t)) for part in one]
        assert abs(found - wanted) <= len(one) * (max(worths) - min(worths)) + 1e-4


def differs(parts: list[Part], t: int) -> bool:
    """Whether a step, or the end of the line, lies between the oldest and the newest of the parts."""
    ends = [
        (of_age(one.ages, t - one.at), bool(fading(one.kernel, one.at, t))) for one in (parts[0], parts[-1])
    ]
    return ends[0] != ends[1]
