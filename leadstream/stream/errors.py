"""What can end a task or a worker, each with the exit code of the process (docs/errors.md)."""

from leadstream.errors import LeadStreamError


class StreamError(LeadStreamError):
    """Ends a worker or projector with `exit_code`; the message names the place, the value and the remedy.

    A supervisor restarts the process.
    """

    exit_code = 1


class Refused(StreamError):
    """Settings or state that a restart alone won't mend: the process would do wrong if it went on."""

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
    """A step was not committed: a send failed, or a deadline passed. It is folded again after the restart."""

    exit_code = 4


class ProcessEnded(StreamError):
    """A process of a worker that has several ended by itself, so all end.

    `code` is its exit code as `multiprocessing` gives it, negative for a signal.
    """

    def __init__(self, number: int, code: int) -> None:
        how = f"with exit code {code}" if code >= 0 else f"by signal {-code}"
        super().__init__(f"process {number} of this worker ended {how}: see its log lines")
        self.exit_code = max(code, 1)


class Fenced(Exception):
    """The partition is to be opened again, and goes on from what is committed.

    A newer writer has its transactional id, the broker aborted the transaction, or the producer ended itself.
    """
