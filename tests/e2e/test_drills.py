"""The disasters of docs/operations.md, command for command, on the real app: no row is lost or doubled."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.data.tables import TableServiceClient
from azure.storage.queue import QueueClient

from infra.local.sample import Sample
from tests.support.installation import App, Installation, key_of

PROJECT = Path(__file__).resolve().parents[2]
SAMPLE = Sample(events_per_hour=20, merges_per_hour=4)
HOURS = 2


def commands(heading: str) -> list[str]:
    """Return the shell commands of the drill that begins with these words."""
    drills = (PROJECT / "docs/operations.md").read_text().partition("## Disasters, as drills")[2]
    section = drills.partition(f"**{heading}")[2].partition("\n**")[0].partition("\n## ")[0]
    blocks: list[str] = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    assert blocks, heading
    return [line for block in blocks for line in re.sub(r"\\\n", "", block).splitlines()]


class Shell:
    """Runs the commands of the docs as an operator does, with our own ``az`` (az.py)."""

    def __init__(self, folder: Path, app: App, installation: Installation) -> None:
        self.folder = folder
        self._program("az", f'exec {sys.executable} -m tests.e2e.az "$@"')
        (folder / "infra").symlink_to(PROJECT / "infra")
        self._environment = {
            **os.environ,  # noqa: TID251  the shell's own
            "PATH": f"{folder}:{os.environ['PATH']}",  # noqa: TID251  as above
            "PYTHONPATH": str(PROJECT),
            "API_URL": f"{app.api.url}/api",
            "KEY": "any",
            "STORAGE_ACCOUNT": "acme",
            "STORAGE": installation.connection_string,
            "AZURE_STORAGE_CONNECTION_STRING": installation.connection_string,
        }

    def _program(self, name: str, script: str) -> None:
        path = self.folder / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def run(self, command: str) -> str:
        """Run a command, which must succeed, and return what it prints."""
        done = subprocess.run(  # noqa: S603  the project's own documents
            ["/bin/sh", "-ec", command],
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout


@pytest.fixture(scope="module")
def app(shared: Installation) -> Iterator[App]:
    """Run an app with a destination whose hours are all exported."""
    starts = shared.newest_hours(HOURS)
    for start in starts:
        shared.land(SAMPLE.hour(start))
    with shared.app() as running:
        running.activate(shared.destination("acme", SAMPLE, starts[0]))
        shared.activated_at("acme", starts[0])
        running.tick()
        running.exported("acme", starts)
        yield running


@pytest.fixture
def shell(tmp_path: Path, app: App, shared: Installation) -> Shell:
    """Return an operator's shell."""
    return Shell(tmp_path, app, shared)


def etags(installation: Installation) -> dict[str, str]:
    """Return the files in the customer's container with their ETags, which a write would change."""
    return {blob.name: blob.etag for blob in installation.container("acme").list_blobs()}


def catch_up(app: App, installation: Installation) -> None:
    """Tick until every hour is done and nothing is owed."""
    starts = installation.newest_hours(HOURS)
    app.tick()
    hours = app.exported("acme", starts)
    assert len(hours) == 2 * HOURS
    assert app.until(
        lambda: set(app.destination("acme")["owed_hours"].values()) == {0}, "nothing is owed any more"
    )


LOSSES = commands("The ledger is lost")
DELETIONS, VERIFY = [each for each in LOSSES if each.startswith("az ")], LOSSES[-1]
LOST = {each.split()[5]: [each] for each in DELETIONS} | {"all of them": DELETIONS}


@pytest.mark.slow
@pytest.mark.parametrize("lost", LOST.values(), ids=LOST)
def test_what_is_lost_is_noticed_by_the_next_tick_and_nothing_is_exported_twice(
    app: App, shared: Installation, shell: Shell, lost: list[str]
) -> None:
    """Hours that are in the container are adopted, and a verification finds nothing wrong."""
    before = etags(shared)
    starts = shared.newest_hours(HOURS)
    shared.breakers_are_there()
    for command in lost:
        shell.run(command)

    catch_up(app, shared)

    assert etags(shared) == before
    first, last = key_of(starts[0]), key_of(starts[-1])
    verify = VERIFY.replace("2026-01-30T00", first).replace("2026-01-30T23", last)
    assert (first in verify, last in verify) == (True, True)
    verified: dict[str, Any] = {}

    def verified_at_rest() -> bool:
        """Wait for the checks for late data, which claim adopted hours for a moment."""
        verified.update(json.loads(shell.run(verify)))
        return int(verified["running"]) == 0

    app.until(verified_at_rest, "no hour is being looked at any more")
    assert (verified["checked"], verified["whole"], verified["wrong"]) == (2 * HOURS, 2 * HOURS, 0)


@pytest.mark.slow
def test_destinations_are_made_again_from_what_was_kept(app: App, shared: Installation, shell: Shell) -> None:
    """With their secrets, which are stored nowhere else. The history is found; no hour is exported twice."""
    before = etags(shared)
    lines = commands("The table of destinations is lost.")
    backup, restore = "\n".join(lines[:2]), "\n".join([lines[0], *lines[2:]])
    shell.run(backup)
    assert shared.connection_string not in (shell.folder / "destinations.yaml").read_text()
    with TableServiceClient.from_connection_string(shared.connection_string) as service:
        service.delete_table("destinations")
    app.tick()

    shell.run(restore)
    catch_up(app, shared)

    assert etags(shared) == before


@pytest.mark.slow
def test_a_queue_full_of_nonsense_is_cleared_and_filled_by_the_next_tick(
    app: App, shared: Installation, shell: Shell
) -> None:
    """Messages are hints: if all of them are lost, no hour is."""
    (clear,) = commands("Queues are lost")
    before = etags(shared)
    shell.run(DELETIONS[0])
    with QueueClient.from_connection_string(shared.connection_string, "export-hours") as queue:
        for number in range(20):
            queue.send_message(f"nonsense {number}")

    shell.run(clear)

    catch_up(app, shared)
    assert etags(shared) == before
    assert shared.waiting() == 0
