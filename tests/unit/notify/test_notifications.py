"""Notifications, and retries of webhook calls."""

import base64
import hashlib
import hmac
import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import standardwebhooks

from exporter.destinations.edit import Draft, put_destination
from exporter.domain.destination import Destination, Status
from exporter.domain.errors import Conflict, Fault, Invalid, NotPossible, Transient
from exporter.domain.hour_task import HourTask
from exporter.domain.notifications import (
    OLD_SECRET_FOR,
    Notification,
    NotificationKind,
    Webhook,
    call_headers,
    notification,
    secret_objection,
    signature,
    standard_signature,
)
from exporter.export.attempt import Outcome
from exporter.notify.notifications import (
    SECRET_FIELD,
    WAITS,
    body_of,
    call_for_test,
    call_webhook,
    healed,
)
from tests.support.destinations import DRAFT
from tests.support.fakes.world import World
from tests.support.worlds import EVENTS, HOUR, NOW, a_world, acme, an_event, attempt

URL = "https://hooks.example.com/exports"
SECRET = "sixteen letters, at least"  # noqa: S105  of a test
STANDARD = "whsec_" + base64.b64encode(b"a key of twenty-four byte").decode()
FAULT = Fault("container_not_found", "It is gone.", "Make it again.")
LATER = NOW + timedelta(hours=1)


def world_with_webhook(secret: str = SECRET, **changes: object) -> World:
    """Make a world whose destination has a webhook."""
    world = World()
    sealed = world.cipher.seal(secret, destination_id="acme", field=SECRET_FIELD)
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


@pytest.mark.parametrize(("secret", "known"), [(STANDARD, STANDARD), (SECRET, SECRET.encode())])
def test_a_call_is_accepted_by_the_library_of_the_standard(secret: str, known: str | bytes) -> None:
    """A secret of the standard's form is its key in base64; another one is the key itself."""
    world = world_with_webhook(secret)
    now = datetime.now(UTC)  # noqa: TID251  the library compares with the clock

    assert call_webhook(SENT, 0, world.gateways, now)
    assert call_webhook(SENT, 3, world.gateways, now)

    (_, body, headers), (_, _, again) = world.webhooks.requests
    found = standardwebhooks.Webhook(known).verify(body, dict(headers))
    assert found["id"] == headers["webhook-id"] == again["webhook-id"] == SENT.id
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook(known).verify(body + b" ", dict(headers))
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook(b"another one").verify(body, dict(headers))


def test_a_call_is_signed_with_both_secrets_while_one_replaces_the_other() -> None:
    """For a day, so that the receiver changes it without losing a call."""
    world, now = World(), datetime.now(UTC)  # noqa: TID251  the library compares with the clock
    put_destination(world.gateways, draft(webhook_secret=STANDARD), if_match=None, now=now)
    put_destination(world.gateways, draft(webhook_secret=SECRET), if_match=None, now=now)
    # Sent again, it is no other one.
    put_destination(world.gateways, draft(webhook_secret=SECRET), if_match=None, now=now)

    for then in (now, now + OLD_SECRET_FOR):
        assert call_webhook(SENT, 0, world.gateways, then)

    (_, body, both), (_, _, one) = world.webhooks.requests
    for known in (STANDARD, SECRET.encode()):
        standardwebhooks.Webhook(known).verify(body, dict(both))
    newest = standard_signature(SENT.id, body, SECRET, int((now + OLD_SECRET_FOR).timestamp()))
    assert one["webhook-signature"] == newest
    assert both["X-Export-Signature"] == signature(body, SECRET, int(now.timestamp()))


def test_an_old_secret_whose_key_is_gone_signs_no_more() -> None:
    """The encryption key may be replaced within the day, too."""
    world = world_with_webhook()
    found = world.destinations.get("acme")
    assert found is not None
    assert found.value.webhook is not None
    hooked = replace(found.value.webhook, old_sealed="sealed-by-another-key", old_until=LATER)
    world.destinations.put(replace(found.value, webhook=hooked), found.etag)

    assert call_webhook(SENT, 0, world.gateways, NOW)

    ((_, body, headers),) = world.webhooks.requests
    assert headers["webhook-signature"] == standard_signature(SENT.id, body, SECRET, int(NOW.timestamp()))


def test_gone_ends_the_webhook_until_the_destination_is_put_again() -> None:
    """The answer 410: neither this notification nor later ones are sent there."""
    world = World()
    put_destination(world.gateways, draft(webhook_secret=SECRET), if_match=None, now=NOW)
    world.webhooks.status = 410

    assert call_webhook(SENT, 0, world.gateways, NOW)
    assert call_webhook(SENT, 0, world.gateways, NOW)
    healed(world.gateways, stored(world), NOW)

    ended = stored(world).webhook
    assert ended is not None
    assert (ended.ended_at, len(world.webhooks.requests)) == (NOW, 1)
    assert (world.webhook_calls.messages, world.webhook_calls.delayed) == ([], [])
    assert len(published(world)) == 1

    put_destination(world.gateways, draft(), if_match=None, now=NOW)
    assert stored(world).webhook == replace(ended, ended_at=None)
    healed(world.gateways, stored(world), NOW)
    assert len(calls(world)) == 1


def test_gone_does_not_undo_a_change_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next call finds out again."""
    world = world_with_webhook()
    world.webhooks.status = 410

    def changed(*_: object) -> str:
        raise Conflict("the row has changed")

    monkeypatch.setattr(world.destinations, "put", changed)
    assert call_webhook(SENT, 0, world.gateways, NOW)


@pytest.mark.parametrize(
    ("asked", "wait"),
    [
        ("", WAITS[0]),
        ("30", WAITS[0]),
        ("600", timedelta(minutes=10)),
        ("Sat, 31 Jan 2026 14:15:00 GMT", timedelta(hours=1)),
        ("Sat, 31 Jan 2026 14:15:00 -0000", timedelta(hours=1)),
        ("Fri, 30 Jan 2026 14:15:00 GMT", WAITS[0]),
        ("9" * 5000, timedelta(days=1)),
        ("Sat, 31 Jan 2099 14:15:00 GMT", timedelta(days=1)),
        ("-5", WAITS[0]),
        ("soon", WAITS[0]),
        ("Sat, 99 Jan 2026 99:99:99 GMT", WAITS[0]),
    ],
)
def test_a_receiver_that_asks_for_a_longer_wait_gets_it(asked: str, wait: timedelta) -> None:
    """In seconds or as a date; a day at most, and never less than without it."""
    world = world_with_webhook()
    world.webhooks.status, world.webhooks.retry_after = 429, asked

    assert not call_webhook(SENT, 0, world.gateways, NOW)

    assert [delay for _, delay in world.webhook_calls.delayed] == [wait]


@pytest.mark.parametrize(
    ("secret", "right"),
    [
        (STANDARD, True),
        ("whsec_" + base64.b64encode(b"k" * 64).decode(), True),
        ("whsec_" + base64.b64encode(b"k" * 23).decode(), False),
        ("whsec_" + base64.b64encode(b"k" * 65).decode(), False),
        ("whsec_not base64 at all", False),
        (SECRET, True),
    ],
)
def test_a_secret_of_the_standard_has_a_key_of_its_length(secret: str, right: bool) -> None:  # noqa: FBT001
    """24 to 64 bytes in base64."""
    assert (secret_objection(secret) is None) == right


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
    names: dict[str, object] = {}
    for code in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        exec(code, names)  # noqa: S102  our own document
    read = names["notification"]
    assert callable(read)
    for known in (STANDARD, SECRET):
        now = datetime.now(UTC)  # noqa: TID251  the library compares with the clock
        headers = call_headers(SENT, body_of(SENT), [known], now)
        assert read(body_of(SENT), headers, known)["id"] == SENT.id
        with pytest.raises(standardwebhooks.WebhookVerificationError):
            read(body_of(SENT), headers, "another secret, of enough letters")
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
