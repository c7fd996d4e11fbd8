"""The recipes of docs/recipes read what the app exported: each event of the complete hours, once.

The first hour stays as it is; the second one gets more rows and is exported again between two downloads.
"""

import ast
import gzip
import importlib.util
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from azure.storage.blob import ContainerClient

from infra.local.sample import DataType, Fault, Sample
from infra.recipes import FOLDER
from tests.support.installation import DONE, LANDING, Installation, Json, installed, key_of, ok

PROJECT = Path(__file__).resolve().parents[2]
PYTHON = PROJECT / ".recipes/bin/python"
SAMPLE = Sample(
    events_per_hour=120, merges_per_hour=10, real_shaped=True, faults=frozenset({Fault.AMENDED_FIELD})
)
LATER = Sample(events_per_hour=30, merges_per_hour=0, seed=2)
LAYOUTS = ("flat", "hive")

# Rows, different uuids, the largest amplitude_id, the last upload, rows with a path in data.
type Summary = tuple[int, int, int, str, int]
type Download = Callable[[ContainerClient, Path, str], int]

needs_the_packages = pytest.mark.skipif(
    not PYTHON.exists(), reason="the packages of the recipes are not installed: make test-all installs them"
)
needs_java = pytest.mark.skipif(
    shutil.which("java") is None, reason="Spark needs Java 17 or later, and there is none on the PATH"
)


@dataclass(frozen=True, slots=True)
class Exported:
    """What was downloaded: the folder, the hours of each download, and the expected summary of all events."""

    folder: Path
    mirror: Path
    downloaded: tuple[int, int, int]
    before: Summary
    after: Summary
    starts: tuple[datetime, ...]


def recipe(name: str) -> Any:  # noqa: ANN401  a module
    """Import a recipe."""
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def summary(container: ContainerClient) -> Summary:
    """Return what a recipe must say of the events in a container; read in the simplest way."""
    names = [name for name in container.list_blob_names() if re.search(r"(^|/)187520_[^/]*\.json\.gz$", name)]
    bodies = [gzip.decompress(container.download_blob(name).readall()) for name in names]
    rows = [json.loads(line) for body in bodies for line in body.splitlines()]
    return (
        len(rows),
        len({row["uuid"] for row in rows}),
        max(row["amplitude_id"] or 0 for row in rows),
        max(row["server_upload_time"] for row in rows),
        sum("path" in row["data"] for row in rows),
    )


@pytest.fixture(scope="module", params=LAYOUTS)
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exported]:
    """Export and download two hours, export the second one again with more rows, and download twice more."""
    folder, mirror = tmp_path_factory.mktemp("downloaded"), tmp_path_factory.mktemp("mirror")
    with installed(tmp_path_factory.mktemp("installation")) as installation:
        yield export(installation, folder, mirror, request.param)


def export(installation: Installation, folder: Path, mirror: Path, layout: str) -> Exported:
    """Do what the fixture says."""
    download: Download = recipe("download").download
    starts = installation.newest_hours(2)
    for start in starts:
        installation.land(SAMPLE.hour(start))
    container = installation.container("acme")
    with installation.app() as app:
        app.activate(installation.destination("acme", SAMPLE, starts[0], path_layout=layout))
        app.tick()
        app.exported("acme", starts)
        first, before = download(container, folder, ""), summary(container)

        landing = installation.blobs.get_container_client(LANDING)
        for file in LATER.hour(starts[1]).files(DataType.EVENTS):
            landing.upload_blob(f"{file.name}.later", file.content())
        hour = key_of(starts[1])
        asked = {"start": hour, "end": hour, "data_types": ["events"]}
        backfill = app.api.post("/destinations/acme/backfills", asked).body
        path = f"/destinations/acme/backfills/{backfill['id']}"

        def ended() -> Json | None:
            found: Json = ok(app.api.get(path))
            return found if found["status"] == "succeeded" else None

        app.until(ended, "the backfill has ended")
        assert {each["status"] for each in app.hours("acme", starts)} <= DONE
        second, third = download(container, folder, ""), download(container, folder, "")
        after = summary(container)
    for name in container.list_blob_names():
        (mirror / name).parent.mkdir(parents=True, exist_ok=True)
        (mirror / name).write_bytes(container.download_blob(name).readall())
    return Exported(folder, mirror, (first, second, third), before, after, tuple(starts))


def said_by(python: Path | str, script: str, *arguments: str) -> Summary:
    """Run a script with Python and return the tuple in the last line of what it prints."""
    done = subprocess.run(  # noqa: S603  the project's own documents
        [str(python), script, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: Summary = ast.literal_eval(done.stdout.splitlines()[-1].rpartition("\r")[2])
    return found


def test_only_hours_that_are_new_or_changed_are_downloaded(exported: Exported) -> None:
    """Two hours of events and two of merged ids; then the one that was exported again; then none."""
    assert exported.downloaded == (4, 1, 0)
    assert exported.after[0] > exported.before[0]
    assert exported.after[0] == exported.after[1]
    assert len(list(exported.folder.rglob("*.json.gz"))) == len(list(exported.mirror.rglob("*.json.gz")))


def test_duckdb_reads_each_event_once(exported: Exported) -> None:
    """All types fit: a value of another type is an error."""
    assert (
        said_by(sys.executable, str(FOLDER / "read_with_duckdb.py"), str(exported.folder)) == exported.after
    )


@pytest.mark.slow
@needs_the_packages
@pytest.mark.parametrize(
    "tool", ["duckdb", "pandas", "polars", "pyarrow", "chdb", pytest.param("pyspark", marks=needs_java)]
)
def test_every_tool_reads_each_event_once(exported: Exported, tool: str) -> None:
    """With long ids, times with microseconds, and objects."""
    assert said_by(PYTHON, str(FOLDER / f"read_with_{tool}.py"), str(exported.folder)) == exported.after


@pytest.mark.slow
@needs_the_packages
def test_pyarrow_writes_parquet_that_duckdb_reads(exported: Exported, tmp_path: Path) -> None:
    """A file for each part, without # in its name."""
    script = str(FOLDER / "read_with_pyarrow.py")

    assert said_by(PYTHON, script, str(exported.folder), str(tmp_path)) == exported.after
    assert [path for path in tmp_path.iterdir() if path.suffix != ".parquet" or "#" in path.name] == []
    query = f"SELECT count(*) FROM '{tmp_path}/*.parquet'"  # noqa: S608  our own folder
    read = f"import duckdb; print(duckdb.sql({query!r}).fetchall()[0])"
    assert said_by(PYTHON, "-c", read)[:1] == exported.after[:1]


LOAD_HOURS = """
import sys
sys.path.insert(0, {folder!r})
import databricks_auto_loader as recipe
from pyspark.sql import SparkSession
spark = SparkSession.builder.config("spark.sql.warehouse.dir", {warehouse!r}).getOrCreate()
recipe.create_table(spark)
reader = spark.read.schema(recipe.MARKER).option("pathGlobFilter", "[0-9]*_complete")
markers = reader.option("recursiveFileLookup", "true").json({root!r})
for _ in range(2):
    recipe.load_hours({root!r}, markers)
print(tuple(spark.sql('''
    SELECT count(*), count(DISTINCT uuid), max(amplitude_id),
        date_format(max(server_upload_time), "yyyy-MM-dd'T'HH:mm:ss.SSSSSS'Z'"),
        count(get_json_object(data, '$.path'))
    FROM events_by_hour
''').first()))
"""


@pytest.mark.slow
@needs_the_packages
@needs_java
def test_spark_loads_the_hours_of_markers_and_replaces_them(exported: Exported, tmp_path: Path) -> None:
    """Twice the same markers, as after a repeated batch: Auto Loader's own stream does not run here."""
    script = LOAD_HOURS.format(
        folder=str(FOLDER), warehouse=str(tmp_path / "warehouse"), root=str(exported.mirror)
    )

    assert said_by(PYTHON, "-c", script) == exported.after


@pytest.mark.slow
@needs_the_packages
@needs_java
def test_the_views_of_fabric_have_each_event(exported: Exported) -> None:
    """The statements before the one that needs a Delta table, with another path."""
    text = (FOLDER / "fabric.sql").read_text().replace("Files/raw", str(exported.folder))
    views, query = text.partition("-- 3.")[0], text.rpartition(";\n\n")[2]
    statements = [
        each for each in re.sub(r"^--.*\n", "", views, flags=re.MULTILINE).split(";") if each.strip()
    ]
    select = query.replace("FROM events", "FROM landed").replace(
        "MAX(server_upload_time)",
        """MAX(amplitude_id), date_format(MAX(server_upload_time), "yyyy-MM-dd'T'HH:mm:ss.SSSSSS'Z'")""",
    )
    script = f"""
from pyspark.sql import SparkSession
spark = SparkSession.builder.config("spark.sql.session.timeZone", "UTC").getOrCreate()
for statement in {statements!r}:
    spark.sql(statement)
print(tuple(spark.sql({select.strip().rstrip(";")!r}).first()))
"""
    rows, uuids, largest, last = said_by(PYTHON, "-c", script)[:4]

    assert (rows, uuids, last) == (exported.after[4], exported.after[4], exported.after[3])
    assert largest <= exported.after[2]
