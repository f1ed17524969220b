"""The whole scoring model through a kill: turns, waits and what is put off go on where they were."""

import time
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from leadstream.devstack import KafkaAddress
from leadstream.models import load_catalog
from leadstream.records.keys import TICK_KEY, lead_key
from leadstream.records.outputs import ScoreSnapshot
from leadstream.records.times import parse_instant, rfc3339
from tests.support.durations import MINUTE
from tests.support.installation import Installation
from tests.support.log import Log, Sent
from tests.support.processes import Role
from tests.support.replaying import Replayed, replayed_by_command
from tests.support.waiting import until

OWNERS = ("ann", "bob", "cem")
BEFORE = ["l0", "l1", "l2", "l3"]
AFTER = ["l4", "l5", "l6", "l7"]
REPLIED, COOLED = "l3", "l2"
"""The lead that answers in time, and the one that is hot no more when the alerts are judged again."""

MODEL = """
name: whole
version: "1"
half_life: none
categories:
  interest: {cap: 25, decay: {half_life: 30d}}
rules:
  - {id: visit, on: page.viewed, points: 10, category: interest, stage: consideration}
  - {id: demo, on: demo.requested, points: 45, stage: decision}
  - {id: invalid, on: contact.invalid, points: -30}
bands:
  - {name: cold, from: 0}
  - {name: hot, from: 60}
stages: [{name: consideration}, {name: decision}]
timers:
  - {id: idle, inactivity: 3s, points: -5}
  - {id: no-reply, absence: {of: email.replied, within: 2s, band: hot}}
spikes:
  - {id: surge, rules: [visit], count: 3, within: 1h}
actions:
  - {do: hand-over, when: {stage: decision}, channel: crm, assign: {owners: [ann, bob, cem]}}
  - {do: look, when: {spike: surge}, channel: chat}
  - {do: remind, when: {timer: no-reply}, channel: email}
  - {do: wake, when: {timer: idle}, channel: email}
  - do: alert
    when: {band: hot}
    channel: phone
    hours: {days: [mon, tue, wed, thu, fri, sat, sun], from: "12:MM", to: "18:00", outside: defer}
"""


class Installed:
    """An installation with the model; it is noon for its leads at `opening`, some minutes from now.

    The log has the producers' times on both brokers: one record moves it to the opening.
    """

    def __init__(self, broker: KafkaAddress, name: str, folder: Path) -> None:
        self.installation = Installation(replace(broker, create_time_only=True), name).create()
        self.log = Log(broker.bootstrap)
        opening = (int(time.time() * 1000) // MINUTE + 11) * MINUTE
        hour, minute = divmod(opening // MINUTE % (24 * 60), 60)
        self.opening = opening
        self.zone = f"Etc/GMT{hour - 12:+d}"
        self.model = folder / "whole.yaml"
        self.model.write_text(MODEL.replace("MM", f"{minute:02d}"))
        self._sent = 0

    def role(self, folder: Path) -> Role:
        """A worker process, not started yet."""
        return Role(folder, self.installation, "worker", "worker", "--model", str(self.model))

    def signal(self, lead: str, kind: str, at: int | None = None, **data: Any) -> Sent:
        """A signal that happens, and reaches the log, now or at `at`."""
        self._sent += 1
        now = int(time.time() * 1000) if at is None else at
        body = {
            "id": f"s{self._sent}", "tenant": "acme", "lead": lead, "type": kind, "at": now,
            "source": "web", "data": data,
        }  # fmt: skip
        return Sent(lead_key("acme", lead), msgspec.json.encode(body), 0, timestamp=now)

    def heat(self, leads: list[str]) -> None:
        """Sends what makes each lead hot: three visits, of which 25 count, and a demo."""
        records = []
        for lead in leads:
            records.append(self.signal(lead, "lead.created", timezone=self.zone))
            records += [self.signal(lead, "page.viewed") for _ in range(3)]
            records.append(self.signal(lead, "demo.requested"))
            if lead == REPLIED:
                records.append(self.signal(lead, "email.replied"))
        self.send(records)

    def send(self, records: list[Sent]) -> None:
        self.log.send(self.installation.names.signals, records)

    def outputs(self) -> list[dict[str, Any]]:
        """All actions and decisions there are now."""
        names = self.installation.names
        return [
            msgspec.json.decode(message.value() or b"")
            for topic in (names.actions, names.decisions)
            for message in self.log.read(topic)
        ]

    def done(self, do: str, status: str = "requested") -> dict[str, dict[str, Any]]:
        """The requested (or skipped) action of each lead; none has two."""
        found = [one for one in self.outputs() if one["type"] == f"lead.action.{status}" and one["do"] == do]
        by_lead = {one["lead"]: one for one in found}
        assert len(by_lead) == len(found), found
        return by_lead


@pytest.fixture
def installed(broker: KafkaAddress, unique: str, tmp_path: Path) -> Installed:
    return Installed(broker, unique, tmp_path)


@pytest.mark.requirement("S2-13")
@pytest.mark.requirement("S2-15")
@pytest.mark.requirement("N-13")
@pytest.mark.requirement("N-4")
@pytest.mark.requirement("N-14")
def test_turns_waits_and_what_is_put_off_survive_the_end_of_a_worker(
    installed: Installed, broker: KafkaAddress, tmp_path: Path
) -> None:
    leads = BEFORE + AFTER
    quiet = set(leads) - {REPLIED}
    installed.heat(BEFORE)
    with installed.role(tmp_path) as role:
        role.ready()
        until(lambda: installed.done("hand-over").keys() == set(BEFORE), "all have an owner")
        if broker.transactions:
            role.kill()
        else:
            # Without transactions a kill may put out twice what was under way; see test_embedded.
            role.terminate()
            assert role.ended(10) == 0
        role.start()
        role.ready()
        installed.heat(AFTER)
        # No signal comes any more: it is time alone, as ticks in the log, that reminds and wakes.
        until(lambda: installed.done("remind").keys() == quiet, "all who owe an answer are reminded")
        until(lambda: installed.done("wake").keys() == set(leads), "all are woken")
        assert installed.done("alert") == {}
        installed.send(
            [
                installed.signal(COOLED, "contact.invalid"),
                installed.signal("clock", "video.watched", at=installed.opening),
            ]
        )
        until(lambda: len(installed.done("alert")) == len(leads) - 1, "the alerts are judged again")
        role.terminate()
        assert role.ended(10) == 0

    hot, fired = when(installed, "lead.band.changed", "hot"), when(installed, "lead.trigger.fired")
    owners = [installed.done("hand-over")[lead]["payload"]["owner"] for lead in leads]
    assert owners == [OWNERS[number % 3] for number in range(len(leads))]
    assert installed.done("look").keys() == set(leads)
    assert {lead for lead, at in fired.items() if "spike:surge" in at} == set(leads)
    for lead in quiet:
        assert fired[lead]["timer:no-reply"] == hot[lead][""] + 2000
    reminded = installed.done("remind").values()
    assert {(one["cause"], one.get("signal")) for one in reminded} == {("timer", None)}

    alerts = installed.done("alert")
    assert alerts.keys() == set(leads) - {COOLED}
    assert {one["at"] for one in alerts.values()} == {rfc3339(installed.opening)}
    withheld = [one for one in installed.outputs() if one["type"] == "lead.action.skipped"]
    assert sorted((one["lead"], one["reason"]) for one in withheld) == sorted(
        [(lead, "deferred") for lead in leads] + [(COOLED, "no_longer")]
    )
    assert {one["until"] for one in withheld if one["reason"] == "deferred"} == {rfc3339(installed.opening)}

    installation = installed.installation
    keys = [message.key() for message in installed.log.read(installation.names.signals)]
    assert keys.count(TICK_KEY) > 0
    replayed = Replayed(installation, load_catalog(str(installed.model), None))
    replayed.check()
    # By lead a fact, three visits and a demo; the reply, the invalid contact and the last.
    assert (replayed.records, replayed.unfolded) == (5 * len(leads) + 3, [])
    rows = installed.log.rows(installation.names.scores)
    shots = [msgspec.json.decode(rows[lead_key("acme", lead)], type=ScoreSnapshot) for lead in leads]
    assert {shot.stage for shot in shots} == {"decision"}
    ids = [one["id"] for one in installed.outputs()]
    assert len(ids) == len(set(ids))
    by_command = replayed_by_command(installation, tmp_path, str(installed.model))
    assert sorted(one["id"] for one in by_command) == sorted(ids)


def when(installed: Installed, kind: str, band: str | None = None) -> dict[str, dict[str, int]]:
    """The times (ms) of a kind of record by lead and trigger; those of a trigger are one."""
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for one in installed.outputs():
        if one["type"] == kind and band in (None, one.get("band")):
            trigger = one.get("trigger", "")
            assert trigger not in found[one["lead"]], one
            found[one["lead"]][trigger] = parse_instant(one["at"])
    return found
