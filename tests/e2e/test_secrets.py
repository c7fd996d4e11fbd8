"""Secrets go in and never come out: not in an answer, a log line, a row, a blob or a message."""

import base64
import json
import posixpath
from datetime import timedelta
from pathlib import Path
from urllib.parse import unquote

from azure.storage.blob import AccountSasPermissions, ResourceTypes, Services, generate_account_sas

from infra.local.api import Answer, Api
from infra.local.azurite import ACCOUNT, ACCOUNT_KEY
from infra.local.sample import Fault, Sample
from tests.support.installation import App, Installation, Json, now
from tests.support.stored_content import disguises, stored

SAMPLE = Sample(events_per_hour=20, merges_per_hour=5, faults=frozenset({Fault.NOT_JSON}))
# Like a key of Azure, with every character that encodings change.
WRONG_KEY = base64.b64encode(bytes(range(190, 254))).decode()
# Every searched place contains it; otherwise the search does not reach the place.
NAME = "acme-of-the-secrets"


class Caller:
    """Calls the API and stores every answer."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self.answers: list[Answer] = []

    def __call__(self, method: str, path: str, body: object = None, **headers: str) -> Answer:
        """Send a request. A body of bytes is sent unchanged."""
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        answer = self._api.call(method, posixpath.normpath(f"/api/destinations/{path}"), content, **headers)
        self.answers.append(answer)
        return answer


def shared_access_signature(installation: Installation) -> tuple[str, str]:
    """Return a working connection string with a secret that exists only there, and the secret."""
    token = generate_account_sas(
        ACCOUNT,
        ACCOUNT_KEY,
        ResourceTypes(container=True, object=True),
        AccountSasPermissions(read=True, write=True, delete=True, list=True),
        now() + timedelta(hours=1),
        services=Services(blob=True),
        start=now() - timedelta(hours=1),
    )
    signature = next(part.partition("=")[2] for part in token.split("&") if part.startswith("sig="))
    endpoint = installation.connection_string.partition("BlobEndpoint=")[2].partition(";")[0]
    return f"BlobEndpoint={endpoint};SharedAccessSignature={token}", signature


def destination(installation: Installation, destination_id: str, secret: str) -> Json:
    """Return a destination with that connection string."""
    (start,) = installation.newest_hours(1)
    body = installation.destination(destination_id, SAMPLE, start)
    return body | {
        "name": NAME,
        "credentials": {"type": "connection_string", "connection_string": secret},
    }


def live_through_all(app: App, installation: Installation, working: str, wrong: str) -> list[Answer]:
    """Create, misspell, replace, activate, export, fail and list; return every answer."""
    call, starts = Caller(app.api), installation.newest_hours(1)
    good = destination(installation, "good", working)
    assert call("PUT", "good", good).status == 201
    assert call("PUT", "good", good, If_Match='"old"').status == 412
    assert call("PUT", "bad", destination(installation, "bad", wrong)).status == 201
    # In fields where it does not belong, and where a careless parser would quote it.
    for secret in (working, wrong):
        credentials = {"type": secret, "connection_string": [secret], "secret": secret}
        for changes in (
            {"name": secret * 3, "shape": secret, "id": secret},
            {"storage": {"container": secret, "prefix": f"/{secret}", "account_url": secret}},
            {"credentials": secret},
            {"credentials": credentials},
        ):
            assert call("PUT", "good", good | changes).status == 422, changes.keys()
        assert call("PUT", "good", json.dumps(good).encode() + secret.encode()).status == 400
        assert call("PUT", "good", json.dumps(secret).encode()).status == 422
    assert call("POST", "bad/activate").body["code"] == "secret_wrong"
    assert call("POST", "good/activate").status == 200
    # The customer revokes the secret: storage refuses an active destination.
    call("PUT", "revoked", destination(installation, "revoked", working))
    assert call("POST", "revoked/activate").status == 200
    refused = destination(installation, "revoked", wrong)
    assert call("PUT", "revoked", refused).body["code"] == "secret_wrong"
    assert call("PUT", "revoked?force=true", refused).status == 200
    app.tick()
    app.exported("good", starts)
    app.until(lambda: app.destination("revoked")["status"] == "failing", "the refused secret is shown")
    for path in ("", "good", "bad", "good/hours", "revoked/hours", "nobody"):
        call("GET", path)
    for path in ("good/test-upload", "revoked/test-upload", "good/pause", "good/resume"):
        assert call("POST", path).status == 200, path
    unsaved = [call("POST", "../test-upload", body).body["ok"] for body in (good, refused)]
    assert unsaved == [True, False]
    assert call("GET", "revoked").body["last_error"]["code"] == "secret_wrong"
    assert call("DELETE", "bad").status == 204
    return call.answers


def test_no_secret_is_ever_shown_or_stored_in_the_clear(installation: Installation, tmp_path: Path) -> None:
    """Not the secret that opens the container, not one that does not, not our own keys."""
    working, signature = shared_access_signature(installation)
    services = installation.connection_string.partition(f"{ACCOUNT_KEY};")[2]
    wrong = f"AccountName={ACCOUNT};AccountKey={WRONG_KEY};{services}"
    installation.land(SAMPLE.hour(installation.newest_hours(1)[0]))

    with installation.app() as app:
        answers = live_through_all(app, installation, working, wrong)
    # No host runs now, so that the messages stay in the queue.
    with installation.app(**{"AzureWebJobs.export_hour.Disabled": "true"}) as app:
        app.activate(destination(installation, "queued", working))
        app.tick()
        app.until(lambda: any(where.startswith("queue") for where, _ in stored(installation)), "messages")

    places = [(f"answer {number}", repr(answer).encode()) for number, answer in enumerate(answers)]
    places += [(path.name, path.read_bytes()) for path in tmp_path.glob("*.log")]
    places += list(stored(installation))
    secrets = {
        "the signature": signature,
        "the signature as it is": unquote(signature),
        "the connection string": working,
        "the wrong key": WRONG_KEY,
        "the wrong connection string": wrong,
        "our own key": ACCOUNT_KEY,
        "the key for secrets": installation.settings["SECRETS_KEY"],
    }
    shown = {
        f"{name} in {where}"
        for where, content in places
        for name, secret in secrets.items()
        if any(form in content for form in disguises(secret))
    }
    assert shown == set()
    # The search would have found it: a text that is not secret is in all these places.
    found = {where for where, content in places if NAME.encode() in content or b"queued" in content}
    assert found >= {"answer 0", "table destinations, document", "queue export-hours"}
    searched = {where for where, _ in places}
    assert {"app-1.log", "app-2.log", "table ledger, document", "table schedule, RowKey"} <= searched
    assert any(where.startswith("blob rejected/good/events/") for where in searched)
