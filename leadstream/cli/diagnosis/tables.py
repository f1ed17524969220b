"""Checks of PostgreSQL: does it answer, is its schema this version's, how far does it follow the log."""

from aiokafka import TopicPartition

from leadstream.cli.diagnosis.findings import RECENT_MS, Finding, Level, age, wall_clock
from leadstream.kafka.log_reader import bounds
from leadstream.kafka.topics import TopicNames
from leadstream.projection.errors import MODELS_REMEDY, OTHER_TOPIC_REMEDY
from leadstream.projection.queries import reading
from leadstream.settings import Settings
from leadstream.stream.topic_watch import watched


async def check_tables(settings: Settings) -> list[Finding]:
    """Whether the tables are there, and what they hold. Raises the projection's errors."""
    findings = []
    async with reading(settings.postgres_dsn.get_secret_value(), settings.postgres_schema) as tables:
        bands = await tables.bands()
        for topic, reason, count, last in await tables.dead_letters():
            text = f"{count:,} records of {topic} could not be stored ({reason}), the last {age(last)}"
            level: Level = "problem" if wall_clock() - last < RECENT_MS else "note"
            findings.append(Finding("tables", level, text, "see the table projection_dead_letters"))
    leads = sum(bands.values())
    text = f"schema {settings.postgres_schema}, {leads:,} leads"
    if leads:
        text += f" ({', '.join(f'{band} {count:,}' for band, count in bands.items())})"
    return [Finding("tables", "ok", text), *findings]


async def check_projection(settings: Settings) -> list[Finding]:
    """Whether the positions in the tables fit the topics that they come from."""
    async with reading(settings.postgres_dsn.get_secret_value(), settings.postgres_schema) as tables:
        positions = await tables.positions()
        ids = await tables.topic_ids()
    if not positions:
        text = "the tables have no position: nothing was projected yet"
        return [Finding("projection", "note", text, "run `leadstream projector`")]
    log = await bounds(settings, [TopicPartition(*place) for place in positions])
    findings = []
    waiting = 0
    async with watched(settings, [*ids]) as found:
        for topic, stored in ids.items():
            if found[topic].id and found[topic].id != stored:
                text = f"{topic} has the id {found[topic].id}, but the tables are those of the id {stored}"
                names = TopicNames(settings.topic_prefix, settings.app)
                mend = MODELS_REMEDY if topic == names.models else OTHER_TOPIC_REMEDY
                findings.append(Finding("projection", "problem", text, mend))
    for (topic, number), position in positions.items():
        begin, end = log[TopicPartition(topic, number)]
        if position > end:
            text = f"{topic}-{number} is projected up to offset {position}, but it ends at {end}"
            mend = f"the topic was made anew, or lost its end: {OTHER_TOPIC_REMEDY}"
            findings.append(Finding("projection", "problem", text, mend))
        elif position < begin:
            text = f"{topic}-{number} is projected up to offset {position}, but it begins at {begin}"
            mend = "its retention passed the projector: `leadstream db rebuild` takes what is left"
            findings.append(Finding("projection", "problem", text, mend))
        else:
            waiting += end - position
    if waiting:
        text = f"the tables are {waiting:,} records behind the topics"
        findings.append(Finding("projection", "note", text, "wait, if a projector runs; else start one"))
    if not findings:
        findings.append(Finding("projection", "ok", "the tables have all of the topics"))
    return findings
