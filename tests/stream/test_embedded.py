"""The embedded broker, without transactions: one worker, stopped under load and started again."""

import time
from pathlib import Path

from leadstream.stream.transaction import GUARANTEE_ROW
from leadstream.synthetic.generator import generate
from tests.support.log import Log, Sent
from tests.support.processes import worker
from tests.support.replaying import Replayed
from tests.support.waiting import until

from .bench import catalog
from .conftest import Install

SIGNALS = 20_000
LEADS = 500


def test_sigterm_under_load_and_a_restart_give_what_the_replay_gives(
    install_embedded: Install, tmp_path: Path
) -> None:
    installation = install_embedded(4, step_signals=200, max_poll_records=200)
    log = Log(installation.bootstrap)
    now = int(time.time() * 1000)
    signals = [Sent(one.key, one.value) for one in generate(3, LEADS, SIGNALS, now - 3_600_000, 3_600_000)]
    with worker(tmp_path, installation) as role:
        role.ready()
        log.send(installation.names.signals, signals[: SIGNALS // 2])
        until(lambda: role.metric("leadstream_signals_total") > 500, "it folds")
        role.terminate()
        assert role.ended(10) == 0
        stopped = Replayed(installation, catalog())
        # Under load indeed, and what was folded is committed, with nothing of it twice.
        assert sum(len(written.history) for written in stopped.written.values()) > 500
        assert stopped.unfolded
        stopped.check()
        log.send(installation.names.signals, signals[SIGNALS // 2 :])
        role.start()
        until(lambda: role.metric("leadstream_restored_records_total") > 0, "it restores")
        until(lambda: role.metric("leadstream_steps_total") > 0, "it folds")
        ends = {
            number: log.read(installation.names.signals, partition=number)[-1].offset() for number in range(4)
        }

        def caught_up() -> bool:
            position = {
                number: role.metric("leadstream_position", partition=str(number)) for number in range(4)
            }
            return all(position[number] > end for number, end in ends.items())

        until(caught_up, "it has folded everything", 60)
        role.terminate()
        assert role.ended(10) == 0
    replayed = Replayed(installation, catalog())
    replayed.check()
    assert (replayed.records, replayed.unfolded) == (SIGNALS, [])
    ids = replayed.action_ids() + replayed.decision_ids()
    assert len(ids) == len(set(ids)) > 100
    for rows in replayed.changelog.values():
        assert rows[GUARANTEE_ROW] == b"at_least_once"
