"""JSON Schema of the rows of exported files."""

from exporter.domain.data_types import DATA_TYPES, DataTypeSpec
from exporter.domain.row_schema import Field, Kind

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


def record_schemas() -> dict[str, object]:
    """Return the JSON Schema of each data type's rows."""
    return {data_type.value: _schema(spec) for data_type, spec in DATA_TYPES.items()}


def _schema(spec: DataTypeSpec) -> Json:
    return {
        "$schema": DIALECT,
        "title": spec.title,
        "description": spec.about,
        "type": "object",
        "properties": {field.name: _value(field) for field in spec.fields},
        "required": [field.name for field in spec.fields],
        "additionalProperties": False,
    }


def _value(field: Field) -> Json:
    schema = _KINDS[field.kind]
    if field.required or field.name in _FILLED_IN or field.kind is Kind.DICT:
        return schema
    types = schema["type"]
    return schema | {"type": [*(types if isinstance(types, list) else [types]), "null"]}
