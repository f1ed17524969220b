"""How long to wait before something that failed is tried again."""

from random import Random

RANDOM = Random()
"""The source of jitter where nothing has to be reproducible."""


class Backoff:
    """The waits between tries, in seconds: `first`, then each `factor` times the one before, at most `most`.

    Up to the part `jitter` (0 to 1) of each wait is left out at random: processes that lost a server together
    would otherwise all come back to it at once.
    """

    def __init__(
        self, first: float, most: float, *, factor: float = 2.0, jitter: float = 0.25, random: Random = RANDOM
    ) -> None:
        self._first = first
        self._most = most
        self._factor = factor
        self._jitter = jitter
        self._random = random
        self._next = first

    def next(self) -> float:
        """The seconds to wait now."""
        wait = self._next
        self._next = min(wait * self._factor, self._most)
        return wait * (1 - self._jitter * self._random.random())

    def reset(self) -> None:
        """Begin with the first wait again: it works."""
        self._next = self._first
