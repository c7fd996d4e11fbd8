"""Rows of events: regular ones, and those with each row fault.

A rejected row often has the uuid of the regular row below it, which must be exported all the same.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from infra.local.sample.catalogue import dumps
from infra.local.sample.entropy import Dice, octets
from infra.local.sample.events import EXTRA_EVENTS, Events
from infra.local.sample.faults import Fault
from infra.local.sample.recipe import Recipe
from infra.local.sample.rows import DICT_KEYS, EVENT_KEYS, REQUIRED_KEYS, Row, Spot, Verdict
from infra.local.sample.shape import meant, shaped
from infra.local.sample.times import DAY, HOUR, TimeFormat, Writer

type Record = dict[str, Any]

# The record is the first level, its event properties the second.
DEEP_LEVELS = 200
TOO_DEEP_LEVELS = 100_000
HUGE_LINE_BYTES = 10_000_000
_HUGE_INTEGERS = [2**53 + 1, -(2**53) - 1, 2**63, 2**64 - 1, 2**64, 2**64 + 1, -(2**63) - 1, 10**40]
_HUGE_IDS = (2**53 + 1, 2**63, 2**64 + 1)
_LONE_SURROGATES: tuple[Record, ...] = (
    {"city": "Bad \ud83d end"},
    {"event_properties": {"low \udc00": ["\udfff", "a\ud800\ud800b"], "pair": "\U0001f600"}},
    {"user_properties": {"nested": [{"reversed": "\udc4d\ud83d"}]}, "event_type": "tap \ud83d"},
)
_MISTYPED: tuple[tuple[str, object], ...] = (
    ("uuid", "no-uuid-at-all"),
    ("uuid", 17),
    ("event_type", {}),
    ("event_type", ["page_viewed"]),
    ("event_time", "yesterday"),
    ("event_time", 1_769_864_400_000),
    ("event_time", ""),
    ("server_upload_time", "2026-02-30 25:61:00.000000"),
)
# Values without meaning for an optional key: the row is exported without them.
_AMENDED: tuple[tuple[str, object], ...] = (
    ("amplitude_id", 1.5),
    ("session_id", True),
    ("event_id", 2.25),
    ("event_properties", "none"),
    ("groups", [1]),
    ("data", 7),
    ("paying", "yes"),
    ("location_lat", "north"),
    ("city", []),
    ("app", "main"),
    ("amplitude_attribution_ids", [None]),
    ("client_event_time", {}),
)
# Values with one meaning, and the normalized value.
_LOOSE: tuple[tuple[str, object, object], ...] = (
    ("event_type", 5, "5"),
    ("amplitude_id", "12", 12),
    ("amplitude_id", 12.0, 12),
    ("event_properties", [], {}),
    ("user_properties", '{"a": [1, "é"]}', {"a": [1, "é"]}),
    ("data", "", {}),
    ("paying", "TRUE", True),
    ("paying", 0, False),
    ("is_attribution_event", "", None),
    ("location_lat", "37.77", 37.77),
    ("sample_rate", "0.5", 0.5),
    ("city", 5, "5"),
    ("device_id", False, "false"),
    ("app", "", None),
    ("user_creation_time", "", None),
    ("amplitude_attribution_ids", ["a", 1], ["a", "1"]),
)
_DROPPED: tuple[frozenset[str], ...] = (
    frozenset(EVENT_KEYS) - frozenset(REQUIRED_KEYS),
    frozenset({"app"}),
    frozenset(DICT_KEYS),
    frozenset(EVENT_KEYS[::2]) - frozenset(REQUIRED_KEYS),
)
_OUTSIDE = (-1, HOUR, -DAY, HOUR + 365 * DAY)
_NOT_JSON: tuple[Callable[[bytes], bytes], ...] = (
    # Cut between characters: half a character would be the fault NOT_UTF8.
    lambda line: line[: len(line) // 2].decode(errors="ignore").encode(),
    lambda line: line[:-1] + b",}",
    lambda line: line + line,
    lambda line: b"[" + line + b"]",
    lambda line: line.replace(b'"sample_rate":null', b'"sample_rate":NaN'),
    lambda line: line.replace(b'"', b"'"),
    lambda line: line.replace(b'"library":"', b'"library":"\t'),
    lambda _: b"upload of 3 events failed: connection reset",
    lambda _: b'"{}"',
    lambda _: b"42",
    lambda _: b"null",
    lambda _: b"\0\0\0\0",
)
# A lone byte, a cut sequence, a surrogate, an overlong slash, Latin-1.
_NOT_UTF8 = (b"\xff", b"\xe6\x8a", b"\xed\xa0\x80", b"\xc0\xaf", b"M\xfcnchen ")
_BLANK = (b"", b"   ", b"\t")


class EventRows:
    """The rows of events of an hour."""

    __slots__ = ("_events", "_hour", "_makers", "_project", "_real_shaped", "_writer", "regular", "variants")

    def __init__(self, recipe: Recipe, hour: int) -> None:
        self.regular = recipe.events_per_hour
        self._events = Events(recipe, hour)
        self._hour = hour
        self._project = recipe.project_id
        self._real_shaped = recipe.real_shaped
        iso = recipe.time_format is TimeFormat.ISO8601
        self._writer = Writer(TimeFormat.ISO8601 if iso else TimeFormat.AMPLITUDE)
        # Rejected rows of these faults are made from a good row, often with the uuid of another.
        self._makers: dict[Fault, tuple[int, Callable[[Record, int], bytes]]] = {
            Fault.NOT_JSON: (len(_NOT_JSON), lambda row, way: _NOT_JSON[way](dumps(row))),
            Fault.NOT_UTF8: (len(_NOT_UTF8), _not_utf8),
            Fault.MISSING_FIELD: (2 * len(REQUIRED_KEYS), _missing_field),
            Fault.MISTYPED_FIELD: (len(_MISTYPED), _mistyped_field),
            Fault.FOREIGN_APP: (1, lambda row, _: dumps(row | {"app": self._project + 1})),
            Fault.OUTSIDE_HOUR: (len(_OUTSIDE), self._outside_hour),
            Fault.TOO_DEEP: (1, lambda row, _: _nested(row, TOO_DEEP_LEVELS)),
        }
        self.variants: Mapping[Fault, int] = {
            **{fault: count for fault, (count, _) in self._makers.items()},
            Fault.DUPLICATES_IN_BLOB: 3,
            Fault.DUPLICATES_ACROSS_BLOBS: 3,
            Fault.MISSING_OPTIONAL: len(_DROPPED),
            Fault.AMENDED_FIELD: len(_AMENDED),
            Fault.LOOSE_TYPES: len(_LOOSE),
            Fault.HUGE_INTEGER: len(_HUGE_IDS),
            Fault.LONE_SURROGATE: len(_LONE_SURROGATES),
            Fault.DEEP_NESTING: 1,
            Fault.BLANK_LINE: len(_BLANK),
            Fault.HUGE_LINE: 1,
        }

    def lines(self, first: int, end: int) -> Iterator[bytes]:
        """Yield regular events, several lines at once."""
        if not self._real_shaped:
            yield from self._events.lines(first, end)
            return
        for number, line in self._numbered(first, end):
            yield shaped(line, number) + b"\n"

    def meant(self, first: int, end: int) -> Iterator[bytes]:
        """Yield regular events with the types of their keys, line by line."""
        for number, line in self._numbered(first, end):
            yield dumps(meant(line, number)) if self._real_shaped else line

    def _numbered(self, first: int, end: int) -> Iterator[tuple[int, bytes]]:
        lines = (line for some in self._events.lines(first, end) for line in some.splitlines())
        return zip(range(first, end), lines, strict=True)

    def identities(self, first: int, end: int) -> Iterator[str]:
        """Yield the uuids of regular events."""
        return self._events.uuids(first, end)

    def beyond(self, ordinal: int) -> Row:
        """Return a good event besides the regular ones."""
        number = EXTRA_EVENTS + ordinal
        return Row(self._events.line(number), Verdict.EXPORTED, None, self._uuid(number))

    def repeated(self, number: int) -> Row:
        """Return a regular event again, byte for byte."""
        return Row(self._events.line(number), Verdict.DUPLICATE, Fault.DUPLICATES_ACROSS_BLOBS)

    def faulty(self, fault: Fault, variant: int, spot: Spot, extras: Iterator[int]) -> list[Row]:
        """Return the faulty row, possibly after a good one; empty if the fault is impossible here."""
        match fault:
            case Fault.BLANK_LINE:
                return [Row(_BLANK[variant], Verdict.SKIPPED, fault)]
            case Fault.DUPLICATES_IN_BLOB if spot.first < spot.at:
                return [self._duplicate(fault, variant, spot.first, spot.at)]
            case Fault.DUPLICATES_IN_BLOB:
                original = self.beyond(next(extras))
                return [original, Row(original.line, Verdict.DUPLICATE, fault)]
            case Fault.DUPLICATES_ACROSS_BLOBS:
                return [self._duplicate(fault, variant, 0, spot.first)] if spot.first else []
        return [self._changed(fault, variant, spot, self.beyond(next(extras)))]

    def _changed(self, fault: Fault, variant: int, spot: Spot, good: Row) -> Row:
        """Return a good row after a change."""
        record: Record = json.loads(good.line)
        if fault in self._makers:
            if variant % 2 == 0 and spot.at < spot.end:
                record["uuid"] = self._uuid(spot.at)
            return Row(self._makers[fault][1](record, variant), Verdict.REJECTED, fault)
        if fault is Fault.AMENDED_FIELD:
            field, value = _AMENDED[variant]
            nothing: object = {} if field in DICT_KEYS else self._project if field == "app" else None
            return self._typed(fault, good, (record, field, value, nothing))
        if fault is Fault.LOOSE_TYPES:
            field, value, meaning = _LOOSE[variant]
            meaning = self._project if field == "app" else meaning
            return self._typed(fault, good, (record, field, value, meaning))
        return Row(_odd(fault, variant, record), Verdict.EXPORTED, fault, good.identity)

    @staticmethod
    def _typed(fault: Fault, good: Row, change: tuple[Record, str, object, object]) -> Row:
        """Return a good row with a value of another type, and its meaning."""
        record, field, value, meaning = change
        line, plain = dumps(record | {field: value}), dumps(record | {field: meaning})
        amended = fault is Fault.AMENDED_FIELD
        return Row(line, Verdict.EXPORTED, fault, good.identity, plain, amended)

    def _uuid(self, number: int) -> str:
        return next(self._events.uuids(number, number + 1))

    def _duplicate(self, fault: Fault, variant: int, first: int, end: int) -> Row:
        """Return one of these events again: unchanged, or with other content."""
        number = Dice("duplicate", self._hour, fault, variant, first, end).number(first, end - 1)
        line = self._events.line(number)
        if variant % 2:
            line = dumps(json.loads(line) | {"event_type": "uploaded_again", "event_id": 1, "region": None})
        return Row(line, Verdict.DUPLICATE, fault)

    def _outside_hour(self, record: Record, variant: int) -> bytes:
        at = self._hour * HOUR + _OUTSIDE[variant]
        return dumps(record | {"server_upload_time": self._writer.text(at).decode()})


def _not_utf8(record: Record, variant: int) -> bytes:
    field = "city" if variant % 2 else "event_properties"
    record[field] = "@@" if variant % 2 else {"place": "@@"}
    return dumps(record).replace(b"@@", _NOT_UTF8[variant])


def _missing_field(record: Record, variant: int) -> bytes:
    null, index = divmod(variant, len(REQUIRED_KEYS))
    if null:
        return dumps(record | {REQUIRED_KEYS[index]: None})
    del record[REQUIRED_KEYS[index]]
    return dumps(record)


def _mistyped_field(record: Record, variant: int) -> bytes:
    field, value = _MISTYPED[variant]
    return dumps(record | {field: value})


def _nested(record: Record, levels: int) -> bytes:
    """Return the record with that many levels; not with an encoder, which would refuse the highest number."""
    inner = levels - 2
    deep = b'{"deep":' + b"[" * inner + b"]" * inner + b"}"
    return dumps(record | {"event_properties": "@@"}).replace(b'"@@"', deep)


def _odd(fault: Fault, variant: int, record: Record) -> bytes:
    """Return an unusual row that must be exported."""
    match fault:
        case Fault.MISSING_OPTIONAL:
            return dumps({key: value for key, value in record.items() if key not in _DROPPED[variant]})
        case Fault.HUGE_INTEGER:
            odd = {"event_properties": {"integers": _HUGE_INTEGERS}, "amplitude_id": _HUGE_IDS[variant]}
            return dumps(record | odd)
        case Fault.LONE_SURROGATE:
            # Lone surrogates can only be written as escapes.
            return json.dumps(record | _LONE_SURROGATES[variant], separators=(",", ":")).encode()
        case Fault.DEEP_NESTING:
            return _nested(record, DEEP_LEVELS)
        case Fault.HUGE_LINE:
            missing = HUGE_LINE_BYTES - len(dumps(record | {"event_properties": {"text": ""}}))
            text = (octets(5000, "huge line").hex() * -(-missing // 10_000))[:missing]
            return dumps(record | {"event_properties": {"text": text}})
    raise ValueError(f"{fault} is not a fault of a single event")
