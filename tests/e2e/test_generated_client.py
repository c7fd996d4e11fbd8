"""A client in Python that is generated from the OpenAPI document, used with the running app: slow.

tests/console/test_build.py generates the types of the console, which its code is compiled with.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from infra.local.sample import Sample
from infra.openapi.document import as_json
from tests.support.installation import Installation, key_of

PROJECT = Path(__file__).resolve().parents[2]
TOOLS = PROJECT / ".clients/bin"
SAMPLE = Sample(events_per_hour=20, merges_per_hour=5)
SECONDS_MAX = 120
# Reads the arguments, and prints what it gets. It makes a destination, changes it, and looks at its hours.
PROGRAM = """
import json, sys
from blob_exporter_client import Client
from blob_exporter_client.api.destinations import get_destination, list_destinations, put_destination
from blob_exporter_client.api.hours import list_hours, one_hour
from blob_exporter_client.api.service import status
from blob_exporter_client.models import DataType, DestinationModel, ProblemView

url, body, hour = sys.argv[1:]
client = Client(base_url=url)
model = DestinationModel.from_dict(json.loads(body))
made = put_destination.sync(model.id, client=client, body=model)
read = get_destination.sync(made.id, client=client)
page = list_destinations.sync(client=client)
hours = list_hours.sync(made.id, client=client, data_type=DataType.EVENTS, from_=hour, to=hour)
one = one_hour.sync(made.id, hour, client=client, data_type=DataType.EVENTS)
missing = get_destination.sync("nobody", client=client)
assert isinstance(missing, ProblemView)
print(json.dumps({
    "read": [read.name, read.status, read.events.project_id, read.last_error],
    "listed": [each.id for each in page.destinations],
    "hours": [[each.hour, each.status, each.rows.exported] for each in hours.hours],
    "one": [one.hour, one.previous, one.log],
    "missing": [missing.status, missing.code],
    "settings": len(status.sync(client=client).settings) > 0,
}))
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not TOOLS.exists(), reason="the generator of clients is not installed: make test-all installs it"
    ),
]


def run(*command: str, folder: Path) -> str:
    """Run a command in a folder, with the tools of this project's own environment; return what it prints."""
    path = os.pathsep.join([str(Path(sys.executable).parent), "/usr/bin", "/bin"])
    found = subprocess.run(  # noqa: S603  our own commands
        command,
        cwd=folder,
        env={"PATH": path},
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )
    assert found.returncode == 0, found.stdout + found.stderr
    return found.stdout


def test_a_generated_client_makes_a_destination_and_reads_its_hours(
    installation: Installation, tmp_path: Path
) -> None:
    """The generator finds nothing to warn of, and every answer is parsed into its class."""
    (tmp_path / "openapi.json").write_text(as_json())
    generate = [str(TOOLS / "openapi-python-client"), "generate", "--fail-on-warning"]
    run(*generate, "--path", "openapi.json", "--output-path", "client", folder=tmp_path)
    (start,) = installation.newest_hours(1)
    installation.land(SAMPLE.hour(start))
    with installation.app() as app:
        app.activate(installation.destination("before", SAMPLE, start))
        app.tick()
        app.exported("before", [start])
        body = installation.destination("before", SAMPLE, start)
        arguments = [f"{app.api.url}/api", json.dumps(body | {"name": "Changed"}), key_of(start)]
        printed = run(str(TOOLS / "python"), "-c", PROGRAM, *arguments, folder=tmp_path / "client")

    assert json.loads(printed) == {
        "read": ["Changed", "active", SAMPLE.project_id, None],
        "listed": ["before"],
        "hours": [[key_of(start), "exported", SAMPLE.events_per_hour]],
        "one": [key_of(start), None, None],
        "missing": [404, "destination_not_found"],
        "settings": True,
    }
