"""Patterns: regular expressions that cannot hang the export, whoever wrote them.

RE2 matches in time linear in the text, whatever the pattern; what remains is the factor, which the number of
instructions bounds, and the length of the text.
"""

from collections.abc import Callable, Iterable
from typing import Any

# Instructions of a filter's patterns times characters that they look at, of each event. The worst of the
# patterns that were tried take 10 ns for each, so that an event costs 7 ms; usual ones take a hundredth.
STEPS_MAX = 655_360
# Most patterns have a few dozen instructions and look at so much.
MATCHED_CHARACTERS_MAX = 16_384
# What one pattern may take for remembering states; without, a pattern is slower, never wrong.
_PATTERN_BYTES_MAX = 1024 * 1024

type Search = Callable[[Iterable[str]], bool]


def pattern_cost(pattern: str) -> int:
    """Return how many instructions a pattern compiles to; ValueError, for a person, if it is none."""
    size: int = _compiled(pattern).programsize
    # It stands beside others later: what is right by itself may leave a quotation open there.
    _compiled(_grouped(pattern))
    return size


def characters_searched(instructions: int) -> int:
    """Return at how many characters of a property patterns of so many instructions together may look."""
    return min(MATCHED_CHARACTERS_MAX, STEPS_MAX // max(instructions, 1))


def searching(patterns: Iterable[str], characters_max: int) -> Search:
    """Return what tells whether a pattern is found anywhere in texts; it reads so many characters of them."""
    # One pattern of several: found as fast as one, and it takes no more memory.
    found = _compiled("|".join(map(_grouped, patterns))).search

    def search(texts: Iterable[str]) -> bool:
        left = characters_max
        for text in texts:
            # Bytes: for text, the library would count characters up to each place that it finds.
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
        # Behind the colon it repeats a piece of the pattern, which an answer does not.
        raise ValueError(f"must be a pattern as RE2 knows them: {text.partition(':')[0]}") from None
