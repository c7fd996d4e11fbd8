"""What a fleet takes that no machine here could hold: the simulation, and how near it comes to limits."""

from dataclasses import dataclass, field, replace

from tests.bench.fleet import Fleet, Seen, Steps, simulate
from tests.bench.tables import show

GB = 1_000_000_000
# Microsoft's published targets; docs/scale.md has their addresses. The defaults, without a request for more.
LIMITS = {
    "requests a second of an account": 20_000,
    "rows a second of a table's partition": 2_000,
    "messages a second of a queue": 2_000,
    "Gbit/s out of an account": 50,
    "instances of 2,048 MB a region": 250,
}
MANY = Fleet(streams=100_000, events_an_hour=100e9 / 24, instances_max=250)


@dataclass(frozen=True, slots=True)
class Case:
    """A fleet with the times of its steps, and how it is called."""

    name: str
    fleet: Fleet
    steps: Steps = field(default_factory=Steps)


def cases(*, quick: bool) -> tuple[Case, ...]:
    """Return the fleets to simulate."""
    small = Fleet(streams=2_000, events_an_hour=1e9 / 24, instances_max=100)
    usual = (
        Case("1,000 destinations, 1 billion events a day", small),
        Case("5,000 destinations, 10 billion", replace(small, streams=10_000, events_an_hour=10e9 / 24)),
    )
    if quick:
        return usual
    one_by_one = replace(MANY, tick_reads=1, tick_puts=1)
    return (
        *usual,
        Case("10,000 destinations, 100,000 streams, 100 billion", MANY),
        Case("the same, 65 instances", replace(MANY, instances_max=65)),
        Case("the same, a tick reads and writes one stream after the other", one_by_one),
        Case("the same, a tick sends 100,000 messages", replace(MANY, sent_max=100_000)),
        Case("ten times the events", replace(MANY, events_an_hour=1e12 / 24, sent_max=100_000)),
    )


def run(*, quick: bool) -> None:
    """Simulate the fleets, and print what each takes and how near it comes to each limit."""
    print("Fleets ...", flush=True)
    found = [(case, simulate(case.fleet, case.steps)) for case in cases(quick=quick)]
    show(
        "One hour of every stream, from the moment at which it closes",
        ("fleet", "tick s", "half done, min", "99 %, min", "all, min", "instances", "instance hours"),
        [
            (
                case.name,
                f"{seen.tick_seconds:.0f}",
                *(f"{seen.done_after(share) / 60:.1f}" for share in (0.5, 0.99, 1.0)),
                seen.instances,
                f"{seen.instance_seconds / 3600:.1f}",
            )
            for case, seen in found
        ],
    )
    show(
        "The highest share of each limit",
        ("fleet", *LIMITS),
        [
            (case.name, *(f"{used(seen)[name] / limit:.0%}" for name, limit in LIMITS.items()))
            for case, seen in found
        ],
    )


def used(seen: Seen) -> dict[str, float]:
    """Return the highest use of each limit."""
    requests = seen.peak("tables") + seen.peak("queue") + seen.peak("blobs of landing")
    return {
        "requests a second of an account": requests,
        "rows a second of a table's partition": max(
            seen.peak("partition schedule"), seen.peak("partition destinations")
        ),
        "messages a second of a queue": seen.peak("queue"),
        "Gbit/s out of an account": 8 * seen.peak("bytes of landing") / GB,
        "instances of 2,048 MB a region": seen.instances,
    }
