"""The path of a URL, segment by segment."""

from urllib.parse import unquote_to_bytes

from leadstream.scoring.facts.text import composed

_DROPPED = str.maketrans("", "", "\t\r\n")
"""What browsers take out of a URL."""


def segments_of(url: str) -> list[str]:
    """The segments of a URL's path as a browser resolves it, each as `segment_of` reads it.

    Host, query and fragment are no path, a path alone is one. `\\` parts as `/` does, `.` and `..` are
    resolved, also where they are encoded; an encoded `/` parts nothing. `/de/pricing` has the segment
    `pricing`, `/pricing-faq` and `https://pricing.example/` have not.
    """
    path = url.split("#", 1)[0].split("?", 1)[0]
    if path.isascii() and path.isprintable() and not any(one in path for one in "%;\\."):
        parts = path.strip().split("/")
        _cut_host(parts)
        return parts
    parts = path.strip().translate(_DROPPED).replace("\\", "/").split("/")
    _cut_host(parts)
    found: list[str] = []
    for part in parts:
        segment = segment_of(part)
        if segment == "..":
            del found[-1:]
        elif segment not in ("", "."):
            found.append(segment)
    return found


def _cut_host(parts: list[str]) -> None:
    """Takes the host out of `https://host/...` and `//host/...`."""
    if len(parts) > 2 and not parts[1] and (not parts[0] or parts[0][-1] == ":"):
        del parts[:3]


def segment_of(text: str) -> str:
    """A segment without its parameters (`;jsessionid=...`), percent-decoded once, in normalisation form C.

    What is no valid encoding of UTF-8 stays as it is; `+` is a plus.
    """
    segment = text.partition(";")[0]
    if "%" in segment:
        try:
            segment = unquote_to_bytes(segment).decode()
        except UnicodeDecodeError:
            return segment
    return composed(segment)
