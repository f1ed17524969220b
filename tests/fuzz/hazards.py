"""Inputs that would cost time or memory out of proportion, each for one decoder.

`python -m tests.fuzz.hazards` runs each in a process with little time and memory, and prints the names of
those that got no answer.
"""

import io
import os
import resource
from collections.abc import Callable, Iterator
from typing import IO

from aiokafka import codec

from leadstream.kafka.decompression import ZSTD, TooLarge, decompress, is_too_large
from leadstream.offline.lines import MAX_LINE, read_lines
from leadstream.records.signal import MAX_BYTES
from tests.fuzz.decoders import DECODERS, SIGNAL

CPU_SECONDS = 10
"""The longest takes three; what is quadratic takes minutes."""
ADDRESS_SPACE = 1_500_000_000
HEAD = b'{"id":"s1","tenant":"acme","lead":"l1","type":"page.viewed","at":1767607000000,"data":'


class Endless(io.RawIOBase):
    """A file of one line without an end: so many bytes of `x`."""

    def __init__(self, size: int) -> None:
        self._left = size

    def read1(self, size: int) -> bytes:
        size = min(size, self._left)
        self._left -= size
        return b"x" * size


def one_line() -> None:
    """A line of 4 GiB is cut at MAX_LINE."""
    file: IO[bytes] = Endless(4 << 30)  # type: ignore[assignment]
    assert [len(line) for line in read_lines(file)] == [MAX_LINE]


def refuse(name: str, data: bytes) -> Callable[[], None]:
    def run() -> None:
        assert not DECODERS[name](data)

    return run


def accept(name: str, data: bytes) -> Callable[[], None]:
    def run() -> None:
        assert DECODERS[name](data)

    return run


def filled(begin: bytes, part: bytes, end: bytes, size: int = MAX_BYTES) -> bytes:
    """`begin`, as often `part` as there is room for, `end`."""
    return begin + part * ((size - len(begin) - len(end)) // len(part)) + end


def aliases() -> Iterator[bytes]:
    """YAML of which each list holds the one before nine times."""
    yield b"a0: &a0 [x,x,x,x,x,x,x,x,x]\n"
    for number in range(1, 12):
        yield b"a%d: &a%d [%s]\n" % (number, number, b",".join([b"*a%d" % (number - 1)] * 9))


def unpacked() -> None:
    """zstd of 4 GiB in a batch of 130 KiB is refused; `decompress` alone would take all of it."""
    data = codec.zstd_encode(bytes(8 << 20)) * 512
    try:
        decompress(data, ZSTD)
    except TooLarge:
        assert is_too_large(data, ZSTD)
    else:
        raise AssertionError("it was decompressed")


HAZARDS: dict[str, Callable[[], None]] = {
    "line-of-4-gib": one_line,
    "batch-of-4-gib": unpacked,
    "signal-of-16-mib": refuse("signal", filled(HEAD + b'"', b"x", b'"}', 16_777_216)),
    "signal-nested": refuse("signal", filled(HEAD, b"[", b"")),
    "signal-many-keys": accept(
        "signal", HEAD + b"{" + b",".join(b'"k%d":1' % n for n in range(80_000)) + b"}}"
    ),
    "signal-long-url": accept("signal", filled(HEAD + b'{"url":"https://example.com', b"/a", b'"}}')),
    "signal-long-agent": accept("signal", filled(HEAD + b'{"user_agent":"', b"Googlebo ", b'"}}')),
    "signal-long-phone": accept(
        "signal", filled(HEAD.replace(b"page.viewed", b"lead.updated") + b'{"phone":"+', b"1 (", b'"}}')
    ),
    "signal-escapes": refuse("signal", filled(HEAD + b'{"title":"', b"\\ud83d\\u0000", b'"}}')),
    "signal-long-number": refuse("signal", filled(HEAD + b'{"x":', b"9", b"x}}")),
    "lines-many-empty": accept("lines", SIGNAL + b"\n" * 1_000_000),
    "snapshot-nested": refuse("scores", b'{"tenant":' * 400_000),
    "snapshot-surrogates": refuse("scores", filled(b'{"tenant":"', b"\\ud800", b'"}')),
    "aliases-tenants": refuse("tenants", b"".join(aliases())),
    "aliases-rule-file": refuse("rule-file", b"".join(aliases())),
    "aliases-script": refuse("script", b"".join(aliases())),
    "nested-rule-file": refuse("rule-file", b"[" * 100_000),
    "nested-mautic": refuse("mautic", b'{"points":' * 400_000),
    "nested-hubspot": refuse("hubspot", b"[" * 4_000_000),
    "digits": refuse("time", b"9" * 4_000_000),
    "header-digits": accept("dead-letter-headers", b'[["leadstream-length","%s"]]' % (b"9" * 1_000_000)),
}


def answered(name: str) -> bool:
    """Runs one in a copy of this process, which the kernel kills past its time and denies more room."""
    child = os.fork()
    if not child:
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
        resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
        HAZARDS[name]()
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0


if __name__ == "__main__":
    for hazard in HAZARDS:
        if not answered(hazard):
            print(hazard, flush=True)
