"""``make bench``: measure time, memory and storage calls of the exporter; exit code 1 if too much."""

import argparse
import contextlib
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType

from infra.local.stack import PROJECT, NotStartedError
from tests.bench import (
    answers,
    backfill,
    bodies,
    cold_start,
    components,
    files,
    growth,
    hard_lines,
    hours,
    records,
    scale,
    together,
)
from tests.bench.goals import Goal, show_goals
from tests.bench.lab import LabError
from tests.bench.tables import MB, megabytes

DATA = PROJECT / "bench-data"
# The largest hour is here three times at most: landed, exported, and as logs and temporary files.
FREE_BYTES_MIN, QUICK_FREE_BYTES_MIN = 12_000 * MB, 300 * MB

type Found = tuple[list[str], list[Goal]]
type Section = Callable[[Path, bool], Found]


def _cold_start(_folder: Path, quick: bool) -> Found:  # noqa: FBT001  all sections look the same
    return [], cold_start.run(3 if quick else 9)


def _bodies(_folder: Path, quick: bool) -> Found:  # noqa: FBT001  all sections look the same
    bodies.run(quick=quick)
    return [], []


def _files(folder: Path, quick: bool) -> Found:  # noqa: FBT001  all sections look the same
    events, count = (10_000, 2) if quick else (100_000, 5)
    problems, goals = files.run(folder, events=events, count=count)
    return problems + hard_lines.run(folder), goals


def _hours(folder: Path, quick: bool) -> Found:  # noqa: FBT001  all sections look the same
    measured = hours.run(folder, hours.shapes(quick=quick))
    tiny, small, small_with_line, *_, whole = measured
    components.show_keys((50_000, 200_000) if quick else (250_000, 1_000_000, 5_000_000))
    components.show_components(small, small_with_line, whole)
    problems = [problem for each in measured for problem in hours.problems(each)]
    return problems, hours.goals(tiny, whole)


def _records(folder: Path, quick: bool) -> Found:  # noqa: FBT001  all sections look the same
    return [], records.run(folder, quick=quick)


def _together(folder: Path, quick: bool) -> Found:  # noqa: FBT001  all sections look the same
    together.run(folder, quick=quick)
    return [], []


def _backfill(folder: Path, quick: bool) -> Found:  # noqa: FBT001  all sections look the same
    return [], backfill.run(folder, quick=quick)


def _scale(_folder: Path, quick: bool) -> Found:  # noqa: FBT001  all sections look the same
    scale.run(quick=quick)
    return [], []


def _answers(_folder: Path, quick: bool) -> Found:  # noqa: FBT001  all sections look the same
    return [], answers.run(quick=quick)


def _growth(folder: Path, quick: bool) -> Found:  # noqa: FBT001  all sections look the same
    return growth.run(folder, quick=quick)


SECTIONS: dict[str, Section] = {
    "cold-start": _cold_start,
    "bodies": _bodies,
    "files": _files,
    "hours": _hours,
    "records": _records,
    "together": _together,
    "backfill": _backfill,
    "scale": _scale,
    "answers": _answers,
    "growth": _growth,
}


def main() -> int:
    """Run the sections and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench", description="Measure what exporting costs."
    )
    parser.add_argument("--quick", action="store_true", help="small hours: under two minutes")
    parser.add_argument("--only", choices=SECTIONS, help="one section instead of all")
    options = parser.parse_args()

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    # The section on growth needs too many hours of data for a quick run.
    usual = [name for name in SECTIONS if name != "growth" or not options.quick]
    sections = [options.only] if options.only else usual
    try:
        with _scratch(QUICK_FREE_BYTES_MIN if options.quick else FREE_BYTES_MIN) as folder:
            found = [SECTIONS[name](folder, options.quick) for name in sections]
    except (LabError, NotStartedError) as error:
        print(f"\nerror: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped.")
        return 130
    show_goals(goal for _, goals in found for goal in goals)
    problems = [problem for some, _ in found for problem in some]
    print("\nFailed:" if problems else "\nAll checks passed.", *problems, sep="\n  ")
    return 1 if problems else 0


@contextlib.contextmanager
def _scratch(bytes_min: int) -> Iterator[Path]:
    """Yield a temporary folder; ``SystemExit`` if the disk has too little space."""
    DATA.mkdir(exist_ok=True)
    free = shutil.disk_usage(DATA).free
    if free < bytes_min:
        raise SystemExit(f"{DATA} needs {megabytes(bytes_min)} MB, and only {megabytes(free)} MB are free")
    with TemporaryDirectory(dir=DATA) as folder:
        yield Path(folder)


if __name__ == "__main__":
    sys.exit(main())
