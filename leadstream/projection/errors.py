"""What can go wrong between the log and PostgreSQL, and what the caller is to do about it."""

MODELS_REMEDY = "run `leadstream db rebuild` once workers have run: they have written the models again"
OTHER_TOPIC_REMEDY = (
    "correct LEADSTREAM_KAFKA_BOOTSTRAP, or project into another LEADSTREAM_POSTGRES_SCHEMA: these tables "
    "have what the old topic said"
)


class ProjectionError(Exception):
    """The message is one line, names a remedy where there is one, and holds no password.

    ```
    ProjectionError
    ├── StoreUnavailable   try again later
    ├── SchemaMismatch     an operator has to act
    ├── OtherTopic         an operator has to act
    └── PositionMismatch   seek to `current`
    ```
    """


class StoreUnavailable(ProjectionError):
    """PostgreSQL is away, refuses, or took too long. What was under way is undone, or its outcome is not
    known: read the position again, after a pause."""


class SchemaMismatch(ProjectionError):
    """The tables are not those of this version."""


class OtherTopic(ProjectionError):
    """A position is one of another topic of the same name."""

    def __init__(self, topic: str, partition: int, stored: str, present: str, remedy: str) -> None:
        self.what = (
            f"{topic} has the id {present}, but the tables have partition {partition} of a topic with the id "
            f"{stored}: it was made anew, or this is another cluster"
        )
        self.remedy = remedy
        super().__init__(f"{self.what}; {remedy}")


class PositionMismatch(ProjectionError):
    """The rows do not begin where the tables end. Nothing was written. `current` is where they end."""

    def __init__(self, topic: str, partition: int, begin: int, current: int | None) -> None:
        super().__init__(
            f"{topic}-{partition}: PostgreSQL is at {current}, the records begin at {begin}: nothing written"
        )
        self.current = current
