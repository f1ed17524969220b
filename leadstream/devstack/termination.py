"""Signals that end this process, wherever its main thread is when they come."""

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

AGAIN_SECONDS = 0.01
"""A signal whose exception was dropped is handled again after this time."""


@contextmanager
def ends_on_signal() -> Iterator[None]:
    """Within it, SIGTERM and SIGHUP raise SystemExit in the main thread, as SIGINT raises KeyboardInterrupt,
    so that what was started is stopped. A SIGHUP or SIGINT that was ignored before, as by `nohup` and in a
    shell's background job, stays ignored.

    Python drops an exception that comes in a finalizer, and a signal that comes during a garbage collection
    is handled in the first finalizer that this calls. Within this context it is handled again then. Must be
    entered in the main thread.
    """
    dropped: list[int] = []

    def leave(signum: int, _frame: object) -> None:
        raise SystemExit(128 + signum)

    def again(_signum: int, frame: FrameType | None) -> None:
        signum = dropped.pop()
        handler = signal.getsignal(signum)
        if callable(handler):
            handler(signum, frame)

    def unraisable(lost: "sys.UnraisableHookArgs") -> None:
        signum = _signal_behind(lost.exc_value)
        if signum is None:
            report(lost)
            return
        dropped[:] = [signum]
        signal.setitimer(signal.ITIMER_REAL, AGAIN_SECONDS)

    report, sys.unraisablehook = sys.unraisablehook, unraisable
    handlers = {signal.SIGTERM: leave, signal.SIGALRM: again}
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        handlers[signal.SIGHUP] = leave
    before = {signum: signal.signal(signum, handler) for signum, handler in handlers.items()}
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for signum, handler in before.items():
            signal.signal(signum, handler)
        sys.unraisablehook = report


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Within it, SIGINT, SIGTERM and SIGHUP wait; what their Python handlers raise comes at its end.

    A process that is being started would be known to nobody if an exception came before it has a name.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # no handler runs here
        return
    came: list[int] = []
    before: dict[int, Callable[[int, FrameType | None], object]] = {}
    try:
        for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            handler = signal.getsignal(signum)
            if callable(handler):
                before[signum] = handler
                signal.signal(signum, lambda number, _frame: came.append(number))
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for number in came:
            before[number](number, None)


def _signal_behind(error: BaseException | None) -> int | None:
    """The signal whose handler raised this, if one did."""
    if isinstance(error, KeyboardInterrupt):
        return signal.SIGINT
    if isinstance(error, SystemExit) and error.code in (128 + signal.SIGTERM, 128 + signal.SIGHUP):
        return int(error.code) - 128
    return None
