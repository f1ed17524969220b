"""What can go wrong between the log and PostgreSQL, and what the caller is to do about it."""

from leadstream.errors import LeadStreamError

MODELS_REMEDY = "run `leadstream db rebuild` once workers have run: they have written the models again"
OTHER_TOPIC_REMEDY = (
    "correct LEADSTREAM_KAFKA_BOOTSTRAP, or project into another LEADSTREAM_POSTGRES_SCHEMA: these tables "
    "have what the old topic said"
)


class ProjectionError(LeadStreamError):
    """PostgreSQL or the tables do not allow what was asked.

    The message is one line, names a remedy where there is one, and holds no password.
    """


class StoreUnavailable(ProjectionError):
    """PostgreSQL is away, refuses, or took too long. What was under way is undone, or its outcome is not
    known: read the position again, after a pause."""


class SchemaMismatch(ProjectionError):
    """The tables are not those of this version: an operator has to act."""


class OtherTopic(ProjectionError):
    """The tables were filled from another topic of the same name: an operator has to act."""

    def __init__(self, topic: str, partition: int, stored: str, present: str, remedy: str) -> None:
        self.what = (
            f"{topic} has the id {present}, but the tables have partition {partition} of a topic with the id "
            f"{stored}: it was made anew, or this is another cluster"
        )
        self.remedy = remedy
        super().__init__(f"{self.what}; {remedy}")


class PositionMismatch(ProjectionError):
    """The rows do not begin where the tables end. Nothing was written: seek to `current`, where they end."""

    def __init__(self, topic: str, partition: int, begin: int, current: int | None) -> None:
        super().__init__(
            f"{topic}-{partition}: PostgreSQL is at {current}, the records begin at {begin}: nothing written"
        )
        self.current = current
