"""The growth of an hour's cost with its events and with the number of its blobs."""

from pathlib import Path

from tests.bench import ticks
from tests.bench.goals import Goal
from tests.bench.hour import Measured, Shape, measure
from tests.bench.hours import MEMORY_GROWTH_MB_MAX, describe, problems
from tests.bench.tables import MB, megabytes, show

# How much more an event may cost in a larger hour. A sliced hour compares its rows with those of earlier
# slices. A quadratic cost would be several times as high.
SLACK = 1.5
# The fixed cost of a landing blob: a call of the SDK, and the start and end of reading. A thousand and one
# blobs must fit into the slack; only further ones are allowed this cost.
CPU_SECONDS_A_BLOB_MAX = 0.02
BLOBS_WITHIN_SLACK = 1_001


def shapes(*, quick: bool) -> tuple[list[Shape], list[Shape]]:
    """Return hours of more and more events, and hours of the same events in more and more blobs."""
    unit = 20_000 if quick else 1_000_000
    counts = (10, 100) if quick else (10, 100, 1_000, 10_000)
    return (
        [Shape(events=unit * times) for times in (1, 2, 4, 10)],
        [Shape(events=unit, blobs=count) for count in counts],
    )


def run(folder: Path, *, quick: bool) -> tuple[list[str], list[Goal]]:
    """Measure the hours, print both tables, and return problems and goals."""
    found, goals = [], []
    for title, wanted in zip(("events", "landing blobs"), shapes(quick=quick), strict=True):
        measured = []
        for shape in wanted:
            print(f"An hour of {describe(shape)} ...", flush=True)
            measured.append(measure(shape, folder))
        show_growth(title, measured)
        found += [problem for each in measured for problem in problems(each)]
        found += steep(measured)
        goals += _goals(measured)
    return found, goals + ticks.run(quick=quick)


def _goals(measured: list[Measured]) -> list[Goal]:
    first, *_, last = measured
    if first.rows.read == last.rows.read:
        milliseconds = (last.cpu - first.cpu) / (last.blobs - first.blobs) * 1000
        most = CPU_SECONDS_A_BLOB_MAX * 1000
        return [Goal(8, "ms of CPU for each further landing blob", milliseconds, most=most, digits=1)]
    most = max(map(_cpu_per_event, measured)) / _cpu_per_event(first)
    growth = max(each.memory_peak - each.memory_before for each in measured) / MB
    return [
        Goal(8, "CPU an event in the largest hour, to the first row", most, most=SLACK),
        Goal(4, "MB of memory that an hour of any size adds", growth, most=MEMORY_GROWTH_MB_MAX, digits=0),
    ]


def steep(measured: list[Measured]) -> list[str]:
    """Return the hours that cost more CPU than their events, blobs and the slack allow."""
    first = _cpu_per_event(measured[0])
    return [
        f"{describe(each.shape)}: {_cpu_per_event(each) / first:.2f} times the CPU an event of the first"
        for each in measured
        if each.cpu > SLACK * first * each.rows.read + _allowed_for_blobs(each)
    ]


def _allowed_for_blobs(each: Measured) -> float:
    return CPU_SECONDS_A_BLOB_MAX * max(0, each.blobs - BLOBS_WITHIN_SLACK)


def show_growth(title: str, measured: list[Measured]) -> None:
    """Print the cost of each hour, and its CPU an event compared with the first hour."""
    first = _cpu_per_event(measured[0])
    show(
        f"Growth with the number of {title}",
        (
            "hour",
            "blobs",
            "parts",
            "raw MB",
            "wall s",
            "CPU s",
            "CPU an event",
            "peak MB",
            "calls",
            "each once",
        ),
        [
            (
                describe(each.shape),
                each.blobs,
                each.parts,
                megabytes(each.raw_bytes),
                f"{each.wall:.1f}",
                f"{each.cpu:.1f}",
                f"{_cpu_per_event(each) / first:.2f}",
                megabytes(each.memory_peak),
                sum(each.calls.values()),
                "pass" if each.whole else "FAIL",
            )
            for each in measured
        ],
        'CPU is the worker\'s; "CPU an event" is against the first row. Calls are all that the app made.',
    )


def _cpu_per_event(each: Measured) -> float:
    return each.cpu / each.rows.read
