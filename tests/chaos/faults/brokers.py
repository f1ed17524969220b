"""Brokers that die, run out of disk, hand over their partitions, and compact all the time."""

from confluent_kafka import ElectionType
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from leadstream.devstack import ApacheKafka
from tests.chaos.brokers.cluster import Cluster
from tests.chaos.brokers.small_disk import SmallDisk
from tests.chaos.faults import Times
from tests.chaos.faults.processes import BEFORE, kill_one
from tests.chaos.scene import PARTITIONS, Scene

AWAY = 3.0
"""Seconds between a broker's end and its next start, which takes some seconds more."""
SMALL_SEGMENTS = {
    "segment.ms": "1000",
    "segment.bytes": "1048576",
    "min.cleanable.dirty.ratio": "0.01",
    "max.compaction.lag.ms": "1000",
    "delete.retention.ms": "100",
}
COMPACTED = 0.5
"""At most this share of the changelog's records is left by a compaction worth the name."""


def kill_broker(scene: Scene, broker: ApacheKafka, times: Times) -> None:
    """SIGKILL to the only broker; it is started again on what it has."""
    scene.wait(BEFORE)
    for _ in range(times.strikes):
        broker.kill()
        scene.wait(AWAY)
        broker.start()
        scene.struck()
        scene.wait((times.seconds - BEFORE) / times.strikes - AWAY)


def fill_disk(scene: Scene, broker: SmallDisk, times: Times) -> None:
    """No byte is left on the broker's disk, and it ends itself. Then there is space, and it is started."""
    scene.wait(BEFORE)
    for _ in range(times.strikes):
        broker.fill()
        scene.until(lambda: broker.pid is None, "the broker gives up", 60)
        scene.wait(AWAY)
        broker.empty()
        broker.start()
        scene.struck()
        scene.wait((times.seconds - BEFORE) / times.strikes - AWAY)


def move_leaders(scene: Scene, cluster: Cluster, times: Times) -> None:
    """SIGKILL to the broker that leads a partition; when it is back in sync, it is made the leader again."""
    topic, admin = (
        scene.installation.names.signals,
        AdminClient({"bootstrap.servers": scene.installation.bootstrap, "log_level": 0}),
    )
    scene.wait(BEFORE)
    for turn in range(times.strikes):
        number = turn % PARTITIONS
        before = admin.list_topics(topic, timeout=20).topics[topic].partitions[number].leader
        node = cluster.nodes[before]
        node.kill()
        scene.struck()

        def leader(number: int = number) -> int:
            found: int = admin.list_topics(topic, timeout=20).topics[topic].partitions[number].leader
            return found

        scene.until(lambda before=before: leader() not in (before, -1), "another broker leads", 30)
        node.launch()
        scene.until(lambda: in_sync(admin), "all replicas are in sync", 90)
        admin.elect_leaders(ElectionType.PREFERRED, None).result(20)
        scene.until(lambda before=before: leader() == before, "the old leader leads again", 30)
        scene.struck()
        scene.wait(2.0)


def in_sync(admin: AdminClient) -> bool:
    """Whether each partition has all its replicas."""
    topics = admin.list_topics(timeout=20).topics.values()
    return all(len(p.isrs) == len(p.replicas) for topic in topics for p in topic.partitions.values())


def compact(scene: Scene, _broker: ApacheKafka, times: Times) -> None:
    """The changelog is compacted all the time, while workers die and restore from it."""
    topic = scene.installation.names.changelog
    admin = AdminClient({"bootstrap.servers": scene.installation.bootstrap, "log_level": 0})
    settings = [
        ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
        for name, value in SMALL_SEGMENTS.items()
    ]
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=settings)
    for done in admin.incremental_alter_configs([resource]).values():
        done.result(20)
    scene.wait(BEFORE)
    for _ in range(times.strikes):
        scene.wait((times.seconds - BEFORE) / (times.strikes + 1))
        kill_one(scene, scene.workers)
    log = scene.log
    scene.until(
        lambda: all(
            len(log.read(topic, partition=number)) <= COMPACTED * log.end(topic, number)
            for number in range(PARTITIONS)
        ),
        "the changelog is compacted",
        60,
    )
