"""Runs that are compared: in processes of their own, in turn, round by round.

On a shared machine seconds say little. What ran within the same round met about the same neighbours, so
ratios are taken within a round, and of those the median.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from infra.local.stack import PROJECT


@dataclass(frozen=True, slots=True)
class Run:
    """What one run took: seconds, bytes."""

    rows: int
    cpu: float
    wall: float
    peak: int


type Rounds = dict[str, list[Run]]


def interleaved(ways: Iterable[str], rounds: int, run: Callable[[str], Run]) -> Rounds:
    """Run every way once in each round."""
    found: Rounds = {way: [] for way in ways}
    for _ in range(rounds):
        for way, runs in found.items():
            runs.append(run(way))
    return found


def in_child(way: str, folder: Path, target: Path, project_id: int, hour: str) -> Run:
    """Go one way over a folder in a fresh process."""
    command = [
        sys.executable,
        "-m",
        "tests.bench.child",
        way,
        str(folder),
        str(target),
        str(project_id),
        hour,
    ]
    return Run(**json.loads(subprocess.run(command, cwd=PROJECT, check=True, stdout=subprocess.PIPE).stdout))


def ratio(runs: Sequence[Run], base: Sequence[Run], what: Callable[[Run], float]) -> float:
    """Return how many times as much one way took as another, as the median over the rounds."""
    return median(what(one) / what(other) for one, other in zip(runs, base, strict=True))


def middle(runs: Sequence[Run], what: Callable[[Run], float]) -> float:
    """Return the median of a way's runs."""
    return median(what(run) for run in runs)


def least(runs: Sequence[Run], what: Callable[[Run], float]) -> float:
    """Return the least of a way's runs: what is left once the neighbours kept quiet."""
    return min(what(run) for run in runs)
