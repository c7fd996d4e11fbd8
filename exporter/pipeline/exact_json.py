"""Exact decoding of JSON: an unknown or a missing key is an error, at every level.

msgspec ignores unknown keys of dataclasses, and gives missing fields their defaults. Here a document is read
only if it has exactly the keys that its value is written with, and if all of its times have a zone.
"""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from datetime import datetime

import msgspec


class ExactDecoder[Value]:
    """Reads values of one type. Make it when its module is imported, like every decoder of msgspec."""

    def __init__(self, kind: type[Value]) -> None:
        self._decoder = msgspec.json.Decoder(kind)

    def decode(self, document: bytes | str) -> Value:
        """Return the value; ``ValueError`` says which key is unknown, missing or wrong."""
        value = self._decoder.decode(document)
        again = msgspec.json.encode(value)
        stored = document.encode() if isinstance(document, str) else document
        # A document of this form is encoded again to the same bytes; what differs may still be equal.
        if again != stored:
            _compare(msgspec.json.decode(document), msgspec.json.decode(again), "$")
        for path, moment in _moments(value, "$"):
            if moment.tzinfo is None:
                raise ValueError(f"`{path}` is a time without a time zone")
        return value


def _compare(stored: object, known: object, path: str) -> None:
    """Raise ``ValueError`` if two values from JSON differ in their keys, at whatever level."""
    if isinstance(stored, dict) and isinstance(known, dict):
        for key in stored.keys() ^ known.keys():
            raise ValueError(f"`{path}` {'has the unknown' if key in stored else 'lacks the'} key `{key}`")
        for key, value in stored.items():
            _compare(value, known[key], f"{path}.{key}")
    elif isinstance(stored, list) and isinstance(known, list):
        for place, (one, other) in enumerate(zip(stored, known, strict=True)):
            _compare(one, other, f"{path}[{place}]")


def _moments(value: object, path: str) -> Iterator[tuple[str, datetime]]:
    """Yield the times of a value and of its fields, with their paths; tuples hold no times."""
    if isinstance(value, datetime):
        yield path, value
    elif is_dataclass(value):
        for field in fields(value):
            yield from _moments(getattr(value, field.name), f"{path}.{field.name}")
