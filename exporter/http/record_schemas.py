"""JSON Schema of the rows of exported files."""

from exporter.domain.row_schema import EVENT_FIELDS, MERGED_ID_FIELDS, Field, Kind
from exporter.domain.streams import DataType

type Json = dict[str, object]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_TIME = r"^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}:\d{2}\.\d{6}Z| \d{2}:\d{2}:\d{2}\.\d{6})$"
_KINDS: dict[Kind, Json] = {
    Kind.STRING: {"type": "string"},
    Kind.INTEGER: {"type": "integer"},
    Kind.FLOAT: {"type": "number"},
    Kind.BOOLEAN: {"type": "boolean"},
    Kind.TIME: {"type": "string", "pattern": _TIME},
    Kind.UUID: {"type": "string", "format": "uuid"},
    Kind.DICT: {"type": "object"},
    Kind.TEXTS: {"type": ["string", "array"], "items": {"type": "string"}},
}
# Optional in landing, but never null in a file: the exporter fills it in.
_FILLED_IN = frozenset({"app"})
_EVENT = (
    "An event: exactly these keys, all always present. With `output.extra_keys: keep` it may have others."
    " `output.timestamp_format` decides the format of times."
)
_MERGED_ID = "A merged id: exactly these keys. Times are milliseconds since 1970-01-01 UTC."


def record_schemas() -> dict[str, object]:
    """Return the JSON Schema of each data type's rows."""
    return {
        DataType.EVENTS.value: _schema("Event", _EVENT, EVENT_FIELDS),
        DataType.MERGED_IDS.value: _schema("Merged id", _MERGED_ID, MERGED_ID_FIELDS),
    }


def _schema(title: str, description: str, fields: tuple[Field, ...]) -> Json:
    return {
        "$schema": DIALECT,
        "title": title,
        "description": description,
        "type": "object",
        "properties": {field.name: _value(field) for field in fields},
        "required": [field.name for field in fields],
        "additionalProperties": False,
    }


def _value(field: Field) -> Json:
    schema = _KINDS[field.kind]
    if field.required or field.name in _FILLED_IN or field.kind is Kind.DICT:
        return schema
    types = schema["type"]
    return schema | {"type": [*(types if isinstance(types, list) else [types]), "null"]}
