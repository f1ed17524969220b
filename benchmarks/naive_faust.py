"""The scorer as Faust's manual would write it: one event at a time, one table. For comparison only."""

import os
import time
from pathlib import Path

import faust

HALF_LIFE = 14 * 86_400.0
POINTS = {
    "email.opened": 2.0,
    "email.replied": 10.0,
    "page.viewed": 10.0,
    "form.submitted": 30.0,
    "email.bounced": -20.0,
}
TOTAL = int(os.environ["BENCH_SIGNALS"])
TOPIC = os.environ["BENCH_TOPIC"]

app = faust.App(
    os.environ["BENCH_APP"],
    broker=f"kafka://{os.environ['LEADSTREAM_KAFKA_BOOTSTRAP']}",
    store="memory://",
    topic_partitions=4,
    topic_replication_factor=1,
    web_enabled=False,
    autodiscover=False,
    consumer_auto_offset_reset="earliest",
    stream_wait_empty=False,
    datadir=os.environ["BENCH_DIRECTORY"],
)
signals = app.topic(TOPIC, key_serializer="raw", value_serializer="json")
actions = app.topic(f"{os.environ['BENCH_APP']}-actions", value_serializer="json")
table = app.Table("scores", partitions=4, default=lambda: [0.0, 0.0])
count = 0
started = cpu = 0.0


@app.agent(signals)
async def score(stream):
    global count, started, cpu
    async for key, signal in stream.items():
        if not count:
            started, cpu = time.perf_counter(), time.process_time()
        before, at = table[key]
        now = signal["at"] / 1000
        before *= 2.0 ** (-max(0.0, now - at) / HALF_LIFE)
        after = before + POINTS.get(signal["type"], 0.0)
        table[key] = [after, now]
        if before < 80.0 <= after:
            await actions.send(key=key, value={"lead": signal["lead"], "total": after})
        count += 1
        if count == TOTAL:
            wall = time.perf_counter() - started
            # Faust sends what is printed to its log.
            Path(os.environ["BENCH_RESULT"]).write_text(  # noqa: ASYNC240 - the last thing it does
                f"{count / wall} {count / (time.process_time() - cpu)}"
            )
            os._exit(0)
