"""Notifications, and retries of webhook calls."""

import hashlib
import hmac
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from exporter.destinations.edit import Draft, put_destination
from exporter.domain.destination import Destination, Status
from exporter.domain.errors import Fault, Invalid, NotPossible, Transient
from exporter.domain.hour_task import HourTask
from exporter.domain.notifications import Notification, NotificationKind, Webhook, notification, signature
from exporter.export.attempt import Outcome
from exporter.notify.notifications import SECRET_FIELD, WAITS, body_of, call_for_test, call_webhook
from tests.support.destinations import DRAFT
from tests.support.fakes.world import World
from tests.support.worlds import EVENTS, HOUR, NOW, a_world, acme, an_event, attempt

URL = "https://hooks.example.com/exports"
SECRET = "sixteen letters, at least"  # noqa: S105  of a test
FAULT = Fault("container_not_found", "It is gone.", "Make it again.")
LATER = NOW + timedelta(hours=1)


def world_with_webhook(**changes: object) -> World:
    """Make a world whose destination has a webhook."""
    world = World()
    sealed = world.cipher.seal(SECRET, destination_id="acme", field=SECRET_FIELD)
    return a_world(acme(webhook=Webhook(URL, sealed), **changes), world)


def calls(world: World) -> list[Notification]:
    """Return the notifications with queued calls."""
    return [each.notification for each in world.webhook_calls.messages]


def published(world: World) -> list[Notification]:
    """Return the notifications that other programs may read."""
    return [each.notification for each in world.notifications.messages]


def test_an_exported_hour_sends_a_notification_with_its_files() -> None:
    """One for each export and each late append; a late check without new blobs sends none."""
    world = world_with_webhook()
    world.land(EVENTS.stream, HOUR, [an_event(1)], "a.json")
    attempt(world)
    attempt(world, LATER, claim_id="looks", task=HourTask(EVENTS, HOUR, late=True))
    world.land(EVENTS.stream, HOUR, [an_event(2)], "b.json")
    attempt(world, LATER, claim_id="adds", task=HourTask(EVENTS, HOUR, late=True))

    first, second = calls(world)
    assert published(world) == [first, second]
    assert (first.kind, first.facts["hour"], first.facts["rows"]) == ("hour_exported", HOUR.key, 1)
    assert second.facts["parts"] == ["187520_2026-01-31_12#1.json.gz", "187520_2026-01-31_12#2.json.gz"]
    assert first.id != second.id


def test_without_a_webhook_the_notification_is_only_in_the_queue() -> None:
    """Integrations read the queue."""
    world = a_world()
    world.land(EVENTS.stream, HOUR, [an_event(1)])
    attempt(world)

    assert len(published(world)) == 1
    assert calls(world) == []


def test_failing_and_healed_send_one_notification_each() -> None:
    """Regardless of the number of failed hours between."""
    world = world_with_webhook()
    world.land(EVENTS.stream, HOUR, [an_event(1)])
    world.reader().faults["list"] = FAULT
    for number in range(3):
        now = NOW + timedelta(hours=number)
        assert attempt(world, now, claim_id=f"fails-{number}") is Outcome.FAILED
    world.reader().faults.clear()
    attempt(world, NOW + timedelta(hours=4), claim_id="heals")

    kinds = [each.kind for each in calls(world)]
    assert kinds == [
        NotificationKind.DESTINATION_FAILING,
        NotificationKind.HOUR_EXPORTED,
        NotificationKind.DESTINATION_HEALED,
    ]
    assert calls(world)[0].facts == {"code": FAULT.code, "message": FAULT.message, "fix": FAULT.fix}


def test_an_unreachable_queue_fails_no_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hour is exported, the notification is lost."""
    world = world_with_webhook()
    world.land(EVENTS.stream, HOUR, [an_event(1)])

    def out_of_reach(_: Notification) -> None:
        raise Transient("no answer")

    monkeypatch.setattr(world.notifications, "send", out_of_reach)

    assert attempt(world) is Outcome.EXPORTED
    assert calls(world) == []


SENT = notification(NotificationKind.DESTINATION_HEALED, "acme", NOW, "1")


def test_a_call_is_signed_as_documented() -> None:
    """HMAC-SHA256 of time and body with the shared secret."""
    world = world_with_webhook()

    assert call_webhook(SENT, 0, world.gateways, NOW)

    ((url, body, headers),) = world.webhooks.requests
    assert url == URL
    assert json.loads(body) == {
        "id": SENT.id,
        "type": "destination_healed",
        "destination": "acme",
        "at": "2026-01-31T13:15:00Z",
    }
    seconds = int(NOW.timestamp())
    expected = hmac.new(SECRET.encode(), f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
    assert headers["X-Export-Signature"] == f"t={seconds},v1={expected}"
    assert headers["X-Export-Notice"] == SENT.id
    assert SECRET not in str(headers)


@pytest.mark.parametrize("status", [None, 199, 300, 404, 500])
def test_a_failed_call_is_repeated_with_growing_waits(status: int | None) -> None:
    """Until it is given up; a redirect is a failure."""
    world = world_with_webhook()
    world.webhooks.status = status

    outcomes = [call_webhook(SENT, tries, world.gateways, NOW) for tries in range(len(WAITS) + 1)]

    assert outcomes == [False] * len(WAITS) + [True]
    assert [(each.tries, delay) for each, delay in world.webhook_calls.delayed] == list(
        enumerate(WAITS, start=1)
    )
    assert list(WAITS) == sorted(WAITS)


@pytest.mark.parametrize("changes", [{"webhook": None}, {"status": Status.DELETED}])
def test_a_destination_without_webhook_gets_no_queued_call(changes: dict[str, object]) -> None:
    """A queued call may be older than the change of the destination."""
    world = world_with_webhook()
    found = world.destinations.get("acme")
    assert found is not None
    world.destinations.put(replace(found.value, **changes), found.etag)  # type: ignore[arg-type]

    assert call_webhook(SENT, 0, world.gateways, NOW)
    assert world.webhooks.requests == []


def draft(**changes: object) -> Draft:
    """Return a draft with a webhook."""
    return replace(DRAFT, webhook_url=URL, **changes)  # type: ignore[arg-type]  # names of fields


def stored(world: World) -> Destination:
    """Return the stored destination."""
    found = world.destinations.get(DRAFT.id)
    assert found is not None
    return found.value


def test_the_secret_is_kept_for_the_same_url_and_asked_for_with_another_one() -> None:
    """Otherwise a caller could have calls to their own server signed with it."""
    world = World()
    put_destination(world.gateways, draft(webhook_secret=SECRET), if_match=None, now=NOW)
    webhook = stored(world).webhook
    assert webhook is not None
    assert SECRET not in repr(stored(world))

    put_destination(world.gateways, draft(secret=None), if_match=None, now=NOW)
    assert stored(world).webhook == webhook
    with pytest.raises(Invalid):
        put_destination(world.gateways, replace(draft(), webhook_url=f"{URL}/other"), if_match=None, now=NOW)
    put_destination(world.gateways, replace(DRAFT, webhook_url=None), if_match=None, now=NOW)
    assert stored(world).webhook is None


def test_the_same_event_has_the_same_id_and_another_one_has_another() -> None:
    """Receivers detect repeats by the id."""
    same = notification(NotificationKind.DESTINATION_HEALED, "acme", LATER, "1")
    assert same.id == SENT.id
    assert notification(NotificationKind.DESTINATION_HEALED, "acme", NOW, "2").id != same.id
    assert notification(NotificationKind.DESTINATION_FAILING, "acme", NOW, "1").id != same.id
    assert body_of(same) != body_of(SENT)


def test_the_documented_check_accepts_only_valid_signatures() -> None:
    """The example of docs/monitoring.md, executed."""
    text = (Path(__file__).resolve().parents[3] / "docs" / "monitoring.md").read_text()
    code = text.partition("```python\n")[2].partition("```")[0]
    names: dict[str, object] = {}
    exec(code, names)  # noqa: S102  our own document
    is_ours = names["is_ours"]
    assert callable(is_ours)
    body, seconds = b'{"id":"1"}', 1_700_000_000

    assert is_ours(body, signature(body, SECRET, seconds), SECRET, seconds + 10)
    assert not is_ours(body + b" ", signature(body, SECRET, seconds), SECRET, seconds)
    assert not is_ours(body, signature(body, "another one", seconds), SECRET, seconds)
    assert not is_ours(body, signature(body, SECRET, seconds), SECRET, seconds + 3600)


@pytest.mark.parametrize(
    ("status", "error"),
    [(204, None), (301, "the server answered 301"), (None, "the webhook cannot be reached")],
)
def test_a_test_call_is_signed_and_made_once(status: int | None, error: str | None) -> None:
    """The result is told at once; nothing is queued, and nothing is published."""
    world = world_with_webhook()
    world.webhooks.status = status

    call = call_for_test(world.gateways, acme_of(world), now=NOW, new_id="i")

    assert (call.status, call.error) == (status, error)
    ((url, body, headers),) = world.webhooks.requests
    assert (url, json.loads(body)["type"], json.loads(body)["destination"]) == (URL, "test", "acme")
    assert headers["X-Export-Signature"] == signature(body, SECRET, int(NOW.timestamp()))
    assert calls(world) == published(world) == []


def test_a_test_call_needs_a_webhook_with_a_secret_that_can_be_read() -> None:
    """After the loss of the key, the destination has to be saved again."""
    with pytest.raises(NotPossible) as refused:
        call_for_test(World().gateways, acme(), now=NOW, new_id="i")
    assert refused.value.code == "no_webhook"

    world = World()
    call = call_for_test(world.gateways, acme(webhook=Webhook(URL, "lost")), now=NOW, new_id="i")
    assert "notify.secret" in (call.error or "")
    assert world.webhooks.requests == []


def acme_of(world: World) -> Destination:
    """Return the stored destination."""
    found = world.destinations.get("acme")
    assert found is not None
    return found.value
