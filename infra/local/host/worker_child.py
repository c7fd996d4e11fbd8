"""The worker process: ``python -m infra.local.host.worker_child APP SOCKET LOG_LEVELS``, started by the host.

It reads invocations from the socket and writes their outcomes. When the host has ended, the socket closes,
and this process ends.
"""

import asyncio
import logging
import os
import sys
import threading
import traceback
from concurrent.futures import Future
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

from infra.local.host.errors import IndexingError
from infra.local.host.log_levels import LogLevels
from infra.local.host.messages import Invocation, NotStarted, Outcome, Started
from infra.local.host.worker import Worker
from infra.local.host.worker_log import RECORDS_SETTING, hand_over

_PROJECT = str(Path(__file__).resolve().parents[3])


class _Pipe:
    """The socket to the host. Several threads send outcomes."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()

    def send(self, message: object) -> None:
        with self._lock:
            self._connection.send(message)

    def serve(self, worker: Worker, loop: asyncio.AbstractEventLoop) -> None:
        """Pass invocations to the worker until the host has ended."""
        try:
            while True:
                call: Invocation = self._connection.recv()
                future = asyncio.run_coroutine_threadsafe(worker.invoke(call), loop)
                future.add_done_callback(partial(self._answer, call))
        finally:
            # The outcomes of what still runs here have no reader.
            os._exit(0)

    def _answer(self, call: Invocation, done: Future[Outcome]) -> None:
        error = done.exception()
        if error is None:
            self.send((call.id, done.result()))
        elif isinstance(error, Exception):
            trace = "".join(traceback.format_exception(error))
            self.send((call.id, Outcome(error=f"the worker could not run it: {error!r}", trace=trace)))
        else:
            # The worker library does not catch SystemExit and the like. In Azure they end the process, too.
            logging.getLogger("host").critical("%s ended the worker", call.function, exc_info=error)
            os._exit(1)


def main() -> None:
    """Load the app, report it and serve."""
    app, socket, log_levels = sys.argv[1:]
    worker = Worker(Path(app))
    records = os.environ.get(RECORDS_SETTING)  # noqa: TID251  the host hands it to the worker
    hand_over(LogLevels.from_json(log_levels), worker.running, Path(records) if records else None)
    _leave_the_project(app)
    pipe = _Pipe(Connection(int(socket)))
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    # Before the app is loaded: the process must end with the host even if loading never ends.
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


def _leave_the_project(app: str) -> None:
    """Make the app's folder the working directory, as in Azure, and remove the project from the path.

    ``python -m`` puts the project's folder first on the path, where its own ``function_app.py`` would win.
    """
    os.chdir(app)
    sys.path[:] = [folder for folder in sys.path if folder not in ("", _PROJECT)]


if __name__ == "__main__":
    main()
