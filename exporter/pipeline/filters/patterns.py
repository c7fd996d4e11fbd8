"""Patterns: regular expressions of customers, which cannot hang the export.

RE2 matches in time linear in the text for every pattern. The factor is bounded by the number of instructions,
and the text by its searched length.
"""

from collections.abc import Callable, Iterable
from typing import Any

# Instructions of a filter's patterns times searched characters an event. The worst measured patterns take 10
# ns each, 7 ms an event; usual patterns take 1 % of that.
STEPS_MAX = 655_360
# Patterns with few instructions, as most have, search this much.
MATCHED_CHARACTERS_MAX = 16_384
# Memory of one pattern for cached states; with less, matching is slower and still right.
_PATTERN_BYTES_MAX = 1024 * 1024

type Search = Callable[[Iterable[str]], bool]


def pattern_cost(pattern: str) -> int:
    """Return the number of instructions of a pattern; ValueError, with the customer's message, if invalid."""
    size: int = _compiled(pattern).programsize
    # Patterns are joined later: a valid pattern may leave a quotation open there.
    _compiled(_grouped(pattern))
    return size


def characters_searched(instructions: int) -> int:
    """Return how many characters of a property patterns of so many instructions in total search."""
    return min(MATCHED_CHARACTERS_MAX, STEPS_MAX // max(instructions, 1))


def searching(patterns: Iterable[str], characters_max: int) -> Search:
    """Return a search for any of the patterns in texts; it reads at most ``characters_max`` characters."""
    # One joined pattern is as fast as a single one, and takes no more memory.
    found = _compiled("|".join(map(_grouped, patterns))).search

    def search(texts: Iterable[str]) -> bool:
        left = characters_max
        for text in texts:
            # Bytes, because for text the library counts the characters before each match.
            if found(text[:left].encode()) is not None:
                return True
            left -= len(text)
            if left <= 0:
                break
        return False

    return search


def _grouped(pattern: str) -> str:
    return f"(?:{pattern})"


def _compiled(pattern: str) -> Any:  # noqa: ANN401  the library has no types
    import re2  # type: ignore[import-untyped]  # noqa: PLC0415  only filters with patterns need it

    options = re2.Options()
    options.max_mem = _PATTERN_BYTES_MAX
    options.log_errors = False
    options.never_capture = True
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        why = error.args[0] if error.args else b""
        text = why.decode(errors="replace") if isinstance(why, bytes) else str(why)
        # The part after the colon repeats a piece of the pattern, which answers must not.
        raise ValueError(f"must be a valid RE2 pattern: {text.partition(':')[0]}") from None
