"""Hunt for worlds in which a promise breaks: ``python -m tests.simulation.hunt FIRST COUNT``.

Prints the worlds that broke a promise, by what was promised, with the seeds and one example of each.
``--only`` and ``--without`` choose the kinds of event; ordinary events come in every world. ``--digest``
prints one digest of all that happened in them: a change that claims to change nothing leaves it as it is.
With ``--false-hits`` a third of all keys seem to be in earlier slices.
"""

import argparse
import hashlib
import logging
import sys
import time
from collections import Counter, defaultdict
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from tests.simulation.happenings import HAPPENINGS, live
from tests.simulation.truth import BrokenPromise

SHOWN_MAX = 8
CHUNK = 25


def lived(seed: int, kinds: tuple[str, ...] | None) -> tuple[int, str, str, tuple[str, ...]]:
    """Live a life; return its seed, which promise broke (empty: none), how, and what happened in it."""
    logging.disable(logging.CRITICAL)
    try:
        return seed, "", "", tuple(sorted(live(seed, kinds=kinds).happened))
    except BrokenPromise as broken:
        return seed, broken.kind, str(broken), tuple(sorted(broken.happened))
    except Exception as error:  # noqa: BLE001  told like a broken promise
        return seed, f"raised {type(error).__name__}", repr(error), ()


def told(seed: int) -> str:
    """Live a life; return the digest of all that happened in it."""
    logging.disable(logging.CRITICAL)
    return live(seed).digest()


def main(arguments: list[str]) -> int:
    """Hunt as the arguments say; return 1 if a promise broke."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.hunt", description=__doc__)
    parser.add_argument("first", type=int)
    parser.add_argument("count", type=int)
    parser.add_argument("--only", action="append", metavar="KIND", choices=sorted(HAPPENINGS))
    parser.add_argument("--without", action="append", metavar="KIND", choices=sorted(HAPPENINGS), default=[])
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--mutations", action="store_true", help="print the first world to notice")
    parser.add_argument("--digest", action="store_true", help="print one digest of all worlds")
    parser.add_argument("--false-hits", action="store_true", help="let slices leave out too much at first")
    asked = parser.parse_args(arguments)
    if asked.false_hits:
        import pytest  # noqa: PLC0415  the mutations need it

        from tests.simulation.mutations import seem_to_know_many_keys  # noqa: PLC0415  so do they

        seem_to_know_many_keys(pytest.MonkeyPatch())
    seeds = range(asked.first, asked.first + asked.count)
    if asked.mutations:
        from tests.simulation.mutations import MUTATIONS, noticed_by  # noqa: PLC0415  they need pytest

        logging.disable(logging.CRITICAL)
        for name, mutation in MUTATIONS.items():
            sys.stdout.write(f'    "{name}": {noticed_by(mutation, seeds)},\n')
        return 0
    if asked.digest:
        with ProcessPoolExecutor(asked.processes) as pool:
            every = "\n".join(pool.map(told, seeds, chunksize=CHUNK))
        sys.stdout.write(f"{hashlib.sha256(every.encode()).hexdigest()}\n")
        return 0
    kinds = tuple(each for each in asked.only or HAPPENINGS if each not in asked.without)
    begun = time.monotonic()
    live_one = partial(lived, kinds=kinds)
    if asked.processes > 1:
        with ProcessPoolExecutor(asked.processes) as pool:
            lives = list(pool.map(live_one, seeds, chunksize=CHUNK))
    else:
        lives = [live_one(seed) for seed in seeds]
    return report(lives, time.monotonic() - begun)


def report(lives: list[tuple[int, str, str, tuple[str, ...]]], seconds: float) -> int:
    """Print what broke, and how often each kind of event came about."""
    broken: dict[str, list[tuple[int, str]]] = defaultdict(list)
    happened: Counter[str] = Counter()
    for seed, kind, detail, kinds in lives:
        happened.update(kinds)
        if kind:
            broken[kind].append((seed, detail))
    count = sum(map(len, broken.values()))
    out = sys.stdout.write
    out(f"{len(lives)} worlds, {1000 * seconds / len(lives):.0f} ms each; {count} broke a promise\n")
    for kind, cases in sorted(broken.items(), key=lambda each: -len(each[1])):
        seeds = " ".join(str(seed) for seed, _ in cases[:SHOWN_MAX])
        out(f"{len(cases):6} {kind}\n       seeds {seeds}\n       {cases[0][1][:300]}\n")
    rates = [f"{kind} {happened[kind] / len(lives):.0%}" for kind in HAPPENINGS if happened[kind]]
    out(f"what came about: {', '.join(rates)}\n")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
