"""Storage that is some milliseconds away: a proxy before the emulator delays and counts requests."""

import asyncio
import threading
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
    """The endpoints of the proxy, and the requests that it has passed on, in their order."""

    endpoints: Endpoints
    requests: list[Request] = field(default_factory=list)


@contextmanager
def away(endpoints: Endpoints, seconds: float, *, blobs_alone: bool = False) -> Iterator[Distance]:
    """Delay each request by so many seconds: to the blob service alone, or to all three services."""
    ports = azurite.free_ports(1 if blobs_alone else 3)
    real = (endpoints.blob_port, endpoints.queue_port, endpoints.table_port)
    near = replace(endpoints, blob_port=ports[0])
    if not blobs_alone:
        near = replace(near, queue_port=ports[1], table_port=ports[2])
    distance = Distance(near)

    def count(piece: bytes) -> None:
        if request := request_in(piece):
            distance.requests.append(request)

    with _proxies(list(zip(ports, real, strict=False)), seconds, count):
        yield distance


@contextmanager
def _proxies(ports: list[tuple[int, int]], seconds: float, count: Callable[[bytes], None]) -> Iterator[None]:
    """Pass on what comes to the first port of each pair to the second one."""
    loop, ready = asyncio.new_event_loop(), threading.Event()

    async def serve() -> None:
        for port, real in ports:
            await asyncio.start_server(_connected(real, seconds, count), "127.0.0.1", port)
        ready.set()

    def main() -> None:
        asyncio.set_event_loop(loop)
        loop.create_task(serve()).add_done_callback(lambda task: task.result())
        loop.run_forever()
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
    port: int, seconds: float, count: Callable[[bytes], None]
) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    """Return what serves a connection: a request comes late, its answer at once."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(
            _passed_on(reader, far_writer, seconds, count), _passed_on(far_reader, writer, 0.0, _ignore)
        )

    return connected


def _ignore(_piece: bytes) -> None:
    """Count nothing."""


async def _passed_on(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float, count: Callable[[bytes], None]
) -> None:
    """Pass on each piece so many seconds after it came."""
    loop = asyncio.get_running_loop()
    # An app that ends resets its connections.
    with suppress(ConnectionError):
        while piece := await reader.read(_PIECE_BYTES):
            count(piece)
            loop.call_later(seconds, writer.write, piece)
    loop.call_later(seconds, writer.close)
