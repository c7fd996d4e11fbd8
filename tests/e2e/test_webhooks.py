"""Notifications over HTTP, and in the queue for integrations."""

import base64
import hashlib
import hmac
import json

import pytest
import standardwebhooks
from azure.storage.queue import QueueClient

from infra.local.sample import DataType, Sample
from tests.support.api_calls import asked_for, ended, the_problem
from tests.support.installation import Installation, key_of, ok
from tests.support.webhooks import receiving

SAMPLE = Sample(events_per_hour=50, merges_per_hour=0, blobs_per_hour=1)
SECRET = "known to both, and to nobody else"  # noqa: S105  of a test
PUBLISHED = "everybody"


@pytest.mark.slow
def test_exported_hours_and_ended_backfills_send_notifications(installation: Installation) -> None:
    """The calls are signed, the queue has the same notifications, a host that is not allowed is refused."""
    (start,) = installation.newest_hours(1)
    installation.land(SAMPLE.hour(start).files(DataType.EVENTS))
    with (
        receiving() as receiver,
        installation.app(NOTIFY_HOSTS="127.0.0.1", NOTICE_QUEUE=PUBLISHED) as app,
        QueueClient.from_connection_string(installation.connection_string, PUBLISHED) as queue,
    ):
        url = f"http://127.0.0.1:{receiver.server_port}/exports"
        destination = installation.destination("told", SAMPLE, start, (DataType.EVENTS,))
        elsewhere = destination | {"notify": {"url": "https://169.254.169.254/", "secret": SECRET}}
        problem = the_problem(app.api.put("/destinations/told", elsewhere), 422, "invalid_request")
        assert [each["field"] for each in problem["errors"]] == ["notify.url"]

        shown = app.activate(destination | {"notify": {"url": url, "secret": SECRET}})
        assert shown["notify"] == {"url": url}
        app.tick()
        app.exported("told", [start])
        hour = {"start": key_of(start), "end": key_of(start)}
        ended(app, asked_for(app, "told", hour))
        app.until(lambda: len(receiver.calls) >= 3, "all calls")

        told = {}
        for body, headers in receiver.calls:
            seconds = headers["x-export-signature"].partition(",")[0].removeprefix("t=")
            expected = hmac.new(SECRET.encode(), f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
            assert headers["x-export-signature"] == f"t={seconds},v1={expected}"
            notice = json.loads(body)
            assert headers["x-export-notice"] == notice["id"]
            assert standardwebhooks.Webhook(SECRET.encode()).verify(body, headers) == notice
            told[notice["id"]] = notice
        published = [json.loads(base64.b64decode(each.content)) for each in queue.receive_messages()]
        receiver.calls.clear()
        assert ok(app.api.post("/destinations/told/notify/test")) == {
            "ok": True,
            "status": 204,
            "message": None,
        }
        ((body, headers),) = receiver.calls
        assert (json.loads(body)["type"], json.loads(body)["id"]) == ("test", headers["x-export-notice"])
        silent = installation.destination("silent", SAMPLE, start, (DataType.EVENTS,), prefix="silent")
        assert app.api.put("/destinations/silent", silent).status == 201
        the_problem(app.api.post("/destinations/silent/notify/test"), 409, "no_webhook")
        assert SECRET not in app.log
        assert ok(app.api.get("/destinations/told"))["notify"] == {"url": url}

    kinds = sorted(notice["type"] for notice in told.values())
    assert kinds == ["backfill_ended", "hour_exported", "hour_exported"]
    assert {each["notice"] for each in published} == told.keys()
    exports = [notice for notice in told.values() if notice["type"] == "hour_exported"]
    assert {notice["hour"] for notice in exports} == {key_of(start)}
    assert all(notice["rows"] == SAMPLE.hour(start).truth().counts().exported for notice in exports)
