"""Each change of a caller is a line of the log: who, and what, and no secret."""

import hashlib
import json
import re
from datetime import datetime

import pytest

from infra.local.sample import DataType, Sample
from tests.support.api_calls import asked_for
from tests.support.installation import App, Installation, Json, key_of, ok

SAMPLE = Sample(events_per_hour=5, merges_per_hour=0, blobs_per_hour=1)
MASTER, KEY = "the-master-key", "the-key-of-one-caller"
SECRET = "known to both, and to nobody else"  # noqa: S105  of a test
HOOK = "https://hooks.example.com/services/a-token-in-a-path"
KEYS = {"FUNCTIONS_LOCAL_MASTER_KEY": MASTER, "FUNCTIONS_LOCAL_FUNCTION_KEY": KEY}


def lines(app: App) -> list[Json]:
    """Return the facts of all changes in the log."""
    return [json.loads(found) for found in re.findall(r"change made (\{.*\})", app.log)]


def key_id(key: str) -> str:
    """Return what identifies a key, as the guide says."""
    return hashlib.sha256(key.encode()).hexdigest()[:8]


@pytest.mark.slow
def test_every_change_is_logged_with_who_and_what(installation: Installation) -> None:
    """And neither a request that changes nothing nor one that is refused."""
    (start,) = installation.newest_hours(1)
    installation.land(SAMPLE.hour(start).files(DataType.EVENTS))
    body = installation.destination("watched", SAMPLE, start, (DataType.EVENTS,))
    with installation.app(
        "--auth", **KEYS, NOTIFY_HOSTS="hooks.example.com", WEBSITE_AUTH_ENABLED="True"
    ) as app:
        path = "/destinations/watched"
        changed = {**body, "name": "New", "notify": {"url": HOOK, "secret": SECRET}}
        who = {"x-functions-key": KEY, "X-MS-CLIENT-PRINCIPAL-NAME": "ada@example.net"}
        app.api.put(path, body)
        app.api.put(path, changed, **who)
        kept = {**changed, "credentials": {"type": "connection_string"}, "notify": {"url": HOOK}}
        assert app.api.put(path, kept).status == 200
        assert app.api.post(f"{path}/resume").status == 409
        backfill = changes_of_status(app, path, start)
        said, log = lines(app), app.log

    assert [(each["action"], each["destination"]) for each in said] == [
        (action, "watched")
        for action in (
            "put_destination",
            "put_destination",
            "activate_destination",
            "pause_destination",
            "create_backfill",
            "cancel_backfill",
            "retry_backfill",
            "cancel_backfill",
            "resume_destination",
            "verify_destination",
            "delete_destination",
        )
    ]
    created, edited, activated = said[:3]
    assert (created["key"], created["principal"], created["created"]) == (key_id(MASTER), None, True)
    assert created["changed"]["storage.container"] == [None, "watched"]
    assert created["changed"]["credentials.connection_string"] == [None, "stored"]
    assert (edited["key"], edited["principal"], edited["created"]) == (key_id(KEY), "ada@example.net", False)
    assert edited["changed"] == {
        "name": ["sha256:1f65105f6b5c", "sha256:18fdd549b2ed"],
        "notify.url": [None, "https://hooks.example.com/…"],
        "notify.secret": [None, "stored"],
        "credentials.connection_string": [None, "stored"],
    }
    assert activated.keys() == {"action", "destination", "key", "principal"}
    hour = key_of(start)
    assert (
        said[4].items() >= {"start": hour, "end": hour, "data_types": ["events"], "allow_loss": False}.items()
    )
    assert {each["backfill"] for each in said[4:8]} == {backfill}
    assert said[9].items() >= {"repair": True, "start": hour, "end": hour}.items()
    account_key = installation.connection_string.partition("AccountKey=")[2].partition(";")[0]
    assert not [secret for secret in (SECRET, account_key) if secret in log]
    # The local host prints its keys when it starts.
    assert not [secret for secret in (HOOK, KEY, MASTER) if secret in str(said)]


def changes_of_status(app: App, path: str, start: datetime) -> str:
    """Change what else can be changed; return the id of the backfill."""
    for verb in ("activate", "pause"):
        assert app.api.post(f"{path}/{verb}").status == 200
    hour = {"start": key_of(start), "end": key_of(start)}
    assert app.api.post(f"{path}/backfills?dry_run=true", hour).status == 200
    where = asked_for(app, "watched", hour)
    for verb, status in (("retry", 409), ("cancel", 200), ("retry", 202), ("cancel", 200)):
        assert app.api.post(f"{where}/{verb}").status == status
    assert app.api.post(f"{path}/resume").status == 200
    span = {"from": key_of(start), "to": key_of(start)}
    for repair in (False, True):
        assert app.api.post(f"{path}/verify", {**span, "repair": repair}).status in {200, 202}
    assert app.api.call("DELETE", f"/api{path}").status == 204
    return where.rpartition("/")[2]


@pytest.mark.slow
def test_a_principal_is_believed_only_if_azure_has_signed_it_in(installation: Installation) -> None:
    """Without App Service authentication, any caller can send the header; without keys, there is none."""
    (start,) = installation.newest_hours(1)
    body = installation.destination("open", SAMPLE, start, (DataType.EVENTS,))
    with installation.app() as app:
        app.api.put("/destinations/open", body, **{"X-MS-CLIENT-PRINCIPAL-NAME": "ada@example.net"})
        ok(app.api.get("/destinations/open"))
        (said,) = lines(app)

    assert (said["key"], said["principal"]) == (None, None)
