"""docs/recipes has the schemas of the rows, and statements that their engines accept.

Parsed by sqlglot and by the language service of Kusto; DuckDB runs its own.
"""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlglot
from sqlglot import expressions as exp

from exporter.domain.data_types import DATA_TYPES
from exporter.domain.row_schema import EVENT_FIELDS, MERGED_ID_FIELDS
from infra.recipes import FOLDER, files
from tests.infra.kusto import SCRIPT, SERVICE, needs_the_service

TABLES = FOLDER / "tables"
DIALECTS = {
    "tables/duckdb.sql": "duckdb",
    "tables/spark.sql": "spark",
    "tables/snowflake.sql": "snowflake",
    "tables/bigquery.sql": "bigquery",
    "snowflake.sql": "snowflake",
    "bigquery.sql": "bigquery",
    "fabric.sql": "spark",
    "synapse.sql": "tsql",
}
# What sqlglot does not know of T-SQL: it is cut out, and the rest is parsed.
FOREIGN = (
    re.compile(r"CREATE EXTERNAL DATA SOURCE [^;]*;\n"),
    re.compile(r"^GO$", re.MULTILINE),
    re.compile(r"OPENROWSET\([^)]*\) WITH \([^)]*\)\) AS(?= files)"),
    re.compile(r"OR ALTER "),
)


def parsed(name: str) -> list[exp.Expr]:
    """Return the statements of a file; one that cannot be parsed is an error."""
    text = (FOLDER / name).read_text()
    if DIALECTS[name] == "tsql":
        for foreign in FOREIGN:
            text = foreign.sub("", text)
    statements = sqlglot.parse(text, read=DIALECTS[name], error_level=sqlglot.ErrorLevel.RAISE)
    return [each for each in statements if each is not None]


def commands(name: str) -> list[str]:
    """Return the commands and queries of a file of Kusto, which blank lines separate."""
    text = re.sub(r"^//.*\n", "", (FOLDER / name).read_text(), flags=re.MULTILINE)
    return [each.strip() for each in re.split(r"\n\s*\n", text) if each.strip()]


@pytest.mark.parametrize(("path", "text"), list(files()), ids=lambda value: getattr(value, "name", ""))
def test_the_generated_files_are_those_of_the_rows(path: Path, text: str) -> None:
    """After a change of the rows: make recipes."""
    assert path.read_text() == text


@pytest.mark.parametrize("name", DIALECTS)
def test_every_statement_is_parsed(name: str) -> None:
    """As a statement that sqlglot knows, not as unknown text."""
    statements = parsed(name)

    assert statements
    assert [each.sql() for each in statements if isinstance(each, exp.Command)] == []


@pytest.mark.parametrize("name", [name for name in DIALECTS if name.startswith("tables/")])
def test_the_tables_have_the_keys_of_the_rows_in_their_order(name: str) -> None:
    """BigQuery allows no dollar in the name of a column: these keys are left out."""
    tables = {
        each.this.this.name: [column.name for column in each.find_all(exp.ColumnDef)] for each in parsed(name)
    }
    dollars = "bigquery" not in name

    assert tables == {
        data_type: [field.name for field in spec.fields if dollars or not field.name.startswith("$")]
        for data_type, spec in DATA_TYPES.items()
    }


def test_duckdb_creates_its_tables() -> None:
    """With required keys as columns that are not null."""
    with duckdb.connect() as database:
        database.execute((TABLES / "duckdb.sql").read_text())
        for table, fields in (("events", EVENT_FIELDS), ("merged_ids", MERGED_ID_FIELDS)):
            columns = database.execute(f"PRAGMA table_info({table})").fetchall()
            assert [(name, required) for _, name, _, required, *_ in columns] == [
                (field.name, field.required) for field in fields
            ]


def test_the_mapping_of_data_explorer_names_every_key_and_column() -> None:
    """A key with a dollar loses it in the name of its column."""
    found = commands("tables/data_explorer.kql")
    for number, fields in ((0, EVENT_FIELDS), (2, MERGED_ID_FIELDS)):
        columns = re.findall(r"\['(\w+)'\]: (\w+)", found[number])
        mapping = json.loads(found[number + 1].partition("```")[2].partition("```")[0])

        assert [name for name, _ in columns] == [field.name.removeprefix("$") for field in fields]
        assert [each["column"] for each in mapping] == [name for name, _ in columns]
        assert [each["Properties"]["path"] for each in mapping] == [f"$['{field.name}']" for field in fields]


@needs_the_service
def test_data_explorer_accepts_the_commands() -> None:
    """Its own language service, which starts slowly, finds nothing wrong in them, but in these mistakes."""
    created = commands("tables/data_explorer.kql")
    events, merged_ids = (
        ", ".join(f"['{column}']: {kind}" for column, kind in re.findall(r"\['(\w+)'\]: (\w+)", each))
        for each in created[::2]
    )
    tables = {"events": f"({events})", "events_once": f"({events})", "merged_ids": f"({merged_ids})"}
    right = [*created, *commands("data_explorer.kql")]
    wrong = [
        ".create-merge table events (['a']: longg)",
        ".create-or-alter table event ingestion json mapping 'events' ```[]```",
        ".delete table events records <| events | where b == 1",
    ]

    problems = [each["problems"] for each in analysed([*right, *wrong], tables)]

    assert problems[: len(right)] == [[]] * len(right)
    assert all(problems[len(right) :])


def analysed(queries: list[str], tables: dict[str, str]) -> list[dict[str, Any]]:
    """Return what the language service says of commands and queries."""
    node = shutil.which("node")
    assert node is not None
    request = json.dumps({"tables": tables, "queries": queries})
    answer = subprocess.run(  # noqa: S603  our own script
        [node, str(SCRIPT), str(SERVICE)], input=request, capture_output=True, text=True, check=True
    )
    return list(json.loads(answer.stdout))
