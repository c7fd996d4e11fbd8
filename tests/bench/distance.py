"""Storage that is some milliseconds away: a proxy before the emulator delays and counts requests."""

import asyncio
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace

from infra.local import azurite
from infra.local.azurite import Endpoints
from tests.bench.emulator import Request, request_in

# The round-trip time to storage in another region.
AWAY_SECONDS = 0.020
_START_SECONDS_MAX = 10.0
_PIECE_BYTES = 2**16


@dataclass(frozen=True, slots=True)
class Distance:
    """The endpoints of the proxy, and the requests that it has passed on, in their order.

    ``seconds`` is how long each answer took, with the distance.
    """

    endpoints: Endpoints
    requests: list[Request] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)


@contextmanager
def away(endpoints: Endpoints, seconds: float, *, blobs_alone: bool = False) -> Iterator[Distance]:
    """Delay each request by so many seconds: to the blob service alone, or to all three services."""
    ports = azurite.free_ports(1 if blobs_alone else 3)
    real = (endpoints.blob_port, endpoints.queue_port, endpoints.table_port)
    near = replace(endpoints, blob_port=ports[0])
    if not blobs_alone:
        near = replace(near, queue_port=ports[1], table_port=ports[2])
    distance = Distance(near)
    with _proxies(list(zip(ports, real, strict=False)), seconds, distance):
        yield distance


@contextmanager
def _proxies(ports: list[tuple[int, int]], seconds: float, distance: Distance) -> Iterator[None]:
    """Pass on what comes to the first port of each pair to the second one."""
    loop, ready, servers = asyncio.new_event_loop(), threading.Event(), list[asyncio.Server]()

    async def serve() -> None:
        for port, real in ports:
            serving = _connected(real, seconds, distance)
            servers.append(await asyncio.start_server(serving, "127.0.0.1", port))
        ready.set()

    def main() -> None:
        asyncio.set_event_loop(loop)
        loop.create_task(serve()).add_done_callback(lambda task: task.result())
        loop.run_forever()
        for server in servers:
            server.close()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.gather(*asyncio.all_tasks(loop), return_exceptions=True))
        loop.close()

    thread = threading.Thread(target=main, name="away", daemon=True)
    thread.start()
    try:
        if not ready.wait(_START_SECONDS_MAX):
            raise TimeoutError("the proxy does not start")
        yield
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


def _connected(
    port: int, seconds: float, distance: Distance
) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    """Return what serves a connection: a request comes late, its answer at once."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        clock, asked = asyncio.get_running_loop().time, deque[float]()

        def request(piece: bytes) -> None:
            if found := request_in(piece):
                distance.requests.append(found)
                asked.append(clock())

        def answer(_piece: bytes) -> None:
            if asked:
                distance.seconds.append(clock() - asked.popleft())

        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            await asyncio.gather(
                _passed_on(reader, far_writer, seconds, request), _passed_on(far_reader, writer, 0.0, answer)
            )
        finally:
            far_writer.close()
            writer.close()

    return connected


async def _passed_on(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float, see: Callable[[bytes], None]
) -> None:
    """Pass on each piece so many seconds after it came."""
    loop = asyncio.get_running_loop()
    # An app that ends resets its connections.
    with suppress(ConnectionError):
        while piece := await reader.read(_PIECE_BYTES):
            see(piece)
            loop.call_later(seconds, writer.write, piece)
    loop.call_later(seconds, writer.close)
