"""``python -m infra.local.sample``: write landing data into a folder or a container, and print a summary."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from azure.core.exceptions import AzureError
from azure.storage.blob import ContainerClient

from infra.local.azurite import Endpoints
from infra.local.sample.faults import Fault, named
from infra.local.sample.landing import LandingHour
from infra.local.sample.sample import Sample
from infra.local.sample.summary import summary
from infra.local.sample.times import TimeFormat, last_closed_hours
from infra.local.sample.writers import Container, Folder, Target, write

STORAGE_SETTING = "AzureWebJobsStorage"
# The settings of make start, in the folder in which make runs.
SETTINGS_FILE = Path("local.settings.json")
_HOUR_FORMAT = "%Y-%m-%dT%H"
_HOURS_MAX = 5 * 366 * 24
_PROCESSES_MAX = 64


class UsageError(Exception):
    """The arguments are invalid. The message says everything that is wrong."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line."""
    options = _parser().parse_args(arguments)
    try:
        target, hours, processes = _understood(options)
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return os.EX_USAGE
    try:
        written = write(target, hours, late=options.late, processes=processes)
    except AzureError as error:
        # The error's text may contain addresses with signatures, so only its code is shown.
        code = getattr(getattr(error, "error_code", None), "value", type(error).__name__)
        print(f"error: the storage account refused the files ({code})", file=sys.stderr)
        return os.EX_UNAVAILABLE
    except OSError as error:
        print(f"error: {error}", file=sys.stderr)
        return os.EX_IOERR
    print("\n".join(summary(hours, written, late=options.late)))
    return os.EX_OK


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m infra.local.sample",
        description="Write generated landing data: the same arguments give the same data.",
        epilog=f"Faults: {', '.join(Fault)}. The beginning of a name means all faults that begin with it.",
    )
    add = parser.add_argument
    add("--project", default="187520", help="project id of the events (default: %(default)s)")
    add("--org", default="189524", help="organisation id of the merged ids (default: %(default)s)")
    add("--from", dest="first", metavar="HOUR", help="first UTC hour, such as 2026-01-31T00")
    add("--to", dest="last", metavar="HOUR", help="last UTC hour, inclusive (default: the first)")
    add("--last", dest="newest", metavar="N", help="the N newest closed hours, in place of --from and --to")
    add("--rate", default="1000", help="events an hour, up to 10,000,000 (default: %(default)s)")
    add("--merges", help="merged ids an hour (default: one for every hundred events)")
    add("--blobs", help="event blobs an hour (default: at least 3, each of up to 10 MB)")
    add("--seed", default="1", help="another number gives other data (default: %(default)s)")
    add(
        "--fault", action="append", default=[], metavar="NAME", help="a fault to have in the data; repeatable"
    )
    add("--all-faults", action="store_true", help="have all faults in the data")
    add("--late", action="store_true", help="write the late blobs only")
    add("--time-format", default="amplitude", help=f"{', '.join(TimeFormat)} (default: %(default)s)")
    add("--extra-keys", action="store_true", help="give half of the events six more keys")
    add("--real-shaped", action="store_true", help="give all events the shape of real ones")
    add("--gzip-level", default="2", help="1 (fastest) to 9, 0 for plain blobs (default: %(default)s)")
    add("--processes", default="1", help="how many processes share the work (default: %(default)s)")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--folder", type=Path, help="write below this folder")
    where.add_argument("--container", help="write into this container; create it if it does not exist")
    add(
        "--connection-string",
        help=f"of the storage account (default: {STORAGE_SETTING}, of the environment or {SETTINGS_FILE})",
    )
    return parser


class _Reader:
    """Reads arguments one by one and collects everything that is wrong with them."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self.problems: list[str] = []

    def read[T](self, name: str, parse: Callable[[str], T], instead: T, expected: str) -> T:
        """Return the parsed argument, or ``instead`` if it is missing or invalid."""
        text = getattr(self._options, name)
        try:
            return instead if text is None else parse(text)
        except ValueError:
            flag = {"first": "from", "last": "to", "newest": "last"}.get(name, name.replace("_", "-"))
            self.problems.append(f"--{flag} is {text!r}, but must be {expected}")
            return instead

    def faults(self) -> frozenset[Fault]:
        """Return the faults that the arguments name."""
        found: frozenset[Fault] = frozenset(Fault) if self._options.all_faults else frozenset()
        for text in self._options.fault:
            try:
                found |= named(text)
            except ValueError as error:
                self.problems.append(f"--fault: {error}")
        return found


def _understood(options: argparse.Namespace) -> tuple[Target, list[LandingHour], int]:
    """Return the target, the hours and the number of processes; ``UsageError`` if an argument is invalid."""
    reader = _Reader(options)
    number = "a whole number"
    dials = {
        "project_id": reader.read("project", int, 1, number),
        "org_id": reader.read("org", int, 1, number),
        "seed": reader.read("seed", int, 1, number),
        "events_per_hour": reader.read("rate", int, 10, number),
        "merges_per_hour": reader.read("merges", int, None, number),
        "blobs_per_hour": reader.read("blobs", int, None, number),
        "gzip_level": reader.read("gzip_level", int, 1, number),
        "faults": reader.faults(),
        "time_format": reader.read("time_format", TimeFormat, TimeFormat.AMPLITUDE, ", ".join(TimeFormat)),
        "extra_keys": options.extra_keys,
        "real_shaped": options.real_shaped,
    }
    try:
        sample = Sample(**dials)
    except ValueError as error:
        reader.problems.append(str(error))
        sample = Sample()
    starts = list(_newest(reader) if options.newest is not None else _starts(reader))
    if (options.first is None) == (options.newest is None):
        reader.problems.append("one of --from and --last is needed, and not both")
    processes = reader.read("processes", _processes, 1, f"a whole number from 1 to {_PROCESSES_MAX}")
    if options.late and Fault.LATE_BLOB not in dials["faults"]:
        reader.problems.append(f"--late needs --fault {Fault.LATE_BLOB}")
    target = _target(options, reader)
    if reader.problems:
        raise UsageError("\nerror: ".join(reader.problems))
    return target, [sample.hour(start) for start in starts], processes


def _processes(text: str) -> int:
    if not 1 <= int(text) <= _PROCESSES_MAX:
        raise ValueError(text)
    return int(text)


def _newest(reader: _Reader) -> list[datetime]:
    count = reader.read("newest", _hours, 1, f"a whole number from 1 to {_HOURS_MAX}")
    now = datetime.now(UTC)  # noqa: TID251  the newest hours depend on the clock
    return last_closed_hours(now, count)


def _hours(text: str) -> int:
    if not 1 <= int(text) <= _HOURS_MAX:
        raise ValueError(text)
    return int(text)


def _starts(reader: _Reader) -> Iterator[datetime]:
    expected = "an hour such as 2026-01-31T00"
    epoch = datetime.fromtimestamp(0, UTC)
    first = reader.read("first", _hour, epoch, expected)
    last = reader.read("last", _hour, first, expected)
    count = (last - first) // timedelta(hours=1) + 1
    if not 1 <= count <= _HOURS_MAX and not reader.problems:
        reader.problems.append("--to is before --from" if count < 1 else f"more than {_HOURS_MAX} hours")
        count = 0
    for hours in range(max(0, min(count, _HOURS_MAX))):
        yield first + timedelta(hours=hours)


def _hour(text: str) -> datetime:
    return datetime.strptime(text, _HOUR_FORMAT).replace(tzinfo=UTC)


def _target(options: argparse.Namespace, reader: _Reader) -> Target:
    if options.folder is not None:
        if options.folder.exists() and not options.folder.is_dir():
            reader.problems.append(f"--folder {options.folder} is not a folder")
        return Folder(options.folder)
    text = options.connection_string
    if text is None:
        text = _own_storage()
    if not text:
        reader.problems.append(
            f"--container needs --connection-string, or {STORAGE_SETTING} in environment or {SETTINGS_FILE}"
        )
        return Container(options.container, "")
    try:
        ContainerClient.from_connection_string(text, options.container).close()
    except ValueError:
        # The text may contain a part of a key, so it is not printed.
        reader.problems.append("the connection string is not one of a storage account")
    return Container(options.container, text)


def _own_storage() -> str | None:
    """Return the connection string of the app's own storage, as the app finds it; None if there is none."""
    text = os.environ.get(STORAGE_SETTING)  # noqa: TID251  a command line tool reads it
    if text is None and SETTINGS_FILE.exists():
        text = json.loads(SETTINGS_FILE.read_text())["Values"].get(STORAGE_SETTING)
    emulator = text is not None and text.strip("; ").lower() == "usedevelopmentstorage=true"
    return Endpoints(10000, 10001, 10002).connection_string if emulator else text


if __name__ == "__main__":
    sys.exit(main())
