"""A backfill of small hours, with all storage some way away: hours a second, and calls an hour.

One worker with storage 20 ms away; then one, two and four hosts with storage so far away that the cores are
not what limits them.
"""

import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from statistics import mean

import psutil

from exporter.domain.hour import Hour
from infra.local.sample import DataType, Sample
from tests.bench.distance import AWAY_SECONDS, away
from tests.bench.emulator import Request
from tests.bench.fleet import Fleet, Steps, simulate
from tests.bench.goals import Goal
from tests.bench.lab import LabError
from tests.bench.memory import PeakWatch
from tests.bench.stretch import stretched
from tests.bench.tables import megabytes, show
from tests.support.installation import LANDING, installed, key_of, stream_key

EVENTS = 10
YEAR_HOURS = 8_760
HOSTS = (1, 2, 4)
HOSTS_AWAY_SECONDS = 0.100
SECONDS_MAX = 900.0
_BACK = timedelta(days=365)
_TABLES = ("destinations", "pullsources", "breakers", "backfills", "ledger", "schedule")
_BLOBS = {LANDING: "landing", "year": "customer", "export-state": "state", "rejected": "rejected"}


@dataclass(frozen=True, slots=True)
class Ran:
    """A backfill: its hours, its seconds, the requests of the app, and the worker's peak in bytes.

    ``cpu`` is the CPU time of the workers of all ``hosts`` in seconds, ``call`` the mean time of a call to
    storage. Computing took ``stretch`` times its CPU time, because other programs use the cores, too.
    ``peak`` is that of the worker that needed most.
    """

    hosts: int
    hours: int
    seconds: float
    cpu: float
    call: float
    stretch: float
    requests: tuple[Request, ...]
    peak: int

    @property
    def hours_a_second(self) -> float:
        """How many hours a second were exported."""
        return self.hours / self.seconds

    def calls(self) -> Counter[tuple[str, str]]:
        """Return the number of calls by place and operation; without those of the queues."""
        found = Counter[tuple[str, str]]()
        for request in self.requests:
            if request.place in _BLOBS:
                found[_BLOBS[request.place], request.purpose] += 1
            elif request.place in _TABLES:
                found[f"table {request.place}", request.purpose] += 1
        return found


def run(folder: Path, *, quick: bool) -> list[Goal]:
    """Measure a backfill, print its calls, and return the goals."""
    print("A backfill with storage 20 ms away ...", flush=True)
    ran = measure(folder, hours=48 if quick else 480)
    calls = ran.calls()
    show(
        f"A backfill of {ran.hours} hours of {EVENTS} events, one worker, all storage 20 ms away",
        (
            *("hours/s", "seconds", "a year, minutes", "CPU ms an hour", "hours a CPU second", "peak MB"),
            *("ms a call", "wall to CPU", "hours/s, simulated", "simulated on idle cores"),
        ),
        [
            (
                f"{ran.hours_a_second:.1f}",
                f"{ran.seconds:.0f}",
                f"{YEAR_HOURS / ran.hours_a_second / 60:.0f}",
                f"{1000 * ran.cpu / ran.hours:.0f}",
                f"{ran.hours / ran.cpu:.1f}",
                megabytes(ran.peak),
                f"{1000 * ran.call:.0f}",
                f"{ran.stretch:.1f}",
                f"{simulated(ran):.1f}",
                f"{simulated(ran, idle=True):.1f}",
            )
        ],
    )
    rows: list[tuple[object, ...]] = [
        (*key, f"{count / ran.hours:.2f}") for key, count in sorted(calls.items())
    ]
    all_calls = sum(calls.values()) / ran.hours
    show(
        "Its calls to storage, an hour",
        ("where", "what", "calls an hour"),
        [*rows, ("all", "", f"{all_calls:.2f}")],
        "Counted by the proxy, with those of the backfill's steps. Queue messages are not counted.",
    )
    return [
        Goal(10, "hours a second of a backfill of small hours, storage 20 ms away", ran.hours_a_second, 10),
        Goal(10, "hours of it a second of the worker's CPU", ran.hours / ran.cpu, 10, digits=1),
        Goal(10, "calls to storage for an hour of it", all_calls, most=10),
        several_hosts(folder, hours=48 if quick else 480),
    ]


def several_hosts(folder: Path, *, hours: int) -> Goal:
    """Measure the same backfill with one, two and four hosts, print them, and return the goal."""
    ran = []
    for hosts in HOSTS:
        print(f"A backfill with {hosts} hosts and storage 100 ms away ...", flush=True)
        (place := folder / f"hosts-{hosts}").mkdir(parents=True, exist_ok=True)
        ran.append(measure(place, hours=hours, away_seconds=HOSTS_AWAY_SECONDS, hosts=hosts))
    show(
        f"A backfill of {hours} hours of {EVENTS} events, all storage 100 ms away, by the number of hosts",
        ("hosts", "hours/s", "to one host", "hours/s, simulated", "cores of the workers", "wall to CPU"),
        [
            (
                each.hosts,
                f"{each.hours_a_second:.1f}",
                f"{each.hours_a_second / ran[0].hours_a_second:.2f}",
                f"{simulated(each):.1f}",
                f"{each.cpu / each.seconds:.2f}",
                f"{each.stretch:.1f}",
            )
            for each in ran
        ],
        "Each host has one worker. Emulator, proxy and hosts use the same two cores.",
    )
    speed_up = ran[-1].hours_a_second / ran[0].hours_a_second
    return Goal(10, f"hours a second of {HOSTS[-1]} hosts to those of one", speed_up, 0.7 * HOSTS[-1])


def simulated(ran: Ran, *, idle: bool = False) -> float:
    """Return the hours a second of the simulation with as many instances, and the measured times of a step.

    ``idle``: as if no other program used the cores, nor the emulator's; a call takes the distance and 4 ms.
    """
    calls = sum(ran.calls().values()) / ran.hours
    steps = Steps(
        call=AWAY_SECONDS + 0.004 if idle else ran.call,
        hour_cpu=ran.cpu / ran.hours,
        event_cpu=0.0,
        stretch=1.0 if idle else ran.stretch,
        start=0.0,
        # The simulation adds those of landing: a listing and a read.
        table_calls=calls - 6,
        customer_calls=4,
    )
    fleet = Fleet(
        streams=ran.hours,
        events_an_hour=ran.hours * EVENTS,
        instances_max=ran.hosts,
        spread=0.0,
        ticked=False,
    )
    return ran.hours / simulate(fleet, steps).done_after(1.0)


def measure(folder: Path, *, hours: int, away_seconds: float = AWAY_SECONDS, hosts: int = 1) -> Ran:
    """Land hours of a year ago, request a backfill of them of one host, and wait until all are exported."""
    sample = Sample(events_per_hour=EVENTS, merges_per_hour=0, blobs_per_hour=1)
    with ExitStack() as running:
        installation = running.enter_context(installed(folder))
        first = Hour(installation.newest_hours(1)[0] - _BACK)
        starts = [first.plus(number).start for number in range(hours)]
        for start in starts:
            installation.land(sample.hour(start).files(DataType.EVENTS))
        far = running.enter_context(away(installation.endpoints, away_seconds))
        destination = installation.destination("year", sample, starts[0], (DataType.EVENTS,))
        destination["credentials"]["connection_string"] = far.endpoints.connection_string
        settings = {"AzureWebJobsStorage": far.endpoints.connection_string}
        apps = [running.enter_context(installation.app(**settings)) for _ in range(hosts)]
        app, workers = apps[0], [each.worker for each in apps]
        app.activate(destination)
        watches = [running.enter_context(PeakWatch(each.pid)) for each in workers]
        with stretched() as stretch:
            begun, cpu = len(far.requests), sum(map(_cpu, workers))
            answered = len(far.seconds)
            request = {"start": key_of(starts[0]), "end": key_of(starts[-1])}
            answer = app.api.post("/destinations/year/backfills", request)
            if answer.status != HTTPStatus.ACCEPTED:
                raise LabError(f"the backfill was refused: {answer}")
            key, last = stream_key("year", sample), first.plus(hours - 1)
            deadline = time.monotonic() + SECONDS_MAX
            # Not by the API, whose calls to storage would be counted.
            while sum(each.done for each in installation.ledger.states(key, first, last)) < hours:
                if time.monotonic() > deadline:
                    raise LabError(f"the backfill was not done within {SECONDS_MAX:.0f} s\n{app.log[-4000:]}")
                time.sleep(1.0)
            records = list(installation.ledger.between(key, first, last))
            begins = [record.work.started_at for record in records if record.work.started_at]
            ends = [record.finished_at for record in records if record.finished_at]
            seconds = (max(ends) - min(begins)).total_seconds()
            used, peak = sum(map(_cpu, workers)) - cpu, max(each.peak() for each in watches)
        call = mean(far.seconds[answered:])
        requests = tuple(far.requests[begun:])
        return Ran(hosts, hours, seconds, used, call, stretch[0], requests, peak)


def _cpu(worker: psutil.Process) -> float:
    """Return the CPU time of a process so far, in seconds."""
    times = worker.cpu_times()
    return float(times.user + times.system)
