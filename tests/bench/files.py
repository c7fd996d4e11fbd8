"""The export from files to a file, without a network: compared with other programs, and step by step."""

import gzip
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from tempfile import TemporaryDirectory

from exporter.pipeline.gunzip import plain
from infra.local.sample import DataType, Digest, Fault, LandingHour
from infra.local.sample.writers import Folder, write
from tests.bench import rounds, sink
from tests.bench.chain import STEPS
from tests.bench.child import FLOOR, NAIVE, OURS, PARALLEL_FLOOR, PYTHON, SINK
from tests.bench.goals import Goal
from tests.bench.hour import Shape
from tests.bench.lab import HOUR, PROJECT_ID
from tests.bench.readback import digest_of
from tests.bench.rounds import Rounds, Run
from tests.bench.tables import MB, megabytes, show

_CORES = 2
_LAST_STEP = "gzip"


class Files(Enum):
    """The files of an hour, by the shape of its events."""

    USUAL = Shape(events=0)
    CLEAN = Shape(events=0, faults=frozenset())
    REAL = Shape(events=0, faults=frozenset({Fault.DUPLICATES_ACROSS_BLOBS}), real_shaped=True)

    def hour(self, events: int) -> LandingHour:
        """Return the hour to land, with so many events."""
        return replace(self.value, events=events).landing()


@dataclass(frozen=True, slots=True)
class Way:
    """A way to export: the child's argument, the number of cores, and which files.

    With ``content``, the result must have all events, each once. Other results cannot be compared.
    """

    title: str
    told: str
    cores: int = _CORES
    files: Files = Files.USUAL
    peer: bool = False
    content: bool = False


_ONE = "one core"
_REAL, _FAST, _FILTERED = f"real, {_ONE}", f"fast, {_ONE}", f"filtered, {_ONE}"
WAYS = {
    OURS: Way("ours (zlib-ng 5)", OURS, content=True),
    f"{OURS}, {_ONE}": Way(f"ours, {_ONE}", OURS, cores=1),
    PYTHON: Way("ours, without native code", PYTHON, content=True),
    f"{PYTHON}, {_ONE}": Way(f"ours, without native code, {_ONE}", PYTHON, cores=1),
    NAIVE: Way("gzip + json (zlib 6)", NAIVE, content=True),
    FLOOR: Way("floor: gunzip + one gzip thread alone (zlib-ng 5)", FLOOR),
    f"{FLOOR}, {_ONE}": Way(f"floor, {_ONE}", FLOOR, cores=1),
    PARALLEL_FLOOR: Way("floor: parallel", PARALLEL_FLOOR),
    _REAL: Way(f"ours, real-shaped events, {_ONE}", OURS, cores=1, files=Files.REAL, content=True),
    "fast": Way("ours, compression fast (isal 2)", "fast", content=True),
    _FAST: Way(f"ours, compression fast, {_ONE}", "fast", cores=1),
    _FILTERED: Way(f"ours, a filter that keeps 5 %, {_ONE}", "filtered", cores=1),
    SINK: Way("ours, to a blob service that drops it", SINK),
    "passthrough": Way("ours, passthrough", "passthrough", files=Files.CLEAN, content=True),
    "duckdb": Way("DuckDB, lines as objects", "duckdb", peer=True),
    "polars": Way("Polars, lines", "polars", peer=True),
    "chdb": Way("chDB (ClickHouse), lines", "chdb", peer=True),
}
# How many times as fast as a peer an export is to be, and which share of its memory it may take.
_AHEAD = {"duckdb": 6.0, "polars": 3.0, "chdb": 1.4}
_MEMORY = {"duckdb": 0.1, "polars": 0.1, "chdb": 0.05}
PEERS = tuple(name for name, way in WAYS.items() if way.peer)


@dataclass(frozen=True, slots=True)
class Compared:
    """The runs of all ways over the same files, and the sizes of their results in bytes."""

    runs: Rounds
    sizes: dict[str, int]
    raw_bytes: dict[Files, int]
    same: bool

    def times(self, way: str, base: str, what: Callable[[Run], float]) -> float:
        """Return the ratio of two ways, for the same number of bytes."""
        sizes = self.raw_bytes[WAYS[way].files], self.raw_bytes[WAYS[base].files]
        return rounds.ratio(self.runs[way], self.runs[base], what) * sizes[1] / sizes[0]


def run(folder: Path, *, events: int, count: int) -> tuple[list[str], list[Goal]]:
    """Compare the ways in several rounds, print the tables, and return problems and goals."""
    print(f"From files to a file, {events:,} events, {count} rounds ...", flush=True)
    if not rounds.PEERS_PYTHON.exists():
        print("Without the peers: make bench installs them.", flush=True)
    found = compare(folder, events, count)
    show_ways(found, events)
    show_steps(found, events)
    problems = (
        [] if found.same else ["from files to a file: ours and the plain way do not export the same events"]
    )
    return problems, goals(found)


def ways() -> list[str]:
    """Return the ways that can run here."""
    return [name for name, way in WAYS.items() if not way.peer or rounds.PEERS_PYTHON.exists()]


def compare(folder: Path, events: int, count: int) -> Compared:
    """Generate the files and run every way over them."""
    with TemporaryDirectory(dir=folder) as scratch, sink.running() as connection_string:
        targets = Path(scratch, "parts")
        targets.mkdir()
        landed = {each: Path(scratch, each.name.lower()) for each in Files}
        hours = {each: each.hour(events) for each in Files}
        for each, hour in hours.items():
            write(Folder(landed[each]), [hour], processes=1)

        def go(name: str) -> Run:
            way = WAYS.get(name) or Way(name, name)
            source, target = landed[way.files], targets / name
            if way.peer:
                return rounds.in_peer(way.told, source, target, cores=way.cores)
            return rounds.in_child(
                way.told, source, target, PROJECT_ID, HOUR.key, cores=way.cores, sink=connection_string
            )

        names = ways()
        runs = rounds.interleaved((*names, *STEPS), count, go)
        truth = {each: hour.truth(DataType.EVENTS).digest() for each, hour in hours.items()}
        return Compared(
            runs=runs,
            sizes={name: (targets / name).stat().st_size for name in names},
            raw_bytes={each: _plain_bytes(files) for each, files in landed.items()},
            same=all(
                _digest(targets / name) == truth[WAYS[name].files] for name in names if WAYS[name].content
            ),
        )


def show_ways(found: Compared, events: int) -> None:
    """Print each way compared with ours."""
    show(
        f"From files to a file, {events:,} events, {megabytes(found.raw_bytes[Files.USUAL])} MB raw",
        ("way", "wall to ours", "CPU to ours", "raw MB/s", "raw MB per CPU s", "size to ours", "peak MB"),
        [
            (
                WAYS[name].title,
                f"{found.times(name, OURS, _wall):.2f}",
                f"{found.times(name, OURS, _cpu):.2f}",
                f"{found.raw_bytes[WAYS[name].files] / MB / rounds.middle(found.runs[name], _wall):.0f}",
                f"{found.raw_bytes[WAYS[name].files] / MB / rounds.middle(found.runs[name], _cpu):.0f}",
                f"{found.sizes[name] / found.sizes[OURS]:.2f}" if found.sizes[name] else "",
                megabytes(rounds.middle(found.runs[name], _peak)),
            )
            for name in found.sizes
        ],
        f"Medians of {len(found.runs[OURS])} rounds, each way in a fresh process, in turn, on two cores if",
        "nothing else is said. Only ours and the plain way check and normalise; the plain way checks less.",
    )


def goals(found: Compared) -> list[Goal]:
    """Return the goals of these ways."""
    codec = "gunzip and gzip alone are two thirds of the work"
    checks = "splitting, checking and counting lines takes the rest"
    alone, floor_alone = f"{OURS}, {_ONE}", f"{FLOOR}, {_ONE}"
    reached = [
        Goal(1, "times the plain way, on two cores", found.times(NAIVE, OURS, _wall), least=11, short=codec),
        Goal(1, "of the floor, on two cores", found.times(FLOOR, OURS, _wall), least=1, short=codec),
        Goal(
            1,
            "of the parallel floor, per CPU second",
            found.times(PARALLEL_FLOOR, OURS, _cpu),
            least=0.85,
            short=checks,
        ),
        Goal(1, "of the floor, on one core", found.times(floor_alone, alone, _cpu), least=0.9, short=checks),
        Goal(1, "two cores to one", found.times(alone, OURS, _wall), least=1.6),
        Goal(1, "size to zlib 6", found.sizes[OURS] / found.sizes[NAIVE], most=1.01),
        Goal(3, "speed of real-shaped events, to usual ones", found.times(alone, _REAL, _cpu), least=0.9),
        Goal(3, "times the plain way, passthrough", found.times(NAIVE, "passthrough", _wall), least=10),
        Goal(
            4,
            "times the unfiltered speed, of 5 %, on one core",
            found.times(alone, _FILTERED, _cpu),
            least=1.7,
            short="gunzip, lines and the checks take the rest",
        ),
        Goal(5, "times balanced, compression fast, gzip alone", _gzip_alone(found), least=2.5),
        Goal(6, "of the speed to a file, to a sink", found.times(OURS, SINK, _wall), least=0.9),
    ]
    for name in PEERS:
        if name in found.runs:
            title = WAYS[name].title
            why = "it looks for the uuid alone, in native code; ours checks and rewrites each key"
            less = "it takes less for files as small as these, and more the larger they are"
            wall, cpu, memory = (found.times(name, OURS, what) for what in (_wall, _cpu, _peak))
            reached += [
                Goal(2, f"times {title}, on two cores", wall, least=_AHEAD[name], short=why),
                Goal(2, f"times {title}, per CPU second", cpu, least=1.25, short=why),
                Goal(2, f"of the memory of {title}", 1 / memory, most=_MEMORY[name], short=less),
            ]
    return reached


def _gzip_alone(found: Compared) -> float:
    """Return how many times the CPU of ``fast`` gzip takes with ``balanced``, without the steps before it."""
    *_, before = STEPS
    balanced, fast, rest = (
        rounds.least(found.runs[name], _cpu) for name in (f"{OURS}, {_ONE}", _FAST, before)
    )
    return (balanced - rest) / (fast - rest)


def show_steps(found: Compared, events: int) -> None:
    """Print the time that each of our steps adds to those before it."""
    alone = f"{OURS}, {_ONE}"
    whole = rounds.least(found.runs[alone], _cpu)
    rows, before = [], 0.0
    for step in (*STEPS, _LAST_STEP):
        until = rounds.least(found.runs[alone if step == _LAST_STEP else step], _cpu)
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


def _plain_bytes(folder: Path) -> int:
    return sum(len(piece) for path in folder.rglob("*.gz") for piece in plain(iter([path.read_bytes()])))
