"""Rows of merged ids: those of the logins of an hour, and faulty ones."""

import json
from collections.abc import Callable, Iterator, Mapping

from infra.local.sample.catalogue import dumps
from infra.local.sample.faults import Fault
from infra.local.sample.logins import Login, Logins
from infra.local.sample.people import known_people
from infra.local.sample.recipe import Recipe
from infra.local.sample.rows import Row, Spot, Verdict

type Record = dict[str, object]

# Enough lines at once to compress well, and few enough to need little memory.
_LINES_AT_ONCE = 256
_HOUR_MS = 3_600_000
_HUGE_IDS = ((2**53 + 1, 2**63), (2**64 + 1, 2**64 - 1))
_MISSING = ("merge_server_time", "amplitude_id", "merged_amplitude_id")
_MISTYPED: tuple[tuple[str, object], ...] = (
    ("scope", "organisation"),
    ("merge_time", []),
    ("merge_server_time", "2026-01-31 13:00:00.000000"),
    ("amplitude_id", ""),
    ("amplitude_id", 1.5),
    ("merged_amplitude_id", True),
    ("merged_amplitude_id", {"id": 8}),
)
_LOOSE: tuple[Callable[[int], object], ...] = (str, float, "{}.0".format)
_TIMES = ("merge_time", "merge_server_time")
_OUTSIDE_MS = (-1, _HOUR_MS, -24 * _HOUR_MS)
_NOT_JSON: tuple[Callable[[bytes], bytes], ...] = (
    lambda line: line[: len(line) // 2],
    lambda line: b"[" + line + b"]",
    lambda _: b"null",
    lambda _: b"<html>502</html>",
)
_NOT_UTF8 = (b'"\xff"', b'"\xed\xa0\x80"')
_BLANK = (b"", b"  \t")


class MergeRows:
    """The rows of merged ids of an hour."""

    __slots__ = ("_hour", "_logins", "_makers", "_scope", "regular", "variants")

    def __init__(self, recipe: Recipe, hour: int) -> None:
        self.regular = recipe.merges
        self._logins = Logins(recipe, known_people(recipe))
        self._hour = hour
        self._scope = recipe.org_id
        self._makers: dict[Fault, tuple[int, Callable[[Record, int], bytes]]] = {
            Fault.NOT_JSON: (len(_NOT_JSON), lambda row, way: _NOT_JSON[way](dumps(row))),
            Fault.NOT_UTF8: (len(_NOT_UTF8), _not_utf8),
            Fault.MISSING_FIELD: (2 * len(_MISSING), _missing_field),
            Fault.MISTYPED_FIELD: (len(_MISTYPED), lambda row, way: dumps(row | dict([_MISTYPED[way]]))),
            Fault.OUTSIDE_HOUR: (len(_OUTSIDE_MS), self._outside_hour),
        }
        self.variants: Mapping[Fault, int] = {
            **{fault: count for fault, (count, _) in self._makers.items()},
            Fault.HUGE_INTEGER: len(_HUGE_IDS),
            Fault.LOOSE_TYPES: len(_LOOSE),
            Fault.BLANK_LINE: len(_BLANK),
        }

    def lines(self, first: int, end: int) -> Iterator[bytes]:
        """Yield regular merges, several lines at once."""
        for start in range(first, end, _LINES_AT_ONCE):
            numbers = range(start, min(end, start + _LINES_AT_ONCE))
            yield b"".join(self._line(*self._regular(number)) + b"\n" for number in numbers)

    def meant(self, first: int, end: int) -> Iterator[bytes]:
        """Yield regular merges line by line. All values have their key's type."""
        for some in self.lines(first, end):
            yield from some.splitlines()

    def identities(self, first: int, end: int) -> Iterator[str]:
        """Yield both ids of regular merges, ``source:target``."""
        for number in range(first, end):
            login, target = self._regular(number)
            yield f"{login.source_id}:{target}"

    def beyond(self, ordinal: int) -> Row:
        """Return a good merge besides the regular ones, of a device without events."""
        login = self._logins.beyond(self._hour, ordinal)
        target = self._logins.target_id(login.number)
        return Row(self._line(login, target), Verdict.EXPORTED, None, f"{login.source_id}:{target}")

    def repeated(self, number: int) -> None:
        """Return nothing: merged ids have no row key, so there are no duplicates."""
        del number

    def faulty(self, fault: Fault, variant: int, spot: Spot, extras: Iterator[int]) -> list[Row]:
        """Return the faulty row. It is the same in every place."""
        del spot
        if fault is Fault.BLANK_LINE:
            return [Row(_BLANK[variant], Verdict.SKIPPED, fault)]
        good = self.beyond(next(extras))
        record: Record = json.loads(good.line)
        if fault in self._makers:
            return [Row(self._makers[fault][1](record, variant), Verdict.REJECTED, fault)]
        if fault is Fault.LOOSE_TYPES:
            # Only times: a float cannot represent every id.
            loose = {key: _LOOSE[variant](json.loads(good.line)[key]) for key in _TIMES}
            return [Row(dumps(record | loose), Verdict.EXPORTED, fault, good.identity, good.line)]
        source, target = _HUGE_IDS[variant]
        line = dumps(record | {"amplitude_id": source, "merged_amplitude_id": target})
        return [Row(line, Verdict.EXPORTED, fault, f"{source}:{target}")]

    def _regular(self, number: int) -> tuple[Login, int]:
        login = self._logins.login(self._hour * self.regular + number)
        return login, self._logins.target_id(login.number)

    def _line(self, login: Login, target: int) -> bytes:
        return (
            b'{"scope":%d,"merge_time":%d,"merge_server_time":%d,"amplitude_id":%d,"merged_amplitude_id":%d}'
        ) % (self._scope, login.merge_ms, login.server_ms, login.source_id, target)

    def _outside_hour(self, record: Record, variant: int) -> bytes:
        return dumps(record | {"merge_server_time": self._hour * _HOUR_MS + _OUTSIDE_MS[variant]})


def _not_utf8(record: Record, variant: int) -> bytes:
    return dumps(record | {"note": "@@"}).replace(b'"@@"', _NOT_UTF8[variant])


def _missing_field(record: Record, variant: int) -> bytes:
    null, index = divmod(variant, len(_MISSING))
    if null:
        return dumps(record | {_MISSING[index]: None})
    del record[_MISSING[index]]
    return dumps(record)
