"""Whole hours through the real app: the tables, and the checks of each hour."""

from collections.abc import Iterable
from pathlib import Path

from tests.bench import lab
from tests.bench.goals import Goal
from tests.bench.hour import Measured, Shape, measure
from tests.bench.tables import MB, megabytes, show

PEAK_BYTES_MAX = 300 * MB
# What an hour may add to the memory of the process: of any size, with parts of the default size.
MEMORY_GROWTH_MB_MAX = 120
# The host's own calls: its locks and timers, and the queue that it polls for the app.
_OF_THE_APP = {lab.LANDING: "landing", lab.CUSTOMER: "customer", lab.REJECTED: "rejected", lab.STATE: "state"}
_TABLES = ("destinations", "ledger", "schedule", "breakers", "Tables")


def shapes(*, quick: bool) -> list[Shape]:
    """Return the hours to measure. The limit of memory is promised for the last one."""
    whole = 50_000 if quick else 1_000_000
    small = whole // 4
    return [
        Shape(events=10, blobs=1, faults=frozenset()),
        Shape(events=small),
        Shape(events=small, huge_line=True),
        Shape(events=small, blobs=1),
        Shape(events=small, blobs=200),
        Shape(events=whole, huge_line=True),
    ]


def run(folder: Path, wanted: Iterable[Shape]) -> list[Measured]:
    """Measure the hours and print the tables."""
    measured = []
    for shape in wanted:
        print(f"An hour of {describe(shape)} ...", flush=True)
        measured.append(measure(shape, folder))
    show_memory(measured)
    show_throughput(measured)
    show_calls(measured[0])
    show_calls(measured[-1])
    return measured


def describe(shape: Shape) -> str:
    """Return a short description of the hour."""
    blobs = "" if shape.blobs is None else f" in {shape.blobs} blob{'s' if shape.blobs > 1 else ''}"
    return f"{shape.events:,} events{blobs}{' and a line of 10 MB' if shape.huge_line else ''}"


def problems(each: Measured) -> list[str]:
    """Return the broken promises of an hour."""
    found = []
    if each.memory_peak >= PEAK_BYTES_MAX:
        found.append(
            f"{describe(each.shape)}: the worker's peak was {megabytes(each.memory_peak)} MB, "
            f"not below {megabytes(PEAK_BYTES_MAX)} MB"
        )
    if not each.whole:
        found.append(f"{describe(each.shape)}: the customer does not have each event once")
    return found


def goals(tiny: Measured, whole: Measured) -> list[Goal]:
    """Return the goals of a tiny hour and of the largest one."""
    growth = (whole.memory_peak - whole.memory_before) / MB
    return [
        Goal(4, "MB of memory that the largest hour adds", growth, most=MEMORY_GROWTH_MB_MAX, digits=0),
        Goal(
            7,
            "calls to storage for an hour of 10 events",
            sum(calls_of_app(tiny).values()),
            most=25,
            digits=0,
        ),
    ]


def show_memory(measured: list[Measured]) -> None:
    """Print the worker process's memory before the hour and its peak."""
    show(
        "Memory of the worker process, in MB",
        ("hour", "raw", "before", "peak", "growth", f"below {megabytes(PEAK_BYTES_MAX)}"),
        [
            (
                describe(each.shape),
                megabytes(each.raw_bytes),
                megabytes(each.memory_before),
                megabytes(each.memory_peak),
                megabytes(each.memory_peak - each.memory_before),
                "pass" if each.memory_peak < PEAK_BYTES_MAX else "FAIL",
            )
            for each in measured
        ],
        "Resident set of the process that runs the functions; each hour in a fresh one.",
    )


def show_throughput(measured: list[Measured]) -> None:
    """Print the time of the hours, and whether each event is there once."""
    show(
        "Whole hours through the app, on a storage emulator that shares the machine",
        ("hour", "blobs", "landed MB", "part MB", "wall s", "CPU s", "events/s", "raw MB/s", "each once"),
        [
            (
                describe(each.shape),
                each.blobs,
                megabytes(each.landed_bytes),
                megabytes(each.part_bytes),
                f"{each.wall:.1f}",
                f"{each.cpu:.1f}",
                f"{each.rows.read / each.wall:,.0f}",
                f"{each.raw_bytes / MB / each.wall:.0f}",
                "pass" if each.whole else "FAIL",
            )
            for each in measured
        ],
        "CPU is the worker's. \"Each once\": what the customer's files hold is, event by event, what landed.",
    )


def calls_of_app(each: Measured) -> dict[tuple[str, str], int]:
    """Return the app's calls for an hour, by place and operation."""
    counts: dict[tuple[str, str], int] = {}
    for (place, purpose), count in each.calls.items():
        where = "tables" if place.startswith(_TABLES) else _OF_THE_APP.get(place)
        if where:
            counts[where, purpose] = counts.get((where, purpose), 0) + count
    return counts


def show_calls(each: Measured) -> None:
    """Print the app's calls to storage for an hour."""
    counts = calls_of_app(each)
    rows: list[tuple[object, ...]] = [(*key, count) for key, count in sorted(counts.items())]
    show(
        f"Storage calls for {describe(each.shape)}, part of {megabytes(each.part_bytes)} MB",
        ("where", "what", "calls"),
        [*rows, ("all", "", sum(counts.values()))],
        "From the emulator's own log. Queue messages are the host's to fetch and are not counted.",
    )
