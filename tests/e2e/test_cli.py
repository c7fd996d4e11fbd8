"""The command line, against the real app."""

import io
import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.verify.range import AT_ONCE_MAX
from infra.cli.__main__ import main
from infra.local.sample import DataType, Sample
from tests.support.installation import App, Installation, Json, key_of, ok

PROJECT = Path(__file__).resolve().parents[2]
GUIDE = (PROJECT / "docs/cli.md").read_text()
SAMPLE = Sample(events_per_hour=20, merges_per_hour=0, blobs_per_hour=1)
PURCHASES = {"all": [{"property": "event_type", "operator": "is", "values": ["purchase"]}]}
KEYS = {"FUNCTIONS_LOCAL_MASTER_KEY": "the-master-key", "FUNCTIONS_LOCAL_FUNCTION_KEY": "the-function-key"}
SECRET = "a secret for webhooks, long enough"  # noqa: S105  of a test


@pytest.fixture(scope="module")
def app(shared: Installation) -> Iterator[App]:
    """Run the app, which checks keys."""
    with shared.app("--auth", **KEYS, NOTIFY_HOSTS="hooks.example.com") as running:
        yield running


def user_of(app: App) -> dict[str, str]:
    """Return the environment variables of a user of the app."""
    key = KEYS["FUNCTIONS_LOCAL_FUNCTION_KEY"]
    return {"BLOB_EXPORTER_URL": app.api.url, "BLOB_EXPORTER_KEY": key, "COLUMNS": "200", "TERM": "dumb"}


def run(
    app: App, *arguments: str | Path, code: int = 0, variables: dict[str, str] | None = None
) -> tuple[str, str]:
    """Run a command, which must end with this code; return what it writes to both outputs."""
    outputs = io.StringIO(), io.StringIO()
    with (
        pytest.MonkeyPatch.context() as patch,
        redirect_stdout(outputs[0]),
        redirect_stderr(outputs[1]),
    ):
        for name, value in (user_of(app) | (variables or {})).items():
            patch.setenv(name, value)
        found = main([*map(str, arguments)])
    written = outputs[0].getvalue(), outputs[1].getvalue()
    assert found == code, "\n".join(written)
    return written


def exported(app: App, installation: Installation, destination_id: str) -> str:
    """Export an hour to a new destination; return its hour."""
    (start,) = installation.newest_hours(1)
    installation.land(SAMPLE.hour(start).files(DataType.EVENTS))
    app.activate(installation.destination(destination_id, SAMPLE, start, (DataType.EVENTS,)))
    app.tick()
    app.exported(destination_id, [start])
    return key_of(start)


def test_destinations_and_hours_are_listed(app: App, shared: Installation) -> None:
    """As a table, and as the API's JSON."""
    hour = exported(app, shared, "listed")

    table, _ = run(app, "destinations", "--status", "active")
    assert re.search(r"^listed +active +listed +0", table, re.MULTILINE)
    listed = json.loads(run(app, "destinations", "--json")[0])
    assert {each["id"] for each in listed} >= {"listed"}

    span = ("--from", hour, "--to", hour)
    assert re.search(rf"^{hour} +events +exported +20 ", run(app, "hours", "listed", *span)[0], re.MULTILINE)
    hours = json.loads(run(app, "hours", "listed", *span, "--json")[0])
    assert hours == ok(app.api.get(f"/destinations/listed/hours?from={hour}&to={hour}"))["hours"]


@pytest.mark.slow
def test_a_backfill_is_waited_for_and_verified(app: App, shared: Installation) -> None:
    """Its end is the exit code; what a dry run says, and no waiting, end at once."""
    hour = exported(app, shared, "again")

    planned = json.loads(run(app, "backfill", "again", hour, hour, "--dry-run")[0])
    assert (planned["hours"], planned["exported_hours"]) == (1, 1)
    done = json.loads(run(app, "backfill", "again", hour, hour, "--data-type", "events", "--json")[0])
    assert (done["status"], done["hours"]["done"]) == ("succeeded", 1)
    assert "succeeded" in run(app, "follow", "again", done["id"])[0]
    begun = json.loads(run(app, "backfill", "again", hour, hour, "--no-wait", "--json")[0])
    assert begun["id"] != done["id"]
    run(app, "follow", "again", begun["id"])
    assert "checked 1 whole 1 wrong 0" in run(app, "verify", "again", hour, hour)[0]

    with shared.container("again") as container:
        (part,) = (name for name in container.list_blob_names() if "#1" in name)
        container.delete_blob(part)
    wrong, _ = run(app, "verify", "again", hour, hour, code=1)
    assert "part_missing" in wrong
    repaired = json.loads(run(app, "verify", "again", hour, hour, "--repair", "--json", code=1)[0])
    run(app, "follow", "again", repaired["repair"])
    run(app, "verify", "again", hour, hour)


@pytest.mark.slow
def test_a_long_verification_is_waited_for(app: App, shared: Installation) -> None:
    """It runs in the background; its end is the result."""
    starts = shared.newest_hours(AT_ONCE_MAX + 1)
    app.activate(shared.destination("long", SAMPLE, starts[0], (DataType.EVENTS,)))
    span = (key_of(starts[0]), key_of(starts[-1]))

    found = json.loads(run(app, "verify", "long", *span, "--json", code=1)[0])

    assert (found["status"], found["wrong"]) == ("succeeded", len(starts))


def configuration(installation: Installation, destination_id: str, **changes: object) -> Json:
    """Return an entry of a file; its container exists."""
    installation.container(destination_id)
    return {
        "id": destination_id,
        "name": "Acme raw events",
        "events": {"project_id": SAMPLE.project_id, "filter": PURCHASES},
        "storage": {"container": destination_id},
        "credentials": {"type": "connection_string", "connection_string": {"env": "ACME_STORAGE"}},
        "notify": {"url": "https://hooks.example.com/x", "secret": {"env": "ACME_HOOK"}},
        "status": "active",
        **changes,
    }


def file_of(folder: Path, *entries: Json) -> Path:
    """Write a file."""
    path = folder / "destinations.yaml"
    path.write_text(yaml.safe_dump({"destinations": entries}))
    return path


def test_apply_makes_what_the_file_has_and_nothing_the_second_time(
    app: App, shared: Installation, tmp_path: Path
) -> None:
    """With a diff; the secrets are needed the first time only, and when they are to be sent again."""
    entry = configuration(shared, "kept-in-git")
    file = file_of(tmp_path, entry)
    secrets = {"ACME_STORAGE": shared.connection_string, "ACME_HOOK": SECRET}

    planned, _ = run(app, "apply", "-f", file, "--dry-run", code=1)
    assert "kept-in-git (new)" in planned
    assert '+ storage.container: "kept-in-git"' in planned
    assert app.api.get("/destinations/kept-in-git").status == 404
    _, missing = run(app, "apply", "-f", file, code=1)
    assert "the environment variable ACME_STORAGE is not set" in missing
    output, _ = run(app, "apply", "-f", file, variables=secrets)
    assert SECRET not in output
    made = app.destination("kept-in-git")
    assert (made["status"], made["events"]["filter"], made["notify"]) == (
        "active",
        PURCHASES,
        {"url": "https://hooks.example.com/x"},
    )

    tag = app.api.get("/destinations/kept-in-git").headers["etag"]
    again, said = run(app, "apply", "-f", file)
    assert (again, said) == ("", "0 changed\n")
    run(app, "apply", "-f", file, "--dry-run")
    assert app.api.get("/destinations/kept-in-git").headers["etag"] == tag
    run(app, "apply", "-f", file, "--secrets", variables=secrets)
    assert app.api.get("/destinations/kept-in-git").headers["etag"] != tag

    changed = entry | {"output": {"name_style": "safe"}, "status": "paused"}
    diff, _ = run(app, "apply", "-f", file_of(tmp_path, changed))
    assert diff.splitlines() == [
        "kept-in-git",
        '  - output.name_style: "amplitude"',
        '  + output.name_style: "safe"',
        '  - status: "active"',
        '  + status: "paused"',
    ]
    made = app.destination("kept-in-git")
    assert (made["status"], made["output"]["name_style"]) == ("paused", "safe")
    without = {name: each for name, each in changed.items() if name not in {"status", "notify"}}
    applied = json.loads(run(app, "apply", "-f", file_of(tmp_path, without), "--json")[0])
    assert applied[0]["differences"] == [
        {"field": "notify.url", "before": "https://hooks.example.com/x", "after": None}
    ]
    resumed = without | {"status": "active"}
    run(app, "apply", "-f", file_of(tmp_path, resumed))
    assert app.destination("kept-in-git")["status"] == "active"
    _, refused = run(app, "apply", "-f", file_of(tmp_path, without | {"status": "draft"}), code=1)
    assert "cannot become a draft" in refused


def test_what_the_api_refuses_is_told_and_the_others_are_applied(
    app: App, shared: Installation, tmp_path: Path
) -> None:
    """A wrong field with its path; exit code 1."""
    wrong = configuration(shared, "wrong", colour="red")
    right = configuration(shared, "right", status="draft", notify=None, events={"project_id": 5})
    secrets = {"ACME_STORAGE": shared.connection_string, "ACME_HOOK": SECRET}

    _, said = run(app, "apply", "-f", file_of(tmp_path, wrong, right), code=1, variables=secrets)

    assert "colour: is not a known field" in said
    assert app.destination("right")["status"] == "draft"


@pytest.mark.slow
def test_what_is_exported_is_imported_into_another_exporter(
    app: App, shared: Installation, installation: Installation, tmp_path: Path
) -> None:
    """Without secrets, which stand in variables; what exists stays as it is."""
    secrets = {"ACME_STORAGE": shared.connection_string, "ACME_HOOK": SECRET}
    run(
        app,
        "apply",
        "-f",
        file_of(tmp_path, configuration(shared, "saved", status="draft")),
        variables=secrets,
    )
    backup = tmp_path / "backup.yaml"

    _, said = run(app, "export", "--output", backup)

    assert "without their secrets" in said
    assert run(app, "export")[0] == backup.read_text()
    assert shared.connection_string not in backup.read_text()
    entries = {each["id"]: each for each in yaml.safe_load(backup.read_text())["destinations"]}
    entry = entries["saved"]
    assert entry["credentials"]["connection_string"] == {"env": "SAVED_CREDENTIALS_CONNECTION_STRING"}
    assert entry["notify"]["secret"] == {"env": "SAVED_NOTIFY_SECRET"}
    run(app, "apply", "-f", backup, "--dry-run")

    only = file_of(tmp_path, entry)
    with installation.app(
        "--auth", **KEYS, NOTIFY_HOSTS="hooks.example.com", DESTINATION_HOSTS="127.0.0.1"
    ) as other:
        _, missing = run(other, "import", "-f", only, code=1)
        assert "SAVED_CREDENTIALS_CONNECTION_STRING is not set" in missing
        restored = {
            "SAVED_CREDENTIALS_CONNECTION_STRING": shared.connection_string,
            "SAVED_NOTIFY_SECRET": SECRET,
        }
        run(other, "import", "-f", only, variables=restored)
        public = ("name", "events", "storage", "credentials", "output", "notify", "status")
        there, here = other.destination("saved"), app.destination("saved")
        assert {name: there[name] for name in public} == {name: here[name] for name in public}
        other.api.put("/destinations/saved", {**_body(shared), "name": "Changed there"})
        _, said = run(other, "import", "-f", only)
        assert "1 exist already" in said
        assert other.destination("saved")["name"] == "Changed there"


def _body(installation: Installation) -> Json:
    credentials = {"type": "connection_string", "connection_string": installation.connection_string}
    found = configuration(installation, "saved", credentials=credentials, notify=None)
    return {name: each for name, each in found.items() if name not in {"id", "status"}}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (": [", "cannot be read"),
        ("[]", "must have a list `destinations`"),
        ("destinations: [{name: x}]", "needs an `id`"),
        ("destinations: [{id: a}, {id: a}]", "a is there twice"),
        ("destinations: [{id: a, status: failing}]", "status must be one of"),
    ],
)
def test_a_wrong_file_is_told(app: App, tmp_path: Path, text: str, told: str) -> None:
    """With what is wrong; exit code 1."""
    file = tmp_path / "wrong.yaml"
    file.write_text(text)

    assert told in run(app, "apply", "-f", file, code=1)[1]


def test_the_exit_code_says_what_went_wrong(app: App) -> None:
    """The command line, the exporter, the key, the network."""
    assert "Usage" in run(app, "hours", code=2)[1]
    assert "404 destination_not_found" in run(app, "hours", "nobody", code=3)[1]
    assert "from: " in run(app, "hours", "nobody", "--from", "now", code=3)[1]
    assert (
        "set BLOB_EXPORTER_KEY"
        in run(app, "destinations", code=3, variables={"BLOB_EXPORTER_KEY": "wrong"})[1]
    )
    unreachable = {"BLOB_EXPORTER_URL": "http://127.0.0.1:9"}
    assert "cannot be reached" in run(app, "destinations", code=4, variables=unreachable)[1]
    assert (
        "cannot be reached"
        in run(app, "destinations", code=4, variables={"BLOB_EXPORTER_URL": "nonsense"})[1]
    )


@pytest.mark.slow
def test_the_block_of_the_guide_runs(app: App, shared: Installation, tmp_path: Path) -> None:
    """As it stands, apart from the address."""
    exported(app, shared, "acme")
    block = re.search(r"```sh\n(.*?)```", GUIDE, re.DOTALL)
    assert block
    script = block[1].replace("$PWD", str(PROJECT)).replace("http://127.0.0.1:7071", app.api.url)

    done = subprocess.run(  # noqa: S603  the project's own document
        ["/bin/sh", "-ec", script],
        cwd=tmp_path,
        env=dict(os.environ) | user_of(app),  # noqa: TID251  the shell's own
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "destinations.yaml").exists()


def test_every_command_is_in_the_guide_with_its_options(app: App) -> None:
    """And the example of a file is one that can be read."""
    help_text = run(app, "--help")[0]
    commands = set(re.findall(r"^│ ([a-z]+) ", help_text.partition("Commands")[2], re.MULTILINE))
    documented: dict[str, Any] = dict(re.findall(r"^\| `([a-z]+)[^`]*` \| (.*) \|$", GUIDE, re.MULTILINE))

    assert commands == documented.keys()
    for command, text in documented.items():
        told = set(re.findall(r"(--[a-z-]+)", text))
        there = set(re.findall(r"(--[a-z-]+)", run(app, command, "--help")[0]))
        assert told <= there, command
    example = re.search(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)
    assert example
    assert yaml.safe_load(example[1])["destinations"][0]["id"] == "acme"
