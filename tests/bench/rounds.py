"""Runs that are compared: each in its own process, in turn, round by round.

On a shared machine seconds say little. What ran within the same round met about the same neighbours, so
ratios are taken within a round, and of those the median.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from infra.local.stack import PROJECT

# Created by ``make bench``. Without it, the peers are left out.
PEERS_PYTHON = PROJECT / ".peers/bin/python"


@dataclass(frozen=True, slots=True)
class Run:
    """The result of one run: seconds, bytes."""

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


def in_child(  # noqa: PLR0913  what a child is told
    way: str, folder: Path, target: Path, project_id: int, hour: str, *, cores: int = 2, sink: str = ""
) -> Run:
    """Run one way over a folder in a new process on so many cores; ``sink`` is a connection string."""
    numbers = [str(cores), str(folder), str(target), str(project_id), hour]
    return _result([sys.executable, "-m", "tests.bench.child", way, *numbers], {"BENCH_SINK": sink})


def in_peer(peer: str, folder: Path, target: Path, *, cores: int = 2) -> Run:
    """Run a peer in a new process."""
    script = PROJECT / "tests/bench/peers.py"
    return _result(
        [str(PEERS_PYTHON), str(script), peer, str(folder), str(target), str(cores)],
        {"POLARS_MAX_THREADS": str(cores)},
    )


def _result(command: list[str], environ: dict[str, str]) -> Run:
    everything = os.environ | environ  # noqa: TID251  a child is like this process
    found = subprocess.run(command, cwd=PROJECT, check=True, stdout=subprocess.PIPE, env=everything).stdout
    return Run(**json.loads(found.splitlines()[-1]))


def ratio(runs: Sequence[Run], base: Sequence[Run], what: Callable[[Run], float]) -> float:
    """Return the ratio of two ways: the median over the rounds."""
    return median(what(one) / what(other) for one, other in zip(runs, base, strict=True))


def middle(runs: Sequence[Run], what: Callable[[Run], float]) -> float:
    """Return the median of a way's runs."""
    return median(what(run) for run in runs)


def least(runs: Sequence[Run], what: Callable[[Run], float]) -> float:
    """Return the least of a way's runs: the one that other programs disturbed least."""
    return min(what(run) for run in runs)
