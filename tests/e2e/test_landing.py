"""``GET /landing``, and a missing landing container."""

import pytest

from infra.local.sample import DataType, Sample
from tests.support.customer_files import contents
from tests.support.installation import LANDING, Installation, key_of, ok

SAMPLE = Sample(events_per_hour=20, merges_per_hour=4)
EVENTS = (DataType.EVENTS,)


def test_landed_streams_and_misfits_are_listed(installation: Installation) -> None:
    """Folders outside the layout are never owed and do not break the list of destinations."""
    (start,) = installation.newest_hours(1)
    installation.land(SAMPLE.hour(start))
    landing = installation.blobs.get_container_client(LANDING)
    odd = ["0001/01/01/00/a.json", "1970/01/01/00/a.json", "2199/01/01/00/a.json", "2020/2/3/4/a.json"]
    for name in odd:
        landing.upload_blob(f"events/{SAMPLE.project_id}/{name}", b"{}")
        landing.upload_blob(f"merged_ids/{SAMPLE.org_id}/{name}", b"{}")
    installation.container("acme")
    destination = installation.destination("acme", SAMPLE, start)
    installation.forget_schedule()

    with installation.app() as app:
        found = ok(app.api.get("/landing"))
        app.activate(destination)
        installation.activated_at("acme", start)
        app.tick()
        app.exported("acme", [start])
        (shown,) = ok(app.api.get("/destinations"))["destinations"]

    hour = key_of(start)
    assert found["streams"] == [
        {"data_type": "events", "source_id": SAMPLE.project_id, "first_hour": hour, "last_hour": hour},
        {"data_type": "merged_ids", "source_id": SAMPLE.org_id, "first_hour": hour, "last_hour": hour},
    ]
    folders = (f"events/{SAMPLE.project_id}", f"merged_ids/{SAMPLE.org_id}")
    misplaced = ("0001/", "1970/", "2020/2/", "2199/")
    assert [each["name"] for each in found["misfits"]] == [f"{a}/{b}" for a in folders for b in misplaced]
    assert not found["truncated"]
    assert set(shown["owed_hours"].values()) == {0}
    files = contents(installation.container("acme"))
    assert {name.partition("_20")[0] for name in files} == {str(SAMPLE.project_id), f"-{SAMPLE.org_id}"}
    assert sum(name.endswith("_complete") for name in files) == 2


@pytest.mark.slow
def test_a_new_installation_creates_landing_and_a_missing_container_is_not_empty(
    installation: Installation,
) -> None:
    """Exports stop, health and log name the setting; exports continue when landing is back."""
    first, second = installation.newest_hours(2)
    landing = installation.blobs.get_container_client(LANDING)
    landing.delete_container()
    with installation.app() as app:
        app.tick()
        app.until(landing.exists, "landing is there")
        assert "landing created" in app.log
        installation.land(SAMPLE.hour(first))
        app.activate(installation.destination("acme", SAMPLE, first, EVENTS))
        landing.delete_container()

        app.tick()
        app.until(lambda: "LANDING_CONTAINER: names the container" in app.log, "the log names the setting")
        health = app.api.get("/health")
        assert (health.status, [error["field"] for error in health.body["errors"]]) == (
            503,
            ["LANDING_CONTAINER"],
        )
        assert app.api.get("/landing").status == 503
        assert contents(installation.container("acme")) == {}
        assert app.destination("acme")["owed_hours"] == {"events": 2}

        landing.create_container()
        for start in (first, second):
            installation.land(SAMPLE.hour(start))
        app.tick()
        hours = app.exported("acme", [first, second])

    assert [hour["status"] for hour in hours] == ["exported", "exported"]
