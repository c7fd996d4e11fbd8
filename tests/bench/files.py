"""The pipeline from files to a file, without any network: against the plain way, and step by step."""

import gzip
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from infra.local.sample import DataType, Digest
from infra.local.sample.writers import Folder, write
from tests.bench import rounds
from tests.bench.chain import STEPS
from tests.bench.child import FLOOR, NAIVE, OURS
from tests.bench.hour import Shape
from tests.bench.lab import HOUR, PROJECT_ID
from tests.bench.readback import digest_of
from tests.bench.rounds import Rounds, Run
from tests.bench.tables import MB, megabytes, show

_NAMES = {
    OURS: "ours (zlib-ng 5)",
    NAIVE: "gzip + json (zlib 6)",
    FLOOR: "floor: gunzip + gzip alone (zlib-ng 5)",
}
_LAST_STEP = "gzip"


@dataclass(frozen=True, slots=True)
class Compared:
    """What the ways took over the same files, and how large their results are."""

    runs: Rounds
    sizes: dict[str, int]
    raw_bytes: int
    same: bool


def run(folder: Path, *, events: int, count: int) -> list[str]:
    """Compare the ways in some rounds, print the tables, and return what does not hold."""
    print(f"From files to a file, {events:,} events, {count} rounds ...", flush=True)
    found = compare(folder, events, count)
    show_ways(found, events)
    show_steps(found, events)
    return (
        [] if found.same else ["from files to a file: ours and the plain way do not export the same events"]
    )


def compare(folder: Path, events: int, count: int) -> Compared:
    """Make the files, and go every way over them."""
    with TemporaryDirectory(dir=folder) as scratch:
        landed, targets = Path(scratch, "landing"), Path(scratch, "parts")
        targets.mkdir()
        hour = Shape(events=events).landing()
        write(Folder(landed), [hour], processes=1)

        def go(way: str) -> Run:
            return rounds.in_child(way, landed, targets / way, PROJECT_ID, HOUR.key)

        runs = rounds.interleaved((OURS, NAIVE, FLOOR, *STEPS), count, go)
        truth = hour.truth(DataType.EVENTS).digest()
        return Compared(
            runs=runs,
            sizes={way: (targets / way).stat().st_size for way in _NAMES},
            raw_bytes=_plain_bytes(targets / FLOOR),
            same=all(_digest(targets / way) == truth for way in (OURS, NAIVE)),
        )


def show_ways(found: Compared, events: int) -> None:
    """Print each way against ours."""
    ours = found.runs[OURS]
    show(
        f"From files to a file, {events:,} events, {megabytes(found.raw_bytes)} MB raw",
        ("way", "CPU to ours", "wall to ours", "raw MB per CPU s", "size to ours", "peak MB"),
        [
            (
                name,
                f"{rounds.ratio(found.runs[way], ours, _cpu):.2f}",
                f"{rounds.ratio(found.runs[way], ours, _wall):.2f}",
                f"{found.raw_bytes / MB / rounds.middle(found.runs[way], _cpu):.0f}",
                f"{found.sizes[way] / found.sizes[OURS]:.2f}",
                megabytes(rounds.middle(found.runs[way], _peak)),
            )
            for way, name in _NAMES.items()
        ],
        f"Medians of {len(ours)} rounds, each way in a fresh process, in turn. The plain way checks less.",
    )


def show_steps(found: Compared, events: int) -> None:
    """Print what each step of ours adds to those before it."""
    whole = rounds.least(found.runs[OURS], _cpu)
    rows, before = [], 0.0
    for step in (*STEPS, _LAST_STEP):
        until = rounds.least(found.runs[OURS if step == _LAST_STEP else step], _cpu)
        rows.append((step, f"{(until - before) / whole:.0%}", f"{(until - before) / events * 1e6:.1f}"))
        before = until
    rows.append(("all", "100%", f"{whole / events * 1e6:.1f}"))
    show(
        "Steps of ours",
        ("step", "share of CPU", "us per event"),
        rows,
        "Each step is what the chain up to it took, less the chain up to the one before; of each the fastest",
        f"of {len(found.runs[OURS])} runs, because neighbours can only add to a difference so small.",
    )


def _cpu(run: Run) -> float:
    return run.cpu


def _wall(run: Run) -> float:
    return run.wall


def _peak(run: Run) -> float:
    return run.peak


def _digest(path: Path) -> Digest:
    with gzip.open(path) as rows:
        return digest_of(rows)


def _plain_bytes(path: Path) -> int:
    with gzip.open(path) as content:
        return sum(len(line) for line in content)
