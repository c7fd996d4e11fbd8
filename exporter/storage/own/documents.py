"""Values of dataclasses as JSON documents, read strictly, and such documents as columns of a table's row."""

import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import Field, dataclass, fields, is_dataclass
from datetime import datetime
from functools import cache
from operator import attrgetter
from types import GenericAlias, NoneType, UnionType
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import msgspec

from exporter.domain.filter_parser import stored_filter
from exporter.domain.filters import EventFilter
from exporter.domain.hour import Hour
from exporter.domain.versioned import LEFT_OUT_AT_DEFAULT

# Azure allows 64 KiB a column.
COLUMN_BYTES = 60_000
# Azure allows 1 MiB a row. Azurite counts the base64 of the row, so this is what both accept; the record of
# an hour with 10,000 parts needs half of it.
DOCUMENT_BYTES_MAX = 720_000
_PREFIX = "document"


@dataclass(frozen=True, slots=True)
class _Form:
    """How values of one type are stored: as ``stored``, and how they are converted; None: as they are."""

    stored: Any
    load: Callable[[Any], Any] | None = None
    dump: Callable[[Any], Any] | None = None


# Types that are stored as a text, and times, which are refused without a time zone.
_FORMS: dict[object, _Form] = {
    Hour: _Form(str, Hour.parse, attrgetter("key")),
    EventFilter: _Form(str, stored_filter, attrgetter("text")),
    datetime: _Form(Annotated[datetime, msgspec.Meta(tz=True)]),
}


class Document[Value]:
    """The JSON form of a dataclass, with the dataclasses in its fields.

    Every field is a key, at every level: a document with an unknown key is refused, and so is one that lacks
    a key, even if the field has a default. A field that came after a release (``LEFT_OUT_AT_DEFAULT``) is a
    key only with another value than its default, so that releases read each other's documents as long as
    it is not used. Fields named in ``without`` are stored elsewhere.

    Make documents at import: msgspec learns a type when its first decoder is made, and is not safe if another
    thread decodes meanwhile (tests/unit/storage/test_decoders.py).
    """

    def __init__(self, kind: type[Value], without: Iterable[str] = ()) -> None:
        self._kind = kind
        self._names, self._struct, self._loads, self._dumps = _struct(kind, frozenset(without))
        self._decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(self._struct)

    def encode(self, value: Value) -> bytes:
        """Return the document of a value."""
        return msgspec.json.encode(self._struct(*_converted(self._dumps, _values(value, self._names))))

    def decode(self, document: bytes, **others: object) -> Value:
        """Return the value of a document, given its other fields; ``MsgspecError`` or ValueError if bad."""
        found = _converted(self._loads, msgspec.structs.astuple(self._decoder.decode(document)))
        return self._kind(**dict(zip(self._names, found, strict=True)), **others)


type _Conversions = tuple[Callable[[Any], Any] | None, ...]


def _struct(kind: type, without: frozenset[str]) -> tuple[tuple[str, ...], Any, _Conversions, _Conversions]:
    """Return the names of a dataclass's fields, the strict struct of their stored forms, and conversions."""
    types = get_type_hints(kind)
    stored = [each for each in fields(kind) if each.name not in without]
    forms = [_form(types[each.name]) for each in stored]
    struct = msgspec.defstruct(
        kind.__name__,
        [_key(each, form) for each, form in zip(stored, forms, strict=True)],
        forbid_unknown_fields=True,
        omit_defaults=True,
    )
    names = tuple(each.name for each in stored)
    return names, struct, tuple(form.load for form in forms), tuple(form.dump for form in forms)


def _key(of: Field[Any], form: _Form) -> Any:  # noqa: ANN401  one of several forms of msgspec
    """Return the key of a field: its name and type, and its default if it may be left out."""
    if of.metadata.keys() >= LEFT_OUT_AT_DEFAULT.keys():
        return of.name, form.stored, of.default
    return of.name, form.stored


@cache
def _form(kind: Any) -> _Form:  # noqa: ANN401  any annotation
    """Return how values of a type are stored."""
    if kind in _FORMS:
        return _FORMS[kind]
    if is_dataclass(kind):
        return _form_of_dataclass(kind)
    origin, parts = get_origin(kind), get_args(kind)
    if origin is UnionType and NoneType in parts:
        (inner,) = (_form(each) for each in parts if each is not NoneType)
        return _Form(inner.stored | None, _optional(inner.load), _optional(inner.dump))
    if origin is tuple and parts[1:] == (...,):
        inner = _form(parts[0])
        return _Form(GenericAlias(tuple, (inner.stored, ...)), _each(inner.load), _each(inner.dump))
    return _Form(kind)


def _form_of_dataclass(kind: Any) -> _Form:  # noqa: ANN401  any dataclass
    names, struct, loads, dumps = _struct(kind, frozenset())
    values_of = msgspec.structs.astuple

    def load(found: Any) -> Any:  # noqa: ANN401  a struct, and a value of the dataclass
        return kind(*_converted(loads, values_of(found)))

    def load_plain(found: Any) -> Any:  # noqa: ANN401  the same
        return kind(*values_of(found))

    def dump(value: object) -> Any:  # noqa: ANN401  a struct
        return struct(*_converted(dumps, _values(value, names)))

    # msgspec encodes a dataclass as its struct, if nothing in it has a form of its own or is left out.
    as_struct = any(dumps) or struct.__struct_defaults__
    return _Form(struct, load if any(loads) else load_plain, dump if as_struct else None)


def _values(value: object, names: tuple[str, ...]) -> tuple[Any, ...]:
    return tuple(getattr(value, name) for name in names)


def _converted(conversions: _Conversions, values: tuple[Any, ...]) -> tuple[Any, ...]:
    pairs = zip(conversions, values, strict=True)
    return tuple([value if convert is None else convert(value) for convert, value in pairs])


def _optional(convert: Callable[[Any], Any] | None) -> Callable[[Any], Any] | None:
    return None if convert is None else lambda value: None if value is None else convert(value)


def _each(convert: Callable[[Any], Any] | None) -> Callable[[Any], Any] | None:
    return None if convert is None else lambda values: tuple(map(convert, values))


def to_columns(document: bytes) -> dict[str, bytes]:
    """Return the columns ``document0``, ``document1``, ... that hold a document, compressed.

    Equal documents have equal columns. ValueError if the document does not fit into a row.
    """
    packed = zlib.compress(document)
    if len(packed) > DOCUMENT_BYTES_MAX:
        raise ValueError(f"a document of {len(packed)} bytes does not fit into a row ({DOCUMENT_BYTES_MAX})")
    starts = range(0, len(packed), COLUMN_BYTES)
    return {f"{_PREFIX}{number}": packed[at : at + COLUMN_BYTES] for number, at in enumerate(starts)}


def from_columns(columns: Mapping[str, object]) -> bytes:
    """Return the document in a row's columns; ValueError if there is none, or a piece of it is missing."""
    count = sum(name.startswith(_PREFIX) for name in columns)
    pieces = [columns.get(f"{_PREFIX}{number}") for number in range(count)]
    if not pieces or not all(isinstance(piece, bytes) for piece in pieces):
        raise ValueError("the document is missing, or a piece of it is")
    try:
        return zlib.decompress(b"".join(piece for piece in pieces if isinstance(piece, bytes)))
    except zlib.error as error:
        raise ValueError(f"the document is broken: {error}") from error
