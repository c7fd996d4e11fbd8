"""Looks up the values of a property in an event, and decodes no more of the event than needed.

Numbers are exact, as ``exporter.domain.filter_values`` compares them.
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
"""Values of a property: texts, numbers, booleans, dicts for objects. Empty if it is not set."""

type Memo = dict[str, Any]
"""Decoded objects of one event by field, and its line under ``LINE``."""

LINE = ""
"""The key in a memo for the line that the event was decoded from. No field has this name."""

type Lookup = Callable[[Event, Memo], Values]
type _Get = Callable[[Any], Raw]

_ABSENT = Raw(b"null")
_ANY = msgspec.json.Decoder(float_hook=exact)
_BRACE, _BRACKET, _NULL = ord("{"), ord("["), ord("n")
# A JSON number, with leading zeros allowed because text may have them.
_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_ATTRIBUTES = dict(zip(Event.__struct_encode_fields__, Event.__struct_fields__, strict=True))


def attribute(name: str) -> Callable[[Event], Any]:
    """Return the getter of an event's field; names such as ``$schema`` differ from the attribute."""
    return attrgetter(_ATTRIBUTES[name])


def written(name: str) -> Callable[[Memo], Decimal | None]:
    """Return a reader of a field's exact number, which the line holds as number or text.

    The reader returns None if the line has no number there.
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


def lookups(properties: Iterable[Property]) -> dict[Property, Lookup]:
    """Return the lookup of each property that is inside an object.

    An object is decoded at its first lookup, once for all properties, and only their keys; the rest is
    skipped.
    """
    by_field: dict[str, list[Property]] = {}
    for each in properties:
        if each.keys:
            by_field.setdefault(each.field, []).append(each)
    return {
        found: look
        for name, inside in by_field.items()
        for found, look in _lookups(name, inside, *_picking(dict.fromkeys(each.keys[0] for each in inside)))
    }


def _lookups(
    name: str, inside: list[Property], decode: Callable[[Raw], Any], get: dict[str, _Get]
) -> list[tuple[Property, Lookup]]:
    read = attribute(name)

    def look_for(first: _Get, further: Callable[[Raw], Values]) -> Lookup:
        def look(event: Event, memo: Memo) -> Values:
            picked = memo.get(name)
            if picked is None:
                picked = memo[name] = decode(read(event))
            return further(first(picked))

        return look

    return [(each, look_for(get[each.keys[0]], _walk(each.keys[1:]))) for each in inside]


def _picking(keys: Iterable[str]) -> tuple[Callable[[Raw], Any], dict[str, _Get]]:
    """Return a decoder of an object, and for each key a getter on its result."""
    wanted = list(keys)
    if any(not key.isprintable() or '"' in key or "\\" in key for key in wanted):
        # Struct fields cannot have such names.
        decode: Callable[[Raw], Any] = msgspec.json.Decoder(dict[str, Raw]).decode
        return decode, {key: _getting(key) for key in wanted}
    fields = [(f"k{at}", Raw, field(name=key, default=_ABSENT)) for at, key in enumerate(wanted)]
    struct = msgspec.defstruct("Picked", fields, gc=False)
    return msgspec.json.Decoder(struct).decode, {key: attrgetter(f"k{at}") for at, key in enumerate(wanted)}


def _getting(key: str) -> _Get:
    return lambda found: found.get(key, _ABSENT)


def _walk(keys: tuple[str, ...]) -> Callable[[Raw], Values]:
    """Return a function that follows keys into a piece of JSON."""
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
            return ({},)  # no condition needs its content
        found = _decoded(raw)
        return _flat([found]) if first == _BRACKET else (found,)

    return walk


def _inside(values: object, keys: tuple[str, ...]) -> Values:
    """Follow keys into each object of an array."""
    found = _flat([values])
    for key in keys:
        found = _flat([each[key] for each in found if isinstance(each, dict) and key in each])
    return found


def _flat(values: list[object]) -> Values:
    """Return the elements of arrays in order, nested ones included, without nulls."""
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
        # The decoder refuses integers beyond its range. They are valid JSON.
        return json.loads(bytes(raw), parse_int=exact, parse_float=exact)
