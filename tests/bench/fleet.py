"""A discrete simulation of ticks, queue and instances, with measured times for each step.

It answers what cannot be tried on one machine: how long the hours of many streams take, how many instances
they need, and how many requests a second reach each part of storage.
"""

import heapq
import math
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from statistics import NormalDist

from exporter.queues.tick import READS_AT_ONCE
from exporter.schedule.planner import SENT_MAX
from exporter.storage.own.entity_table import TRANSACTION_ROWS_MAX

# An hour with more events is divided into slices of so many (205 MiB of landing data).
SLICE_EVENTS = 800_000
# Requests are counted in spans of so many seconds.
SPAN = 10.0
# Landing has 268 bytes an event; a read has 4 MiB.
LANDED_BYTES, READ_BYTES = 268, 4 * 2**20
# Landing is listed once for an hour.
LANDING_CALLS = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """The seconds that each step takes.

    ``call`` is a call to storage, ``stretch`` how much longer than its CPU time computing takes (other
    programs use the cores, too). ``table_calls`` and ``customer_calls`` are those of one hour.
    """

    call: float = 0.010
    send: float = 0.002
    hour_cpu: float = 0.030
    event_cpu: float = 28e-6
    read_cpu: float = 0.003
    stretch: float = 1.0
    start: float = 5.0
    table_calls: float = 8
    customer_calls: float = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """What is exported, and by how many instances.

    ``spread`` is the sigma of the sizes of streams (log). A tick reads the ledger of ``tick_reads`` streams
    at a time, and writes the progress of ``tick_puts`` streams with one call.
    """

    streams: int
    events_an_hour: float
    instances_max: int
    slots: int = 12
    spread: float = 2.0
    tick_every: float = 300.0
    tick_reads: int = READS_AT_ONCE
    tick_puts: int = TRANSACTION_ROWS_MAX
    sent_max: int = SENT_MAX
    scale_every: float = 10.0
    ticked: bool = True

    def sizes(self) -> Iterator[float]:
        """Yield the events of each stream's hour: a log-normal distribution, by its quantiles."""
        normal = NormalDist()
        weights = [
            math.exp(self.spread * normal.inv_cdf((number + 0.5) / self.streams))
            for number in range(self.streams)
        ]
        whole = sum(weights)
        # The large ones are not the first or the last: as ids are.
        step = next(each for each in (7919, 104_729, 1) if math.gcd(each, self.streams) == 1)
        for number in range(self.streams):
            yield self.events_an_hour * weights[number * step % self.streams] / whole


@dataclass
class Seen:
    """What happened: when hours were done, the instances, and the requests in each span of time."""

    done: list[float] = field(default_factory=list)
    tick_seconds: float = 0.0
    instances: int = 0
    instance_seconds: float = 0.0
    amounts: defaultdict[str, defaultdict[int, float]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(float))
    )

    def note(self, what: str, at: float, amount: float = 1.0) -> None:
        """Count requests, or bytes."""
        self.amounts[what][int(at // SPAN)] += amount

    def note_evenly(self, what: str, at: float, seconds: float, amount: float) -> None:
        """Count what happens over some seconds."""
        spans = int(seconds // SPAN) + 1
        for number in range(spans):
            share = min(SPAN, seconds - number * SPAN) / seconds if seconds else 1.0
            self.note(what, at + number * SPAN, amount * share)

    def peak(self, what: str) -> float:
        """Return the highest rate a second."""
        return max(self.amounts[what].values(), default=0.0) / SPAN

    def done_after(self, share: float) -> float:
        """Return after how many seconds so much of the hours was done."""
        return sorted(self.done)[math.ceil(share * len(self.done)) - 1]


@dataclass(eq=False)
class _Instance:
    """An instance: a message for each slot, and one core, which messages use one after the other."""

    begins: float
    free: int
    core_free_at: float = 0.0


def simulate(fleet: Fleet, steps: Steps) -> Seen:
    """Export one hour of every stream, from the moment at which it closes."""
    return _Run(fleet, steps).run()


class _Run:
    """A run of the simulation: what is to happen, in the order of time."""

    def __init__(self, fleet: Fleet, steps: Steps) -> None:
        self.fleet, self.steps, self.seen = fleet, steps, Seen()
        self._recorded = 0
        self.unsent = deque(size for hour in fleet.sizes() for size in _slices(hour))
        self._messages = len(self.unsent)
        self.waiting = deque[float]()
        self.instances = list[_Instance]()
        self._coming = list[tuple[float, int, Callable[[float], None]]]()
        self._order = count()

    def run(self) -> Seen:
        """Run until all messages are done."""
        messages = self._messages
        if self.fleet.ticked:
            self._at(0.0, self._tick)
        else:
            self.waiting, self.unsent = self.unsent, self.waiting
        self._at(0.0, self._scale)
        while len(self.seen.done) < messages:
            now, _, happen = heapq.heappop(self._coming)
            happen(now)
        return self.seen

    def _at(self, time: float, happen: Callable[[float], None]) -> None:
        heapq.heappush(self._coming, (time, next(self._order), happen))

    def _tick(self, now: float) -> None:
        """Read the ledger of each stream that owes an hour, and write the progress of those that are done.

        Then send messages. The next tick waits for this one.
        """
        fleet, steps = self.fleet, self.steps
        reads, puts = self._messages - self._recorded, len(self.seen.done) - self._recorded
        self._recorded += puts
        sent = min(len(self.unsent), fleet.sent_max)
        reading = max(reads * steps.call / fleet.tick_reads, reads * steps.read_cpu * steps.stretch)
        planned, sending = reading + puts / fleet.tick_puts * steps.call, sent * steps.send
        self.seen.note_evenly("tables", now, planned, reads + puts)
        self.seen.note_evenly("partition schedule", now, planned, puts)
        self.seen.note_evenly("queue", now + planned, sending, sent)
        for number in range(sent):
            size = self.unsent.popleft()
            self._at(now + planned + number * steps.send, partial(self._arrive, size))
        self.seen.tick_seconds = max(self.seen.tick_seconds, planned + sending)
        self._at(now + max(fleet.tick_every, planned + sending), self._tick)

    def _arrive(self, events: float, now: float) -> None:
        self.waiting.append(events)
        self._take(now)

    def _scale(self, now: float) -> None:
        """Start as many instances as the platform does: one for each so many messages that wait."""
        fleet = self.fleet
        wanted = min(fleet.instances_max, math.ceil(len(self.waiting) / fleet.slots))
        for _ in range(wanted - len(self.instances)):
            self.instances.append(_Instance(now + self.steps.start, fleet.slots))
            self._at(now + self.steps.start, self._take)
        self.seen.instances = max(self.seen.instances, len(self.instances))
        busy = sum(each.free < fleet.slots for each in self.instances)
        self.seen.instance_seconds += fleet.scale_every * busy
        self._at(now + fleet.scale_every, self._scale)

    def _take(self, now: float) -> None:
        """Let free slots take messages."""
        for each in self.instances:
            while each.free and self.waiting and each.begins <= now:
                each.free -= 1
                self._at(self._worked(each, self.waiting.popleft(), now), partial(self._done, each))
            if not self.waiting:
                return

    def _done(self, instance: _Instance, now: float) -> None:
        instance.free += 1
        self.seen.done.append(now)
        self._take(now)

    def _worked(self, instance: _Instance, events: float, now: float) -> float:
        """Let a slot work on a message; return when it is done."""
        steps, seen = self.steps, self.seen
        reads = math.ceil(events * LANDED_BYTES / READ_BYTES)
        # Half of the calls to tables and two of those to the container come after the rows are staged.
        before = (
            steps.table_calls / 2 + steps.customer_calls - 3 + LANDING_CALLS + min(reads, 1)
        ) * steps.call
        cpu = (steps.hour_cpu + events * steps.event_cpu) * steps.stretch
        begun = max(now + before, instance.core_free_at)
        instance.core_free_at = begun + cpu
        done = instance.core_free_at + (steps.table_calls / 2 + 3) * steps.call
        seen.note("queue", now, 2)
        seen.note("tables", now, steps.table_calls / 2)
        seen.note("tables", done, steps.table_calls / 2)
        seen.note("partition destinations", now)
        seen.note_evenly("blobs of landing", begun, cpu, reads + LANDING_CALLS)
        seen.note_evenly("bytes of landing", begun, cpu, events * LANDED_BYTES)
        return done


def _slices(events: float) -> list[float]:
    """Return the events of the messages of an hour."""
    number = max(1, math.ceil(events / SLICE_EVENTS))
    return [events / number] * number
