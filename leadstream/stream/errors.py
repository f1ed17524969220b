"""What can end a task or a worker.

StreamError                 the process ends with `exit_code`; its supervisor restarts it
├── Refused          (2)    settings or state that a restart won't mend: says what to change
│   ├── Denied              Kafka does not let this user do what is needed
│   └── OtherLog     (2)    the log is not the one that the state was made of
├── LogTruncated     (3)    the log no longer has the records from the position on
├── StepFailed       (4)    the log did not take a step: a failed send, a deadline passed
└── ProcessEnded     (its)  a process of the worker ended, so all do
Fenced                      the writer is of no more use, a new one may be; not a failure
"""


class StreamError(Exception):
    """Ends the process; the message names the place, the value and the remedy."""

    exit_code = 1


class Refused(StreamError):
    """The worker would do wrong if it went on: a restart alone won't mend it."""

    exit_code = 2


class Denied(Refused):
    """Kafka does not let this user do what is needed; the message names the rights."""


class OtherLog(Refused):
    """The log is not the one that the state was made of, so a position in it means nothing."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(f"{what}; {remedy}")
        self.what = what
        self.remedy = remedy


class LogTruncated(StreamError):
    """Records behind the position are gone from the log, or it ends before the position."""

    exit_code = 3

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(f"{what}; {remedy}")
        self.what = what
        self.remedy = remedy


class StepFailed(StreamError):
    """A step could not be committed; it is folded again after the restart."""

    exit_code = 4


class ProcessEnded(StreamError):
    """A process of a worker that has several ended by itself; `code` as `multiprocessing` gives it."""

    def __init__(self, number: int, code: int) -> None:
        how = f"with exit code {code}" if code >= 0 else f"by signal {-code}"
        super().__init__(f"process {number} of this worker ended {how}: see its log lines")
        self.exit_code = max(code, 1)


class Fenced(Exception):
    """A newer writer has the partition's transactional id, the broker aborted the transaction, or the
    producer ended itself: the partition is opened again, and goes on from what is committed.
    """
