"""Checks of the Kafka cluster: does it answer, are the topics as they should be, can it do transactions."""

from leadstream.cli.diagnosis.findings import Finding, Level
from leadstream.cli.topics import describe, remedy
from leadstream.kafka.clients import administration
from leadstream.kafka.rights import lacking, principal, rights
from leadstream.kafka.topics import Difference, TopicNames, describe_topics, differences, specs
from leadstream.settings import Settings
from leadstream.stream.errors import Denied, Refused
from leadstream.stream.preflight import added, check_transactions

RIGHTS = "rights"
"""The area of what this user may not do."""
CREATE = "run `leadstream topics create`"


async def check_broker(settings: Settings) -> list[Finding]:
    """Whether brokers answer, and how many. Raises Kafka's errors if none does."""
    async with administration(settings) as client:
        cluster = await client.describe_cluster()
    brokers = cluster["brokers"]
    text = f"{len(brokers)} at {settings.kafka_bootstrap}, cluster {cluster['cluster_id']}"
    return [Finding("broker", "ok", text)]


async def check_topics(settings: Settings) -> list[Finding]:
    """Whether all topics are there, alike in their number of partitions, with their settings."""
    names = TopicNames(settings.topic_prefix, settings.app)
    wanted = specs(names, 1, create_time=settings.allow_create_time)
    present = await describe_topics(settings, [spec.name for spec in wanted])
    signals = present.get(names.signals)
    if signals is None:
        return [Finding("topics", "problem", f"there is no topic {names.signals}", CREATE)]
    wanted = specs(names, signals.partitions, create_time=settings.allow_create_time)
    findings = []
    for spec in wanted:
        for difference in differences(spec, present.get(spec.name)):
            if difference.found is None:
                mend = CREATE
            elif difference.setting == "partitions" and spec.name == names.models:
                mend = f"delete it, then {CREATE}: workers fill it when they start"
            elif difference.setting == "partitions":
                mend = count_remedy(difference, signals.partitions)
            else:
                mend = remedy([difference], settings)
            level: Level = "problem" if difference.required and not is_roomy(difference) else "note"
            findings.append(Finding("topics", level, describe(difference), mend))
    if not any(finding.level == "problem" for finding in findings):
        text = f"{len(wanted)} topics with {signals.partitions} partitions each, that of models with one"
        findings.insert(0, Finding("topics", "ok", text))
    return findings


async def check_rights(settings: Settings) -> list[Finding]:
    """Which rights these checks lack: without them others find less than there is."""
    needed = rights(TopicNames(settings.topic_prefix, settings.app))["doctor"]
    missing = await lacking(settings, needed)
    if not missing:
        return []
    text = f"{principal(settings)} lacks {', '.join(map(str, missing))}"
    return [Finding(RIGHTS, "problem", text, "grant it: docs/operations.md lists all rights")]


def is_roomy(difference: Difference) -> bool:
    """Whether a topic has more partitions than are written to: they stay empty."""
    found = difference.found
    return (
        difference.setting == "partitions" and found is not None and int(found) > int(difference.wanted) > 1
    )


def count_remedy(difference: Difference, partitions: int) -> str:
    """What to do about a topic with another number of partitions than that of signals."""
    if is_roomy(difference):
        return "nothing: what comes of a partition goes to that of the same number, the others stay empty"
    before = int(difference.found or 0)
    return f"if partitions were added to the topic of signals, {added(partitions, before)}"


async def check_guarantee(settings: Settings) -> list[Finding]:
    """Whether the broker can do what `processing_guarantee` asks for."""
    wanted = settings.processing_guarantee
    try:
        await check_transactions(settings)
    except Denied as error:
        if wanted == "exactly_once":
            return [Finding(RIGHTS, "problem", str(error), "see docs/operations.md")]
        return [Finding("guarantee", "ok", "at_least_once; this user may not have transactions")]
    except Refused as error:
        if wanted == "exactly_once":
            mend = "use Apache Kafka, or set LEADSTREAM_PROCESSING_GUARANTEE=at_least_once"
            return [Finding("guarantee", "problem", str(error), mend)]
        text = "at_least_once, as the broker has no transactions: after a crash outputs may come twice"
        return [Finding("guarantee", "ok", text)]
    if wanted == "exactly_once":
        return [Finding("guarantee", "ok", "exactly_once: the broker has transactions")]
    text = "at_least_once, although the broker has transactions"
    return [Finding("guarantee", "note", text, "set LEADSTREAM_PROCESSING_GUARANTEE=exactly_once")]
