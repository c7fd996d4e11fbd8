"""Stopping a worker at a chosen moment of an hour's export, to kill it there.

The worker is let run for a few milliseconds at a time, and looked at from outside in between: in the ledger
and in the customer's container. So it can be caught between any two of its writes.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import psutil
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import ContainerClient

from exporter.domain.hours import Hour
from exporter.domain.ledger import HourStatus
from infra.local.sample import Sample
from tests.e2e.installation import App, Installation, stream_key

# How long the worker may run at a time: until its last part is on its way, and from then on.
STEP_SECONDS, SMALL_STEP_SECONDS = 0.03, 0.002
STEPS_SECONDS_MAX = 60.0

type Moment = Callable[["Seen"], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """How far the export of an hour is. ``parts`` are those that a reader sees; blocks, no reader sees."""

    attempts: int = 0
    running: bool = False
    done: bool = False
    second_part_blocks: int = 0
    last_part_blocks: int = 0
    parts: int = 0
    parts_in_all: int = 0
    marked: bool = False


NOTHING = Seen()
MOMENTS: dict[str, Moment] = {
    "the hour is claimed": lambda _: True,
    "some parts are staged": lambda seen: seen.second_part_blocks > 0,
    "some parts are committed": lambda seen: seen.parts > 0,
    "all parts are committed": lambda seen: seen.parts == seen.parts_in_all,
    "the marker is written": lambda seen: seen.marked,
}


@dataclass(frozen=True, slots=True)
class Patient:
    """An hour that is being exported for a destination; its parts have the usual names."""

    installation: Installation
    destination_id: str
    sample: Sample
    start: datetime
    parts_in_all: int

    def seen(self) -> Seen:
        """Look at the container, and then at the ledger."""
        names = f"{self.sample.project_id}_{self.start:%Y-%m-%d}_{self.start.hour}"
        with self.installation.blobs.get_container_client(self.destination_id) as container:
            visible = list(container.list_blob_names())
            second, last = (
                _blocks(container, f"{names}#{number}.json.gz") for number in (2, self.parts_in_all)
            )
        found = self.installation.ledger.get(stream_key(self.destination_id, self.sample), Hour(self.start))
        record = found.value if found else None
        return Seen(
            attempts=record.attempts if record else 0,
            running=record is not None and record.status is HourStatus.RUNNING,
            done=record is not None and record.done,
            second_part_blocks=second,
            last_part_blocks=last,
            parts=sum(name.endswith(".json.gz") for name in visible),
            parts_in_all=self.parts_in_all,
            marked=any(name.endswith("_complete") for name in visible),
        )

    def stopped_at(self, moment: Moment, app: App, since: Seen = NOTHING) -> psutil.Process | None:
        """Return the worker, stopped at that moment of a new attempt; None if it got past it unseen.

        ``since`` is what was seen before that attempt began.
        """
        worker, step, seen = app.worker, STEP_SECONDS, since
        deadline = time.monotonic() + STEPS_SECONDS_MAX
        while time.monotonic() < deadline:
            worker.suspend()
            seen = self.seen()
            if seen.running and seen.attempts > since.attempts and moment(seen):
                return worker
            worker.resume()
            if seen.done:
                return None
            if seen.last_part_blocks != since.last_part_blocks:
                step = SMALL_STEP_SECONDS
            time.sleep(step)
        raise AssertionError(f"the export is nowhere: {seen}. The app said last:\n{app.log[-4000:]}")

    def let_time_pass(self) -> None:
        """Make the ledger believe that the dead worker's lease is over."""
        self.installation.let_time_pass(stream_key(self.destination_id, self.sample), self.start)


def _blocks(container: ContainerClient, name: str) -> int:
    """Return how many blocks of a blob were sent that are not part of it, or not yet."""
    try:
        _, uncommitted = container.get_blob_client(name).get_block_list("all")
    except ResourceNotFoundError:
        return 0
    return len(uncommitted)
