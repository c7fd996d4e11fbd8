"""Write the table schemas of docs/recipes from the one place that defines the rows: ``make recipes``.

For each engine: a type for each kind of value, and how it quotes a name. Times are UTC. Objects, and values
that are a string or an array, have the engine's type for JSON, or are JSON text where it has none.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from exporter.domain.data_types import DATA_TYPES, DataType
from exporter.domain.row_schema import Field, Kind

FOLDER = Path(__file__).resolve().parents[1] / "docs/recipes"
_WRITTEN_BY = "Written by make recipes: do not edit."
# Some engines allow no $ in the name of a column. No key differs from another one by its $ only.
_DOLLAR = "$"

type Quote = Callable[[str], str]


def _plain(name: str) -> str:
    """Quote only the names that need it, so that queries need no quotes."""
    return f'"{name}"' if name.startswith(_DOLLAR) else name


def _backticks(name: str) -> str:
    return f"`{name}`"


@dataclass(frozen=True, slots=True)
class Engine:
    """The types of an engine, by kind, and the statement that creates a table."""

    file: str
    types: dict[Kind, str]
    quote: Quote
    not_null: str = " NOT NULL"
    dollars: bool = True
    """Whether the names of columns may begin with ``$``; else these keys are left out."""
    notes: tuple[str, ...] = ()


ENGINES = (
    Engine(
        "duckdb.sql",
        {
            Kind.STRING: "VARCHAR",
            Kind.INTEGER: "BIGINT",
            Kind.FLOAT: "DOUBLE",
            Kind.BOOLEAN: "BOOLEAN",
            Kind.TIME: "TIMESTAMP",
            Kind.UUID: "UUID",
            Kind.DICT: "JSON",
            Kind.TEXTS: "JSON",
        },
        _plain,
        notes=('Times are UTC. A query writes "$insert_id" in quotes.',),
    ),
    Engine(
        "spark.sql",
        {
            Kind.STRING: "STRING",
            Kind.INTEGER: "BIGINT",
            Kind.FLOAT: "DOUBLE",
            Kind.BOOLEAN: "BOOLEAN",
            Kind.TIME: "TIMESTAMP",
            Kind.UUID: "STRING",
            Kind.DICT: "STRING",
            Kind.TEXTS: "STRING",
        },
        _backticks,
        not_null="",
        notes=("For Spark, Databricks and Fabric. Objects are JSON text: get_json_object(data, '$.path').",),
    ),
    Engine(
        "snowflake.sql",
        {
            Kind.STRING: "VARCHAR",
            Kind.INTEGER: "NUMBER(38, 0)",
            Kind.FLOAT: "FLOAT",
            Kind.BOOLEAN: "BOOLEAN",
            Kind.TIME: "TIMESTAMP_NTZ(6)",
            Kind.UUID: "VARCHAR(36)",
            Kind.DICT: "VARIANT",
            Kind.TEXTS: "VARIANT",
        },
        _plain,
        notes=("Times are UTC.",),
    ),
    Engine(
        "bigquery.sql",
        {
            Kind.STRING: "STRING",
            Kind.INTEGER: "INT64",
            Kind.FLOAT: "FLOAT64",
            Kind.BOOLEAN: "BOOL",
            Kind.TIME: "TIMESTAMP",
            Kind.UUID: "STRING",
            Kind.DICT: "JSON",
            Kind.TEXTS: "JSON",
        },
        _backticks,
        dollars=False,
        notes=("BigQuery allows no $ in the name of a column: $insert_id and $schema are left out.",),
    ),
)
_KUSTO = {
    Kind.STRING: "string",
    Kind.INTEGER: "long",
    Kind.FLOAT: "real",
    Kind.BOOLEAN: "bool",
    Kind.TIME: "datetime",
    Kind.UUID: "guid",
    Kind.DICT: "dynamic",
    Kind.TEXTS: "dynamic",
}
_PYTHON = {
    Kind.STRING: "string",
    Kind.INTEGER: "integer",
    Kind.FLOAT: "number",
    Kind.BOOLEAN: "boolean",
    Kind.TIME: "time",
    Kind.UUID: "uuid",
    Kind.DICT: "json",
    Kind.TEXTS: "json",
}


def files() -> Iterator[tuple[Path, str]]:
    """Yield the path and the text of every generated file."""
    yield FOLDER / "columns.py", "".join(_python())
    for engine in ENGINES:
        yield FOLDER / "tables" / engine.file, "".join(_sql(engine))
    yield FOLDER / "tables/data_explorer.kql", "".join(_kusto())


def _sql(engine: Engine) -> Iterator[str]:
    yield f"-- {_WRITTEN_BY}\n"
    for note in engine.notes:
        yield f"-- {note}\n"
    for data_type, fields in _rows():
        columns = [
            _column(engine, field) for field in fields if engine.dollars or not field.name.startswith(_DOLLAR)
        ]
        yield "\nCREATE TABLE {} (\n{}\n);\n".format(data_type, ",\n".join(columns))


def _column(engine: Engine, field: Field) -> str:
    not_null = engine.not_null if field.required else ""
    return f"  {engine.quote(field.name)} {engine.types[field.kind]}{not_null}"


def _kusto() -> Iterator[str]:
    yield f"// {_WRITTEN_BY}\n"
    yield "// Data Explorer allows no $ in the name of a column: $insert_id and $schema lose it.\n"
    yield "// Run the commands one after the other.\n"
    for data_type, fields in _rows():
        columns = [(field.name.removeprefix(_DOLLAR), field) for field in fields]
        lines = ",\n".join(f"  ['{name}']: {_KUSTO[field.kind]}" for name, field in columns)
        yield f"\n.create-merge table {data_type} (\n{lines}\n)\n"
        mapping = [{"column": name, "Properties": {"path": f"$['{field.name}']"}} for name, field in columns]
        text = ",\n".join(f"  {json.dumps(each)}" for each in mapping)
        command = f".create-or-alter table {data_type} ingestion json mapping '{data_type}'"
        yield f"\n{command} ```[\n{text}\n]```\n"


def _python() -> Iterator[str]:
    yield f'"""The columns of the files and their kinds. {_WRITTEN_BY}"""\n'
    for data_type, fields in _rows():
        yield f"\n{data_type.upper()} = {{\n"
        for field in fields:
            yield f'    "{field.name}": "{_PYTHON[field.kind]}",\n'
        yield "}\n"


def _rows() -> Iterator[tuple[DataType, tuple[Field, ...]]]:
    return ((data_type, spec.fields) for data_type, spec in DATA_TYPES.items())


def main() -> None:
    """Write all files."""
    for path, text in files():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


if __name__ == "__main__":
    main()
