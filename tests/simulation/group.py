"""A simulated consumer group: members, generations, and partitions dealt anew with each."""

import asyncio
from collections.abc import Callable
from random import Random
from typing import Protocol

SESSION_SECONDS = 6.0
REBALANCE_SECONDS = 8.0
"""So long the group waits for its members to rejoin; Kafka would a minute."""


class Member(Protocol):
    """A process in the group."""

    name: str
    alive: bool


class Group:
    """The coordinator. A member that is not heard of in time is put out, though it may still be running."""

    def __init__(self, partitions: int, random: Random, trace: Callable[[str], None]) -> None:
        self._partitions = partitions
        self._random = random
        self._trace = trace
        self._loop = asyncio.get_running_loop()
        self._members: list[Member] = []
        self._joining: dict[Member, asyncio.Future[tuple[int, list[int]]]] = {}
        self._unheard: dict[Member, asyncio.TimerHandle] = {}
        self._rebalancing = False
        self._told: dict[Member, asyncio.Future[None]] = {}
        self.generation = 0
        self.committed: dict[int, int] = {}
        """The group's committed offsets, for lag tools."""

    def join(self, member: Member) -> asyncio.Future[tuple[int, list[int]]]:
        """The member's next generation and its partitions, once all members have joined or are put out."""
        if member not in self._members:
            self._members.append(member)
        self.rebalance()
        future: asyncio.Future[tuple[int, list[int]]] = self._loop.create_future()
        self._joining[member] = future
        self._complete_if_all()
        return future

    def leave(self, member: Member) -> None:
        """Puts a member out; the others rebalance."""
        self.hear(member)
        self._tell(member)
        self._joining.pop(member, None)
        if member in self._members:
            self._members.remove(member)
            self.rebalance()
            self._complete_if_all()

    def rebalance(self) -> None:
        """Asks all members to rejoin."""
        if self._rebalancing:
            return
        self._rebalancing = True
        for member in self._members:
            self._tell(member)
        asked = self.generation
        self._loop.call_later(REBALANCE_SECONDS, self._put_out_laggards, asked)

    def lose(self, member: Member) -> None:
        """The member is not heard of from now on: after the session's time it is put out."""
        if member in self._members and member not in self._unheard:
            self._unheard[member] = self._loop.call_later(SESSION_SECONDS, self.leave, member)

    def hear(self, member: Member) -> None:
        """The member is heard of again."""
        timer = self._unheard.pop(member, None)
        if timer is not None:
            timer.cancel()

    def confirms(self, member: Member, generation: int) -> bool:
        """What a heartbeat is answered."""
        return not self._rebalancing and generation == self.generation and member in self._members

    def change(self, member: Member) -> asyncio.Future[None]:
        """Done when the member has to join again."""
        future = self._told[member] = self._loop.create_future()
        if self._rebalancing or member not in self._members:
            self._tell(member)
        return future

    def _tell(self, member: Member) -> None:
        future = self._told.pop(member, None)
        if future is not None and not future.done():
            future.set_result(None)

    def _put_out_laggards(self, asked: int) -> None:
        if self._rebalancing and self.generation == asked:
            self._members = [member for member in self._members if member in self._joining]
            self._complete_if_all()

    def _complete_if_all(self) -> None:
        joining = self._joining
        if not self._rebalancing or any(member not in joining for member in self._members):
            return
        self.generation += 1
        self._rebalancing = False
        self._joining = {}
        dealt: list[list[int]] = [[] for _ in self._members]
        if dealt:
            shift = self._random.randrange(len(dealt))
            for partition in range(self._partitions):
                dealt[(partition + shift) % len(dealt)].append(partition)
        for member, partitions in zip(self._members, dealt, strict=True):
            self._trace(f"group: generation {self.generation} gives {member.name} {partitions}")
            future = joining[member]
            if not future.done():
                future.set_result((self.generation, partitions))
