"""What a task's metrics say of its steps: each counts the records that were written, by their own words."""

from collections import Counter

import msgspec

from leadstream.operations import metrics
from tests.support.simulated import SimulatedPartition, SimulatedRecord

from .bench import START, Bench, in_virtual_time, signal

COUNTED = {
    "leadstream_crossings_total": ("direction",),
    "leadstream_band_changes_total": (),
    "leadstream_actions_total": ("do", "status"),
    "leadstream_dead_letters_total": ("reason",),
    "leadstream_unread_facts_total": ("field",),
    "leadstream_signals_total": ("type", "outcome"),
}


def shown() -> Counter[tuple[str, ...]]:
    """By name and labels, in the order above, what the page shows."""
    found: Counter[tuple[str, ...]] = Counter()
    for family in metrics.WORKER.collect():
        for sample in family.samples:
            if sample.name in COUNTED:
                labels = tuple(sample.labels.pop(label) for label in COUNTED[sample.name])
                assert not sample.labels
                found[sample.name.removeprefix("leadstream_").removesuffix("_total"), *labels] = int(
                    sample.value
                )
    return found


@in_virtual_time
async def test_each_count_is_that_of_the_records() -> None:
    before = shown()
    facts = {"phone": "030", "country": "Germany"}
    records = [
        signal(0, "ann", type="lead.created", data=facts),
        # 30, 60 and 90 points: thresholds and bands are passed, and no phone is known for the call.
        *(signal(number, "ann") for number in (1, 2, 3)),
        signal(4, "bob", type="lead.created", data={"phone": "+4930901820"}),
        *(signal(number, "bob") for number in (5, 6, 7)),
        signal(8, "bob", type="status.changed", data={"to": "unsubscribed"}),
        SimulatedRecord(9, START + 9000, b"acme:ann", b"{"),
        SimulatedRecord(10, START + 10_000, b"\0odd", None),
    ]
    bench = Bench(SimulatedPartition(records), step_signals=4)
    bench.task.start()
    await bench.opened()
    bench.feed_all(3)
    await bench.folded(11)
    await bench.task.close()
    written, expected = bench.partition.written, Counter[tuple[str, ...]]()
    for _, value, headers in [*written.actions, *written.decisions]:
        told, kind = msgspec.json.decode(value or b""), dict(headers)["ce_type"].decode()
        if kind == "lead.threshold.crossed":
            expected["crossings", told["direction"]] += 1
        elif kind == "lead.band.changed":
            expected["band_changes",] += 1
        elif kind.startswith("lead.action."):
            expected["actions", told["do"], told.get("reason", "requested")] += 1
    for _, _, headers in written.dead_letters:
        expected["dead_letters", dict(headers)["leadstream-reason"].decode()] += 1
    expected["unread_facts", "phone"] = 1
    found = shown()
    assert {labels[0] for labels in expected} == {
        "crossings", "band_changes", "actions", "dead_letters", "unread_facts",
    }  # fmt: skip
    assert len([labels for labels in expected if labels[0] == "actions"]) > 1
    gained = found - before
    signals = {labels: gained.pop(labels) for labels in list(gained) if labels[0] == "signals"}
    assert gained == expected
    assert sum(signals.values()) == 9
    assert signals["signals", "form.submitted", "scored"] == 6
