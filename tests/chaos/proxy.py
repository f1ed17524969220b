"""A TCP proxy on the loopback that can cut, silence and slow down what passes."""

import asyncio
import socket
import struct
import threading
from types import TracebackType
from typing import Self

from leadstream.devstack.processes import free_port

PIECE = 65_536
RESET = struct.pack("ii", 1, 0)
"""SO_LINGER with no time to linger: closing sends RST."""


class Proxy:
    """Passes connections to its `port` on to `target`, on 127.0.0.1; its loop has a thread of its own.

    `delay` is for how many seconds each piece of up to 64 KiB is held back, `rate` the most bytes a second
    that pass in one direction of a connection; both may change at any time.
    """

    def __init__(self, target: int) -> None:
        self.port = free_port()
        self.target = target
        self.delay = 0.0
        self.rate = float("inf")
        self.cuts = 0
        """How many connections were cut."""
        self._loop = asyncio.new_event_loop()
        self._passes = asyncio.Event()
        self._passes.set()
        self._open: set[asyncio.StreamWriter] = set()
        self._connections: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        listening = asyncio.start_server(self._accept, "127.0.0.1", self.port)
        asyncio.run_coroutine_threadsafe(listening, self._loop).result()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def cut(self) -> None:
        """Resets every connection."""
        asyncio.run_coroutine_threadsafe(self._cut(), self._loop).result()

    def silence(self) -> None:
        """From now on nothing passes, and nobody is told: connections stay, and new ones are accepted."""
        self._loop.call_soon_threadsafe(self._passes.clear)

    def speak(self) -> None:
        """Lets pass what was held, and all that comes."""
        self._loop.call_soon_threadsafe(self._passes.set)

    async def _cut(self) -> None:
        for writer in self._open:
            connection = writer.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            writer.transport.abort()
        self.cuts += len(self._open) // 2

    async def _close(self) -> None:
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)
        self._open.add(writer)
        onward = None
        try:
            back, onward = await asyncio.open_connection("127.0.0.1", self.target)
            self._open.add(onward)
            pumps = [
                asyncio.create_task(self._pump(reader, onward)),
                asyncio.create_task(self._pump(back, writer)),
            ]
            try:
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for pump in pumps:
                    pump.cancel()
                await asyncio.gather(*pumps, return_exceptions=True)
        except OSError:
            pass  # the broker is down: the client's connection ends, too
        finally:
            for end in (writer, onward):
                if end is not None:
                    self._open.discard(end)
                    end.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(PIECE):
            await self._passes.wait()
            held = self.delay + len(piece) / self.rate
            if held:
                await asyncio.sleep(held)
            writer.write(piece)
            await writer.drain()
