"""What a worker process tells the host: all that it logs, whoever logs it, from the level of Information on.

The real worker hands every such record over, and the host keeps what host.json asks for. Nothing is silenced
here: what is printed is what would be sent to Azure.
"""

import json
import logging
from collections.abc import Callable
from pathlib import Path

from infra.local.host.log_levels import LogLevels, of_user

# For tests and measurements: a file that gets every record that is handed to the host, as a line of JSON.
RECORDS_SETTING = "FUNCTIONS_LOCAL_RECORDS"
# As in the real worker: its own library logs under this name, and the host calls that the system's log.
_SYSTEM = "azure.functions"
# Of what a worker says outside of an invocation, and of what its library says.
WORKER_CATEGORY = "Worker"
_FORM = logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s", datefmt="%H:%M:%S")


class HandedOver(logging.Handler):
    """Prints the records that host.json keeps; notes all of them in a file, if there is one.

    ``running`` returns the name of the function that runs in the calling thread, None outside of one.
    """

    def __init__(self, levels: LogLevels, running: Callable[[], str | None], records: Path | None) -> None:
        super().__init__()
        self._levels = levels
        self._running = running
        self._records = records
        self._printer = logging.StreamHandler()
        self._printer.setFormatter(_FORM)

    def emit(self, record: logging.LogRecord) -> None:
        """Take a record."""
        function = self._running()
        system = record.name.split(".")[:2] == _SYSTEM.split(".")
        category = WORKER_CATEGORY if function is None or system else of_user(function)
        kept = self._levels.keeps(category, record.levelno)
        if self._records is not None:
            self._note(record, category, kept=kept)
        if kept:
            self._printer.emit(record)

    def _note(self, record: logging.LogRecord, category: str, *, kept: bool) -> None:
        """Add a line to the file, in one write: several processes may share it."""
        message = self._printer.format(record) if record.exc_info else record.getMessage()
        document = {"category": category, "logger": record.name, "level": record.levelname}
        line = json.dumps({**document, "message": message, "kept": kept}) + "\n"
        if self._records is not None:
            with self._records.open("ab", buffering=0) as file:
                file.write(line.encode())


def hand_over(levels: LogLevels, running: Callable[[], str | None], records: Path | None) -> None:
    """Have everything that this process logs handed over."""
    root = logging.getLogger()
    root.setLevel(logging.INFO)
    root.addHandler(HandedOver(levels, running, records))
