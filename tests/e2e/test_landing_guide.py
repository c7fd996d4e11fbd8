"""The writers of docs/landing.md and the first steps of README.md, run as they are, on the real app."""

import gzip
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from azure.storage.blob import ContainerClient, ContentSettings

from infra.local.sample import DataType, LandingHour, Sample
from tests.support.customer_files import contents
from tests.support.installation import LANDING, Installation, key_of, ok

PROJECT = Path(__file__).resolve().parents[2]
GUIDE = (PROJECT / "docs/landing.md").read_text()
SAMPLE = Sample(events_per_hour=30, merges_per_hour=0)


def section(title: str, language: str) -> str:
    """Return the first code block of a section of the guide."""
    block = re.search(
        rf"```{language}\n(.*?)```", GUIDE.partition(f"\n## {title}\n")[2].partition("\n## ")[0], re.DOTALL
    )
    assert block, title
    return block[1]


def python_writer() -> Callable[[ContainerClient, int, list[dict[str, Any]]], None]:
    """Return the function of the guide."""
    names: dict[str, Any] = {}
    exec(section("Python", "python"), names)  # noqa: S102  the project's own document
    land: Callable[[ContainerClient, int, list[dict[str, Any]]], None] = names["land"]
    return land


def rows_of(hour: LandingHour) -> list[dict[str, Any]]:
    """Return the rows of an hour, as a source has them."""
    contents = [gzip.decompress(file.content()) for file in hour.files(DataType.EVENTS)]
    return [json.loads(line) for content in contents for line in content.splitlines()]


def shell(script: str, folder: Path, **variables: str) -> str:
    """Run a script that must succeed, with our own ``az``, and return what it prints."""
    tools = folder / "tools"
    tools.mkdir(exist_ok=True)
    az = tools / "az"
    az.write_text(f'#!/bin/sh\nexec {sys.executable} -m tests.e2e.az "$@"\n')
    az.chmod(0o755)
    environ = dict(os.environ)  # noqa: TID251  the shell's own
    environ |= {"PATH": f"{tools}:{environ['PATH']}", "PYTHONPATH": str(PROJECT), **variables}
    done = subprocess.run(  # noqa: S603  the project's own documents
        ["/bin/sh", "-ec", script], cwd=folder, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.slow
def test_what_the_writers_of_the_guide_land_is_exported_once(
    installation: Installation, tmp_path: Path
) -> None:
    """In Python, called twice; with az; and gzip that is declared as Content-Encoding, as Vector does it."""
    starts = installation.newest_hours(3)
    by_python, by_az, by_vector = (rows_of(SAMPLE.hour(start)) for start in starts)
    landing = installation.blobs.get_container_client(LANDING)
    land = python_writer()
    for _ in range(2):
        land(landing, SAMPLE.project_id, by_python)

    (tmp_path / "events.ndjson").write_text("".join(json.dumps(row) + "\n" for row in by_az))
    commands = section("az", "sh").replace("HOUR=2026/01/31/05", f"HOUR={starts[1]:%Y/%m/%d/%H}")
    commands = commands.replace("--container-name landing", f"--container-name {LANDING}")
    for _ in range(2):
        (tmp_path / "events.ndjson.gz").unlink(missing_ok=True)
        shell(
            commands,
            tmp_path,
            STORAGE_ACCOUNT="acme",
            AZURE_STORAGE_CONNECTION_STRING=installation.connection_string,
        )
    landing.upload_blob(
        f"{SAMPLE.hour(starts[2]).folder(DataType.EVENTS)}1-0b6f.log.gz",
        gzip.compress("\n".join(map(json.dumps, by_vector)).encode()),
        content_settings=ContentSettings("application/x-ndjson", content_encoding="gzip"),
    )

    with installation.app() as app:
        app.activate(installation.destination("acme", SAMPLE, starts[0], (DataType.EVENTS,)))
        app.tick()
        hours = app.exported("acme", starts)
        found = ok(app.api.get("/landing"))

    assert found["misfits"] == []
    assert [hour["rows"] for hour in hours] == [
        {"read": len(rows), "exported": len(rows), "filtered": 0, "duplicate": 0, "rejected": 0}
        for rows in (by_python, by_az, by_vector)
    ]
    assert sum(1 for _ in landing.list_blob_names()) == 3


@pytest.mark.slow
def test_the_first_steps_of_the_readme_end_with_exported_files(
    installation: Installation, tmp_path: Path
) -> None:
    """The block as it is, apart from ports, ``make`` and the sleep: storage and app run already."""
    readme = (PROJECT / "README.md").read_text().partition("## From nothing to exported files")[2]
    block = re.search(r"```sh\n(.*?)```", readme, re.DOTALL)
    assert block
    makefile = (PROJECT / "Makefile").read_text()
    recipe = re.search(r"^sample: .*\n\t@(.*)$", makefile, re.MULTILINE)
    assert recipe
    sample = (
        recipe[1]
        .replace("$(PYTHON3)", sys.executable)
        .replace("--container landing", f"--container {LANDING}")
    )
    with installation.app(AzureWebJobsStorage=installation.connection_string) as app:
        port = app.api.url.rpartition(":")[2]
        script = (
            block[1]
            .replace(".venv/bin/python", sys.executable)
            .replace("7071", port)
            .replace(":10000", f":{installation.endpoints.blob_port}")
        )
        script = re.sub(r"^make (?:setup|azurite|start).*\n", "", script, flags=re.MULTILINE)
        script = re.sub(r"^make sample$", sample.replace("$(HOURS)", "26"), script, flags=re.MULTILINE)
        script = script.replace("sleep 20", "")
        printed = shell(script, tmp_path, AzureWebJobsStorage=installation.connection_string)
        assert '"active"' in printed
        hours = app.exported("acme", installation.newest_hours(24))

    assert {hour["status"] for hour in hours} == {"exported"}
    names = contents(installation.blobs.get_container_client("raw"))
    assert f"-{SAMPLE.org_id}_{key_of(installation.newest_hours(1)[0])[:10]}" in "".join(names)


def test_make_sample_has_the_default_of_the_readme() -> None:
    """A day."""
    assert re.search(r"^HOURS +\?= 24$", (PROJECT / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize("language", ["python", "sh"])
def test_the_writers_of_the_guide_are_short(language: str) -> None:
    """Twelve lines of code, apart from imports."""
    title = "Python" if language == "python" else "az"
    lines = [
        line for line in section(title, language).splitlines() if line and not line.startswith("import ")
    ]

    assert len(lines) <= 12
