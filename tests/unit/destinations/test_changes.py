"""What the log says of a change of a destination."""

from dataclasses import fields, replace
from unittest.mock import ANY

from exporter.destinations.changes import changed_fields
from exporter.domain.destination import Credentials, CredentialsType, Destination, Output, StorageTarget
from exporter.domain.filter_parser import stored_filter
from exporter.domain.notifications import Webhook
from tests.support.worlds import acme

FILTER = stored_filter('{"all":[{"property":"event_type","operator":"is","values":["purchase"]}]}')
BEFORE = acme(
    credentials=Credentials(CredentialsType.SERVICE_PRINCIPAL, "v1.key.sealed", "tenant", "client"),
    storage=StorageTarget("raw", "https://acme.blob.core.windows.net"),
)
# What a caller cannot change, or what is shown elsewhere.
NOT_SHOWN = {"id", "created_at", "activated_at", "events_since", "earlier"}


def test_each_field_that_differs_has_its_old_and_its_new_value() -> None:
    """Under its name in the API; None is a field that is not there."""
    after = replace(BEFORE, project_id=None, storage=replace(BEFORE.storage, container="cold"))

    assert changed_fields(BEFORE, after) == {
        "events.project_id": [BEFORE.project_id, None],
        "storage.container": ["raw", "cold"],
    }
    assert changed_fields(BEFORE, BEFORE) == {}


def test_a_new_destination_has_every_field_that_is_there() -> None:
    """And no old value."""
    found = changed_fields(None, BEFORE)

    assert found["storage.container"] == [None, "raw"]
    assert found["credentials.client_secret"] == [None, "stored"]
    assert "events.filter" not in found
    assert {old for old, _ in found.values()} == {None}


def test_a_free_text_is_shown_by_its_digest() -> None:
    """A secret may have been pasted into it by mistake."""
    storage = replace(BEFORE.storage, prefix="hunter2")

    found = changed_fields(BEFORE, replace(BEFORE, name="hunter2", storage=storage))

    digest = "sha256:f52fbd32b2b3"
    assert found == {"name": [ANY, digest], "storage.prefix": ["", digest]}


def test_no_secret_is_shown() -> None:
    """Neither encrypted, nor in the path of a webhook, nor in a filter."""
    hooked = replace(
        BEFORE,
        credentials=replace(BEFORE.credentials, sealed="v1.key.other"),
        webhook=Webhook("https://hooks.example.com/services/token", "v1.key.hook"),
        event_filter=stored_filter(FILTER.text.replace("purchase", "hunter2")),
    )

    found = changed_fields(BEFORE, hooked)

    assert found["credentials.client_secret"] == found["notify.secret"] == [None, "stored"]
    assert found["notify.url"] == [None, "https://hooks.example.com/…"]
    assert str(found["events.filter"][1]).startswith("sha256:")
    assert "hunter2" not in str(found)
    assert "v1.key" not in str(found)
    assert "token" not in str(found)


def test_every_field_of_a_destination_is_compared() -> None:
    """One that is added later, too."""
    full = replace(BEFORE, event_filter=FILTER, webhook=Webhook("https://h.example.com/", "x"), org_id=5)
    shown = {name.partition(".")[0] for name in changed_fields(None, full)}
    named = {"events": {"project_id", "event_filter"}, "merged_ids": {"org_id"}, "notify": {"webhook"}}
    covered = {field for name in shown for field in named.get(name, {name})}

    assert {each.name for each in fields(Destination)} - NOT_SHOWN == covered
    output = {
        name.removeprefix("output.") for name in changed_fields(None, full) if name.startswith("output.")
    }
    assert output == {each.name for each in fields(Output)}
