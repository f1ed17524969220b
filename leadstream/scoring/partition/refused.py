"""Records that are not folded here: dead letters, and those that belong to another partition."""

from hashlib import sha256

from leadstream.records.step import Headers, LogRecord, Message, Unreadable

MAX_VALUE = 524_288
"""The most bytes of a dead letter's value; more are cut and described in headers."""
MAX_KEY = 4096
MAX_HEADERS = 32
MAX_HEADER = 1024
FORWARDED = "leadstream-forwarded-from"


def dead_letter(record: LogRecord, topic: str, partition: int, reason: str, detail: str) -> Message:
    """The record as it came, with reason and place in its headers.

    Of the headers the first 32 are kept, each cut to 1,024 bytes; a longer key is cut to 4,096 bytes.
    """
    key, value = record.key, record.value
    headers = kept_headers(record)
    headers += [
        ("leadstream-reason", reason.encode()),
        ("leadstream-detail", detail.encode(errors="replace")[:MAX_HEADER]),
        ("leadstream-topic", topic.encode()),
        ("leadstream-partition", b"%d" % partition),
        ("leadstream-offset", b"%d" % record.offset),
        ("leadstream-timestamp", b"%d" % record.timestamp),
    ]
    length, digest = None, ""
    if type(record) is Unreadable:
        length, digest = record.length, record.sha256
        if record.last != record.offset:
            headers.append(("leadstream-last-offset", b"%d" % record.last))
        if record.raw:
            headers.append(("leadstream-raw", b"true"))
    elif value is not None:
        value, length, digest = cut(value)
    if length is not None:
        headers += [("leadstream-length", b"%d" % length), ("leadstream-sha256", digest.encode())]
    if key is not None and len(key) > MAX_KEY:
        headers.append(("leadstream-key-length", b"%d" % len(key)))
        key = key[:MAX_KEY]
    return key, value, headers


def kept_headers(record: LogRecord) -> Headers:
    """The record's first 32 headers, names and values up to 1,024 characters and bytes."""
    return [
        (name[:MAX_HEADER], (text or b"")[:MAX_HEADER]) for name, text in tuple(record.headers)[:MAX_HEADERS]
    ]


def cut(value: bytes) -> tuple[bytes, int | None, str]:
    """What a dead letter keeps of a value; if that is not all, length and SHA-256 (hexadecimal) of all."""
    if len(value) <= MAX_VALUE:
        return value, None, ""
    return value[:MAX_VALUE], len(value), sha256(value).hexdigest()


def forwarded(record: LogRecord, topic: str, partition: int) -> Message:
    """The record as it goes on to the partition of its key.

    Of its headers as much as a dead letter keeps: else a record as large as the topic takes would have grown
    beyond that. The place of the whole one is in the header that is added.
    """
    place = f"{topic}-{partition}-{record.offset}".encode()
    return record.key, record.value, [*kept_headers(record), (FORWARDED, place)]


def was_forwarded(record: LogRecord) -> bool:
    return any(name == FORWARDED for name, _ in record.headers)
