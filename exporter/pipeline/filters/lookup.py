"""Finding the values of a property in an event, without reading more of the event than that.

Numbers come as ``exporter.domain.filter_values`` compares them: exactly as the JSON has them.
"""

import json
import re
from collections.abc import Callable, Iterable
from decimal import Decimal
from operator import attrgetter
from typing import Any

import msgspec
from msgspec import Raw, field

from exporter.domain.filter_values import exact
from exporter.domain.filters import Property
from exporter.pipeline.events import Event
from exporter.pipeline.sanitize import without_lone_surrogates

type Values = tuple[object, ...]
"""What a property holds: texts, numbers, booleans, dicts for objects. Empty if it is not set."""

type Memo = dict[str, Any]
"""What was read of one event so far: its objects, by field, and its line under ``LINE``."""

LINE = ""
"""Where a memo has the line that the event was decoded from. No field is named so."""

type Look = Callable[[Event, Memo], Values]
type _Get = Callable[[Any], Raw]

_ABSENT = Raw(b"null")
_ANY = msgspec.json.Decoder(float_hook=exact)
_BRACE, _BRACKET, _NULL = ord("{"), ord("["), ord("n")
# A number as JSON has it, but for the leading zeros that it may have where it came as text.
_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_ATTRIBUTES = dict(zip(Event.__struct_encode_fields__, Event.__struct_fields__, strict=True))


def attribute(name: str) -> Callable[[Event], Any]:
    """Return what reads a field of an event: some names, such as ``$schema``, are no attributes."""
    return attrgetter(_ATTRIBUTES[name])


def written(name: str) -> Callable[[Memo], Decimal | None]:
    """Return what reads the number that an event's line has for a field, as a number or as text.

    None if the line has none there.
    """
    decode, get = _picking([name])
    pick = get[name]

    def read(memo: Memo) -> Decimal | None:
        line: Raw = Raw(without_lone_surrogates(memo[LINE]))
        found = _decoded(pick(decode(line)))
        if isinstance(found, str):
            return exact(text) if _NUMBER.fullmatch(text := found.strip()) else None
        if isinstance(found, bool) or not isinstance(found, int | Decimal):
            return None
        return Decimal(found)

    return read


def looks(properties: Iterable[Property]) -> dict[Property, Look]:
    """Return how to look up properties that are inside objects.

    Each object is decoded once for all of them, at the first look, and only as far as they go: everything
    else in it is skipped.
    """
    by_field: dict[str, list[Property]] = {}
    for each in properties:
        if each.keys:
            by_field.setdefault(each.field, []).append(each)
    return {
        found: look
        for name, inside in by_field.items()
        for found, look in _looks(name, inside, *_picking(dict.fromkeys(each.keys[0] for each in inside)))
    }


def _looks(
    name: str, inside: list[Property], decode: Callable[[Raw], Any], get: dict[str, _Get]
) -> list[tuple[Property, Look]]:
    read = attribute(name)

    def look_for(first: _Get, further: Callable[[Raw], Values]) -> Look:
        def look(event: Event, memo: Memo) -> Values:
            picked = memo.get(name)
            if picked is None:
                picked = memo[name] = decode(read(event))
            return further(first(picked))

        return look

    return [(each, look_for(get[each.keys[0]], _walk(each.keys[1:]))) for each in inside]


def _picking(keys: Iterable[str]) -> tuple[Callable[[Raw], Any], dict[str, _Get]]:
    """Return what decodes an object, and what then gets each of the keys."""
    wanted = list(keys)
    if any(not key.isprintable() or '"' in key or "\\" in key for key in wanted):
        # Structs cannot have such names.
        decode: Callable[[Raw], Any] = msgspec.json.Decoder(dict[str, Raw]).decode
        return decode, {key: _getting(key) for key in wanted}
    fields = [(f"k{at}", Raw, field(name=key, default=_ABSENT)) for at, key in enumerate(wanted)]
    struct = msgspec.defstruct("Picked", fields, gc=False)
    return msgspec.json.Decoder(struct).decode, {key: attrgetter(f"k{at}") for at, key in enumerate(wanted)}


def _getting(key: str) -> _Get:
    return lambda found: found.get(key, _ABSENT)


def _walk(keys: tuple[str, ...]) -> Callable[[Raw], Values]:
    """Return what follows keys from a piece of JSON on."""
    steps = [(decode, get[key]) for key in keys for decode, get in [_picking([key])]]

    def walk(raw: Raw) -> Values:
        for at, (decode, get) in enumerate(steps):
            first = memoryview(raw)[0]
            if first == _BRACKET:
                return _inside(_decoded(raw), keys[at:])
            if first != _BRACE:
                return ()
            raw = get(decode(raw))
        first = memoryview(raw)[0]
        if first == _NULL:
            return ()
        if first == _BRACE:
            return ({},)  # whatever is in it: no condition asks
        found = _decoded(raw)
        return _flat([found]) if first == _BRACKET else (found,)

    return walk


def _inside(values: object, keys: tuple[str, ...]) -> Values:
    """Follow keys through an array: into each object that it holds."""
    found = _flat([values])
    for key in keys:
        found = _flat([each[key] for each in found if isinstance(each, dict) and key in each])
    return found


def _flat(values: list[object]) -> Values:
    """Return the elements of arrays, those of arrays within arrays too, in their order; null is none."""
    flat, waiting = [], values[::-1]
    while waiting:
        each = waiting.pop()
        if isinstance(each, list):
            waiting.extend(reversed(each))
        elif each is not None:
            flat.append(each)
    return tuple(flat)


def _decoded(raw: Raw) -> object:
    try:
        return _ANY.decode(raw)
    except msgspec.DecodeError:
        # An integer beyond what the decoder takes: valid JSON, and no reason to stop the hour.
        return json.loads(bytes(raw), parse_int=exact, parse_float=exact)
