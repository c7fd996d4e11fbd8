"""Destinations as their owners and the operator see them: what was asked for, and how far it is."""

from dataclasses import dataclass

from exporter.actions.list_hours import StreamState, View, stream_states
from exporter.actions.ports import Gateways
from exporter.actions.recent_rows import RecentRows, recent_rows
from exporter.domain.destination import Destination, Status
from exporter.domain.ledger import HourRecord
from exporter.domain.trial import Trial


@dataclass(frozen=True, slots=True)
class Overview:
    """A destination, how its streams stand, and its last test upload.

    ``recent`` is what became of its rows lately; None where many destinations are listed, since it takes a
    look at the ledger for each stream.
    """

    destination: Destination
    states: list[StreamState]
    trial: Trial | None
    recent: list[RecentRows] | None = None

    @property
    def failed(self) -> HourRecord | None:
        """The newest hour that failed and is not done yet."""
        failed = [state.failed for state in self.states if state.failed]
        return max(failed, key=lambda record: record.hour, default=None)

    @property
    def status(self) -> Status:
        """The status as it is shown: one that is active and has failed hours is failing."""
        failing = self.destination.status is Status.ACTIVE and self.failed is not None
        return Status.FAILING if failing else self.destination.status


def look_at(gateways: Gateways, destination: Destination, view: View) -> Overview:
    """Return how a destination stands."""
    states = stream_states(gateways, destination, view)
    recent = recent_rows(gateways, destination, view)
    return Overview(destination, states, gateways.destinations.trial(destination.id), recent)


def list_destinations(gateways: Gateways, view: View) -> list[Overview]:
    """Return how all destinations stand, by id; the deleted ones are left out.

    What is read grows with the streams that owe something, not with how much was ever exported.
    """
    schedule, trials = gateways.schedule.all(), gateways.destinations.trials()
    return [
        Overview(
            found.value, stream_states(gateways, found.value, view, schedule), trials.get(found.value.id)
        )
        for found in gateways.destinations.all()
        if found.value.status is not Status.DELETED
    ]
