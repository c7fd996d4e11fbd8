"""The worker process: ``python -m infra.local.host.worker_child APP SOCKET LOG_LEVEL``, started by the host.

It reads invocations from the socket and writes their outcomes. When the host is gone, however it died, the
socket ends, and so does this process.
"""

import asyncio
import logging
import os
import sys
import threading
from concurrent.futures import Future
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

from infra.local.host.errors import IndexingError
from infra.local.host.messages import Invocation, NotStarted, Outcome, Started
from infra.local.host.worker import Worker

_PROJECT = str(Path(__file__).resolve().parents[3])
# These tell of every request they make, and of every invocation.
_CHATTY_LOGGERS = ("azure", "urllib3", "msal")


class _Pipe:
    """The host's end of the line; outcomes come from several threads."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()

    def send(self, message: object) -> None:
        with self._lock:
            self._connection.send(message)

    def serve(self, worker: Worker, loop: asyncio.AbstractEventLoop) -> None:
        """Pass invocations to the worker until the host is gone."""
        try:
            while True:
                call: Invocation = self._connection.recv()
                future = asyncio.run_coroutine_threadsafe(worker.invoke(call), loop)
                future.add_done_callback(partial(self._answer, call))
        finally:
            # Nothing that still runs here has anybody to answer to.
            os._exit(0)

    def _answer(self, call: Invocation, done: Future[Outcome]) -> None:
        if done.exception() is None:
            self.send((call.id, done.result()))
        else:
            # SystemExit and its like pass through the worker library; in Azure they end the process, too.
            logging.getLogger("host").critical(
                "%s ended the worker", call.function, exc_info=done.exception()
            )
            os._exit(1)


def main() -> None:
    """Load the app, say so, and serve."""
    app, socket, log_level = sys.argv[1:]
    _configure_logging(int(log_level))
    _leave_the_project(app)
    pipe = _Pipe(Connection(int(socket)))
    worker = Worker(Path(app))
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    # Before the app is loaded, which may take for ever: the host must not be survived even then.
    threading.Thread(target=pipe.serve, args=(worker, loop), daemon=True).start()
    try:
        functions = loop.run_until_complete(worker.start())
    except IndexingError as error:
        pipe.send(NotStarted(str(error)))
        return
    pipe.send(Started(functions))
    try:
        loop.run_forever()
    finally:
        os._exit(1)


def _configure_logging(level: int) -> None:
    logging.basicConfig(
        level=level, format="%(asctime)s %(levelname)-7s %(name)s: %(message)s", datefmt="%H:%M:%S"
    )
    for name in _CHATTY_LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)


def _leave_the_project(app: str) -> None:
    """Make the app's folder what Azure makes it: the working directory, and on the path.

    ``python -m`` has put the project's folder first on the path, where its own ``function_app.py`` would win.
    """
    os.chdir(app)
    sys.path[:] = [folder for folder in sys.path if folder not in ("", _PROJECT)]


if __name__ == "__main__":
    main()
