"""Why a line is no row of its kind: for the person who finds it among the rejected ones.

Only lines that failed the typed decoding come here, so this may take its time and name every field at once.
"""

import re
from collections.abc import Iterator

import msgspec

from exporter.domain.records import Field, Kind, Reason, Rejection
from exporter.domain.times import to_canonical

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)
_ANYTHING = msgspec.json.Decoder(msgspec.Raw)
_ANY_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_DECODERS: dict[Kind, msgspec.json.Decoder[object]] = {
    Kind.STRING: msgspec.json.Decoder(str),
    Kind.INTEGER: msgspec.json.Decoder(int),
    Kind.FLOAT: msgspec.json.Decoder(float),
    Kind.BOOLEAN: msgspec.json.Decoder(bool),
    Kind.TIME: msgspec.json.Decoder(str),
    Kind.UUID: msgspec.json.Decoder(str),
    Kind.DICT: msgspec.json.Decoder(dict[str, msgspec.Raw]),
    Kind.NULL: msgspec.json.Decoder(None),
}


def is_uuid(text: str) -> bool:
    """Whether the text is a UUID in its usual form, in either case."""
    return _UUID.fullmatch(text) is not None


def explain(line: bytes, fields: tuple[Field, ...], error: Exception) -> Rejection:
    """Return what is wrong with a line that did not decode, all wrong fields in one sentence."""
    try:
        _ANYTHING.decode(line)  # or else a line would pass for JSON that only begins like some
        found = _ANY_OBJECT.decode(line)
    except msgspec.ValidationError:
        return Rejection(Reason.NOT_AN_OBJECT, "The line is JSON, but no object.")
    except msgspec.DecodeError as malformed:
        return Rejection(Reason.NOT_JSON, f"{malformed}.")
    present = {name: bytes(raw) for name, raw in found.items() if bytes(raw) != b"null"}
    missing = [field.name for field in fields if field.required and field.name not in present]
    wrong = list(_wrong(present, fields))
    sentences = [f"Missing: {', '.join(missing)}."] if missing else []
    sentences += [f"{name} is not {kind}." for name, kind in wrong]
    if not sentences:  # a key that stands twice in the line, of which only the first was wrong
        sentences = [f"{error}."]
    return Rejection(Reason.FIELD_MISSING if missing else Reason.WRONG_TYPE, " ".join(sentences))


def _wrong(present: dict[str, bytes], fields: tuple[Field, ...]) -> Iterator[tuple[str, Kind]]:
    for field in fields:
        raw = present.get(field.name)
        if raw is None:
            continue
        try:
            value = _DECODERS[field.kind].decode(raw)
            if field.kind is Kind.TIME:
                to_canonical(str(value))
        except (msgspec.DecodeError, ValueError):
            yield field.name, field.kind
        else:
            if field.kind is Kind.UUID and not is_uuid(str(value)):
                yield field.name, field.kind
