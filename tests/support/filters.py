"""Filters to test with, and events to hold them against."""

import json
from collections.abc import Callable, Sequence

from exporter.domain.destination import Output
from exporter.domain.filter_parser import read_filter
from exporter.domain.filters import EventFilter
from exporter.pipeline.events import Event, EventCodec
from exporter.pipeline.filters.compile import compile_filter
from exporter.pipeline.filters.patterns import pattern_cost
from tests.support.builders import HOUR, PROJECT, event

type Json = dict[str, object]
type Keep = Callable[[Sequence[Event], Sequence[bytes]], list[bool]]


def condition(name: str, operator: str, *values: object) -> Json:
    """Return a condition as a person would write it."""
    head: Json = {"property": name, "operator": operator}
    return head | {"values": list(values)} if values else head


def read(document: object) -> EventFilter:
    """Return the filter that a document describes."""
    return read_filter(document, pattern_cost)


def decoded(line: bytes) -> Event:
    """Return an event as the pipeline has it when it asks the filter."""
    found = EventCodec(PROJECT, HOUR, Output()).decode(line)
    assert isinstance(found, Event), found
    return found


def row_by_row(keeps: Callable[[Event], bool]) -> Keep:
    """Return a filter that is asked of one event after the other."""
    return lambda rows, _lines: list(map(keeps, rows))


def keeps(document: object, line: bytes) -> bool:
    """Whether the event of a line passes a filter."""
    (kept,) = compile_filter(read(document))([decoded(line)], [line])
    return kept


def passes(document: object, **fields: object) -> bool:
    """Whether an event with these fields passes a filter."""
    return keeps(document, json.dumps(event(1, **fields)).encode())
