"""The log of a worker process: every record from level Information on, of every logger.

The real worker passes every such record to the host, and the host keeps those that host.json asks for. The
same records are printed here that would be sent to Azure.
"""

import json
import logging
from collections.abc import Callable
from pathlib import Path

from infra.local.host.log_levels import LogLevels, of_user

# For tests and measurements: a file that gets every record as a line of JSON.
RECORDS_SETTING = "FUNCTIONS_LOCAL_RECORDS"
# The worker's own library logs under this name. The real host calls that the system's log.
_SYSTEM = "azure.functions"
# The category of records outside of an invocation, and of the library's records.
WORKER_CATEGORY = "Worker"
_FORM = logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s", datefmt="%H:%M:%S")


class HandedOver(logging.Handler):
    """Prints the records that host.json keeps; writes all of them to a file, if one is given.

    ``running`` returns the name of the function that runs in the calling thread; None outside of one.
    """

    def __init__(self, levels: LogLevels, running: Callable[[], str | None], records: Path | None) -> None:
        super().__init__()
        self._levels = levels
        self._running = running
        self._records = records
        self._printer = logging.StreamHandler()
        self._printer.setFormatter(_FORM)

    def emit(self, record: logging.LogRecord) -> None:
        """Print a record and write it to the file."""
        function = self._running()
        system = record.name.split(".")[:2] == _SYSTEM.split(".")
        category = WORKER_CATEGORY if function is None or system else of_user(function)
        kept = self._levels.keeps(category, record.levelno)
        if self._records is not None:
            self._note(record, category, kept=kept)
        if kept:
            self._printer.emit(record)

    def _note(self, record: logging.LogRecord, category: str, *, kept: bool) -> None:
        """Append a line in one write: several processes may share the file."""
        message = self._printer.format(record) if record.exc_info else record.getMessage()
        document = {"category": category, "logger": record.name, "level": record.levelname}
        line = json.dumps({**document, "message": message, "kept": kept}) + "\n"
        if self._records is not None:
            with self._records.open("ab", buffering=0) as file:
                file.write(line.encode())


def hand_over(levels: LogLevels, running: Callable[[], str | None], records: Path | None) -> None:
    """Pass every record of this process to the handler."""
    root = logging.getLogger()
    root.setLevel(logging.INFO)
    root.addHandler(HandedOver(levels, running, records))
