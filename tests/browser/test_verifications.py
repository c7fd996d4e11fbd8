"""Verifications in the background on their page. They go over hundreds of hours of a real container: slow."""

import json

import pytest
from playwright.sync_api import expect

from exporter.verify.range import AT_ONCE_MAX
from infra.local.sample import DataType, Sample
from tests.browser.accessibility import check_accessibility
from tests.browser.conftest import Furnished
from tests.browser.tab import Tab
from tests.support.installation import key_of, ok

pytestmark = pytest.mark.slow

NAME = "verified"
SAMPLE = Sample(project_id=21, events_per_hour=10, merges_per_hour=0, blobs_per_hour=1)
HOURS = AT_ONCE_MAX + 100
MILLISECONDS_MAX = 60_000
HEADER = "idempotency-key"


@pytest.fixture(scope="module")
def range_of_hours(furnished: Furnished) -> tuple[str, str]:
    """Export the end of a range that is too long to be verified at once; delete the file of its last hour."""
    installation, app = furnished.installation, furnished.app
    starts = installation.newest_hours(HOURS)
    for start in starts[-2:]:
        installation.land(SAMPLE.hour(start))
    app.activate(installation.destination(NAME, SAMPLE, starts[-2], (DataType.EVENTS,)))
    app.tick()
    app.exported(NAME, starts[-2:])
    name = f"{SAMPLE.project_id}_{starts[-1]:%Y-%m-%d}_{starts[-1].hour}#1.json.gz"
    installation.container(NAME).delete_blob(name)
    # From now on the hours before are owed, too; no tick asks for them.
    installation.destination(NAME, SAMPLE, starts[0], (DataType.EVENTS,))
    return key_of(starts[0]), key_of(starts[-1])


def choose(tab: Tab, hours: tuple[str, str]) -> None:
    """Show the page of verifications and fill in a range."""
    tab.open(f"#/destinations/{NAME}/verifications")
    for label, hour in zip(("From", "To, included"), hours, strict=True):
        tab.page.get_by_label(label, exact=True).fill(hour[:10])
        tab.page.get_by_label(f"{label}: hour, UTC").select_option(hour[11:])


def test_a_long_verification_is_listed_and_shows_what_is_wrong(
    tab: Tab, furnished: Furnished, range_of_hours: tuple[str, str]
) -> None:
    """With the counts of the API; its wrong hours are loaded when they are asked for."""
    choose(tab, range_of_hours)
    page = tab.page
    page.get_by_role("button", name="Verify", exact=True).click()

    line = page.get_by_role("listitem").filter(has_text="checked")
    expect(line.get_by_text("succeeded", exact=True)).to_be_visible(timeout=MILLISECONDS_MAX)
    (found,) = ok(furnished.app.api.get(f"/destinations/{NAME}/verifications"))["verifications"]
    assert (found["from"], found["to"], found["checked"]) == (*range_of_hours, HOURS)
    # All but one: the others are owed, and one lacks its file.
    assert found["wrong"] == HOURS - 1
    expect(line.get_by_text(f"{HOURS} hours checked, {HOURS - 1} wrong")).to_be_visible()
    expect(page.get_by_text("part_missing")).to_have_count(0)
    check_accessibility(page)

    line.get_by_role("button", name="Show what is wrong").click()

    expect(line.get_by_text(f"The container differs in {HOURS - 1} hours")).to_be_visible()
    expect(line.get_by_text("part_missing")).to_be_visible()
    check_accessibility(page)


def test_a_request_whose_answer_was_lost_begins_one_verification(
    tab: Tab, furnished: Furnished, range_of_hours: tuple[str, str]
) -> None:
    """The browser is offline at the first try. The second try is the same request; the third is a new one."""
    api, path = furnished.app.api, f"/destinations/{NAME}/verifications"
    before = len(ok(api.get(path))["verifications"])
    choose(tab, range_of_hours)
    verify = tab.page.get_by_role("button", name="Verify", exact=True)
    answered = tab.page.get_by_role("listitem").filter(has_text="asked for")

    tab.page.context.set_offline(True)
    verify.click()
    expect(tab.page.locator("form .error")).to_be_visible()
    tab.page.context.set_offline(False)
    verify.click()
    expect(answered).to_have_count(before + 1)
    verify.click()
    expect(answered).to_have_count(before + 2)

    keys = [each.headers[HEADER] for each in tab.requests if each.method == "POST"]
    assert len(keys) == 3
    assert keys[0] == keys[1] != keys[2]
    # As after an answer that is lost on its way: the request arrives again.
    begun = ok(api.get(path))["verifications"]
    body = {"from": range_of_hours[0], "to": range_of_hours[1], "repair": False}
    again = api.call(
        "POST", f"/api/destinations/{NAME}/verify", json.dumps(body).encode(), **{HEADER: keys[2]}
    )
    assert (again.status, again.body["id"]) == (202, begun[0]["id"])
    assert len(ok(api.get(path))["verifications"]) == before + 2
