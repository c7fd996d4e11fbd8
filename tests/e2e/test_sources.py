"""Sources, from the Export API to the customer's files: the real host, with a clock that the tests move."""

import gzip
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

import pytest

from infra.local.export_api import Member, Project, answers, export_api_running, members_of
from infra.local.export_api.archive import member_name
from tests.support.clocks import COMPILER
from tests.support.installation import Json, key_of, ok
from tests.support.live_source import (
    API_KEY,
    DESTINATION,
    SAMPLE,
    SECRET_KEY,
    SOURCE,
    LiveApp,
    LiveSource,
    live_source,
)
from tests.support.stored_content import disguises, stored

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(COMPILER is None, reason="no C compiler makes what sets clocks: install gcc"),
    pytest.mark.timeout(600),
]
OTHER = 77
OTHER_KEY = "other-api-key"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[LiveSource]:
    """Yield an installation, an Export API with two projects, and a clock."""
    projects = (Project(SAMPLE.project_id, API_KEY, SECRET_KEY), Project(OTHER, OTHER_KEY, SECRET_KEY))
    with live_source(tmp_path, *projects) as found:
        yield found


def row_of(place: LiveSource, number: int, uuid: int, **changes: object) -> bytes:
    """Return a row of an hour with a uuid of that number."""
    time = f"{place.hour(number):%Y-%m-%d %H}:10:00.000000"
    row = {
        "app": SAMPLE.project_id,
        "uuid": f"00000000-0000-4000-8000-{uuid:012d}",
        "event_type": "purchase",
        "event_time": time,
        "server_upload_time": time,
    }
    return json.dumps(row | changes).encode()


def uuids(rows: list[Json]) -> list[int]:
    """Return the numbers of the uuids of rows, sorted."""
    return sorted(int(row["uuid"][-12:]) for row in rows)


def ended(app: LiveApp, pull_id: str) -> Json:
    """Wait until a requested pull has ended, and return it."""

    def found() -> Json:
        pull = ok(app.api.get(f"/sources/{SOURCE}/pulls/{pull_id}"))
        return dict(pull) if pull["finished_at"] else {}

    return app.until(found, f"the end of the pull {pull_id}")


def lines(landed: dict[str, bytes]) -> list[Json]:
    """Return the rows of landed blobs."""
    return [json.loads(line) for body in landed.values() for line in gzip.decompress(body).splitlines()]


def test_a_day_reaches_the_customer_hour_by_hour_each_row_once(place: LiveSource) -> None:
    """Each hour is asked for once, alone, and not before it is due. All real-shaped rows are exported.

    No marker precedes the data: while an hour waits for its rows, no later hour is marked.
    """
    place.publish(*range(24))
    late = 22
    place.at(23)
    place.api.hide(place.hour(late), place.clock.now() + timedelta(minutes=5))
    with place.app() as app:
        app.create()
        app.export_from(0)
        app.until(lambda: app.statuses(0, 23).count("pulled") == 23, "all but one hour are pulled")
        app.export_tick()
        before = [place.exported(number).marker is not None for number in range(24)]
        source = app.source()
        place.pass_time(minutes=31)
        hours = app.pulled(0, 23)
        exported = app.export(0, 23)
        after = app.source()

    assert before == [True] * late + [False] * (24 - late)
    assert (source["pulled_until"], source["owed_hours"]) == (key_of(place.hour(late)), 1)
    assert (after["pulled_until"], after["owed_hours"]) == (key_of(place.hour(24)), 0)
    for number in range(24):
        found = place.exported(number)
        assert found.uuids == place.truth(number)
        assert found.marker is not None
        assert found.marker["rows"] == len(found.rows)
        assert {hour["rows"]["rejected"] for hour in exported} == {0}
        assert len(place.landed(number)) == 2
    assert {(hour["status"], hour["blobs"], hour["rows"]) for hour in hours} == {("pulled", 2, 30)}
    asked = place.api.requests()
    assert all(each.start == each.end for each in asked)
    assert sorted(each.hour for each in asked if each.hour) == sorted(
        [place.hour(number) for number in range(24)] + [place.hour(late)]
    )
    assert all(each.hour and each.at >= each.hour + timedelta(hours=3) for each in asked)
    assert place.stored_answers() == []


def test_rows_that_come_after_an_hour_and_a_half_are_waited_for(place: LiveSource) -> None:
    """No marker, and no empty hour, before they are there."""
    place.publish(0)
    place.at(0)
    place.api.hide(place.hour(0), place.hour(0) + timedelta(hours=4, minutes=30))
    seen = []
    with place.app() as app:
        app.create()
        app.export_from(0)
        for count in range(1, 4):
            assert app.asked(count)["status"] == "waiting"
            app.export_tick()
            seen.append(place.exported(0).marker)
            place.pass_time(minutes=30)
        app.pulled(0, 0)
        app.export(0, 0)

    assert seen == [None] * 3
    assert place.exported(0).uuids == place.truth(0)
    assert [each.status for each in place.requests(0)] == [404, 404, 404, 200]


def test_an_hour_without_rows_is_empty_in_the_end(place: LiveSource) -> None:
    """Four hours after it was due; its marker names no part."""
    place.at(0)
    seen = []
    with place.app() as app:
        app.create()
        app.export_from(0)
        for count in range(1, 9):
            assert app.asked(count)["status"] == "waiting"
            app.export_tick()
            seen.append(place.exported(0).marker)
            place.pass_time(minutes=30)
        hours = app.pulled(0, 0)
        app.export(0, 0)

    assert seen == [None] * 8
    assert [hour["status"] for hour in hours] == ["empty"]
    marker = place.exported(0).marker
    assert marker is not None
    assert (marker["rows"], marker["parts"]) == (0, [])
    assert {each.status for each in place.requests(0)} == {404}


def test_a_later_pull_adds_exactly_the_new_rows(place: LiveSource) -> None:
    """As a further part; a row that changed under its uuid is not landed again."""
    name = member_name(SAMPLE.project_id, place.hour(0), 70)
    old = [row_of(place, 0, uuid) for uuid in range(5)]
    place.api.publish(place.hour(0), [Member.of_rows(name, old)])
    place.at(0)
    with place.app() as app:
        app.create(repull_hours=[24])
        app.export_from(0)
        app.pulled(0, 0)
        app.export(0, 0)
        first = place.exported(0)
        changed = [row_of(place, 0, 0, city="changed"), *old[1:]]
        new = [row_of(place, 0, uuid) for uuid in (5, 6, 7)]
        place.api.publish(place.hour(0), [Member.of_rows(name, [new[0], *changed, *new[1:]])])
        place.pass_time(hours=24, minutes=5)
        app.until(lambda: app.hours(0, 0)[0]["pulls"] == 2, "the hour is pulled again")
        (hour,) = app.hours(0, 0)
        app.export_tick()
        again = place.exported(0)

    assert uuids(first.rows) == [0, 1, 2, 3, 4]
    assert (hour["rows"], hour["new_rows"], hour["blobs"]) == (8, 3, 2)
    (added,) = set(place.landed(0)) - {"amplitude-" + name.partition("/")[2].replace("#", "-")}
    assert added.startswith("amplitude-again-")
    assert first.files.items() <= again.files.items()
    assert uuids(again.rows) == list(range(8))
    assert [row["city"] for row in again.rows if row["uuid"].endswith("0000")] == [None]
    assert again.marker is not None
    assert again.marker["rows"] == 8


def test_a_lost_ledger_doubles_nothing(place: LiveSource) -> None:
    """All tables of the sources but the sources themselves: the folders of landing tell what is there."""
    place.publish(0, 1, 2)
    place.at(2)
    with place.app() as app:
        app.create()
        app.export_from(0)
        app.pulled(0, 2)
        app.export(0, 2)
        before = {number: (place.landed(number), place.exported(number)) for number in range(3)}
        place.forget_pulls()
        lost = app.statuses(0, 2)
        hours = app.pulled(0, 2)
        app.export_tick()
        after = {number: (place.landed(number), place.exported(number)) for number in range(3)}

    assert lost == ["owed"] * 3
    assert [hour["status"] for hour in hours] == ["pulled"] * 3
    assert after == before
    assert len(place.api.requests()) == 6


@pytest.mark.parametrize("bad", ["html", "truncated", "cut", "broken", "empty", "503"], ids=str)
def test_an_answer_that_is_no_zip_lands_nothing_and_is_asked_for_again(place: LiveSource, bad: str) -> None:
    """And the hour is whole in the end."""
    members = members_of(SAMPLE.hour(place.hour(0)))
    answer = {
        "html": answers.html_page(),
        "truncated": answers.truncated_zip(members),
        "cut": answers.rows(members).cut(2000),
        "broken": answers.broken_member(members, 1),
        "empty": answers.empty_zip(),
        "503": answers.unavailable(),
    }[bad]
    place.publish(0)
    place.api.script(place.hour(0), answer)
    place.at(0)
    with place.app() as app:
        app.create()
        hour = app.asked(1)
        landed = place.landed(0)
        source = app.source()
        place.pass_time(minutes=3)
        app.pulled(0, 0)

    assert (hour["status"], hour["rows"], landed) == ("owed", 0, {})
    assert all(hour["error"][part] for part in ("code", "message", "fix"))
    assert (source["status"], source["last_error"]) == ("active", hour["error"])
    assert sorted(row["uuid"].strip("{}").lower() for row in lines(place.landed(0))) == place.truth(0)
    assert place.stored_answers() == []


def test_a_source_whose_keys_are_refused_fails_alone_and_heals(place: LiveSource) -> None:
    """Its hours stay owed, the other source goes on, and nothing is asked in a tight loop."""
    place.publish(0)
    place.publish(0, project_id=OTHER, api_key=OTHER_KEY)
    place.api.always(None, answers.wrong_credentials())
    place.at(0)
    with place.app() as app:
        app.create()
        app.create(source_id="other", project_id=OTHER, api_key=OTHER_KEY)
        app.pulled(0, 0, "other")
        app.until(lambda: app.source()["status"] == "failing", "the source is failing")
        failing = app.source()
        for _ in range(3):
            app.pull_tick()
        asked = len(place.api.requests(API_KEY))
        place.api.always(None, None)
        place.pass_time(minutes=70)
        app.pulled(0, 0)
        healed = app.source()

    assert failing["last_error"]["code"] == "credentials"
    assert (failing["owed_hours"], asked) == (1, 1)
    assert (healed["status"], healed["last_error"]) == ("active", None)


def test_a_busy_api_is_asked_again_later_and_heals(place: LiveSource) -> None:
    """429 with Retry-After, three times 504, then 401, then rows; never before its time."""
    place.publish(0)
    refusals = [answers.too_many(600), *[answers.timed_out()] * 3, answers.no_credentials()]
    place.api.script(place.hour(0), *refusals)
    place.at(0)
    codes = []
    with place.app() as app:
        app.create()
        for count in range(1, len(refusals) + 1):
            codes.append(app.asked(count)["error"]["code"])
            app.pull_tick()
            if count == 1:
                place.pass_time(minutes=9)
                app.pull_tick()
            time.sleep(1)
            assert len(place.requests(0)) == count, "it is not asked before its time"
            place.pass_time(minutes=70)
        failing = app.source()
        app.pulled(0, 0)
        source = app.source()

    assert codes == ["rate_limited", *["export_api_unavailable"] * 3, "credentials"]
    assert failing["status"] == "failing"
    assert (source["status"], source["last_error"]) == ("active", None)


def test_an_hour_that_is_too_large_fails_and_blocks_no_other(place: LiveSource) -> None:
    """It stays open, without a marker, until a requested pull gets it."""
    place.publish(0, 1, 2)
    place.api.script(place.hour(1), answers.too_large())
    place.at(2)
    with place.app() as app:
        app.create()
        app.export_from(0)
        hours = app.pulled(0, 2)
        app.export_tick()
        source = app.source()
        held = app.running.destination(DESTINATION)["held_by"]
        marked = [place.exported(number).marker is not None for number in range(3)]
        key = key_of(place.hour(1))
        made = app.api.post("/sources/acme/pulls", {"start": key, "end": key})
        pull = ended(app, made.body["id"])
        app.until(lambda: not app.source()["failed_hours"], "no failed hour is left")
        app.export(0, 2)

    assert held == {"events": SOURCE}
    assert [hour["status"] for hour in hours] == ["pulled", "failed", "pulled"]
    assert (hours[1]["error"]["code"], bool(hours[1]["error"]["fix"])) == ("too_large", True)
    assert [failed["hour"] for failed in source["failed_hours"]] == [key]
    assert (source["status"], source["owed_hours"]) == ("active", 0)
    assert marked == [True, False, True]
    assert (pull["status"], pull["hours"]["done"], pull["new_rows"]) == ("succeeded", 1, 30)
    assert [place.exported(number).uuids for number in range(3)] == [place.truth(each) for each in range(3)]


def test_rows_land_in_the_hours_that_they_say(place: LiveSource) -> None:
    """Also those of the hour before; an unreadable row lands in the hour asked for, and is rejected there."""
    name = member_name(SAMPLE.project_id, place.hour(1), 3)
    rows = [row_of(place, 1, 1), b"no JSON", row_of(place, 0, 2), row_of(place, 1, 3, server_upload_time="?")]
    place.api.publish(place.hour(1), [Member.of_rows(name, rows), Member.of_bytes("readme.txt", b"Hello")])
    place.publish(0)
    place.at(1)
    with place.app() as app:
        app.create()
        app.export_from(0)
        hours = app.pulled(0, 1)
        exported = app.export(0, 1)

    assert uuids([row for row in lines(place.landed(0)) if row["uuid"].startswith("00000000-")]) == [2]
    (landed,) = place.landed(1).values()
    assert gzip.decompress(landed).splitlines() == [rows[0], rows[1], rows[3]]
    assert hours[1]["ignored"] == 1
    assert [hour["rows"]["rejected"] for hour in exported] == [0, 2]
    assert [hour["rows"]["exported"] for hour in exported] == [31, 1]


def test_rows_of_another_project_fail_the_hour_before_anything_lands(place: LiveSource) -> None:
    """The error names the project; with the right rows, a requested pull gets the hour."""
    first, second = (member_name(SAMPLE.project_id, place.hour(0), shard) for shard in (70, 627))
    good, foreign = row_of(place, 0, 1), row_of(place, 0, 2, app=OTHER)
    members = [Member.of_rows(first, [good]), Member.of_rows(second, [good, foreign])]
    place.api.publish(place.hour(0), members)
    place.at(0)
    with place.app() as app:
        app.create()
        (hour,) = app.pulled(0, 0)
        landed = place.all_landed()
        place.publish(0)
        app.api.post("/sources/acme/pulls", {"start": key_of(place.hour(0)), "end": key_of(place.hour(0))})
        app.until(lambda: app.statuses(0, 0) == ["pulled"], "the hour is pulled")

    assert (hour["status"], hour["error"]["code"]) == ("failed", "wrong_project")
    assert str(OTHER) in hour["error"]["message"]
    assert landed == set()
    assert len(lines(place.landed(0))) == 30


def test_files_of_a_whole_day_land_hour_by_hour_each_row_once(place: LiveSource) -> None:
    """As the original has them from before 2014-11-12: each hour of the day is answered with all of it."""
    day = datetime(2013, 5, 6, tzinfo=UTC)
    hours = [day + timedelta(hours=number) for number in range(24)]
    members = [
        Member(f"{SAMPLE.project_id}/{SAMPLE.project_id}_2013-05-06#{number}.json.gz", each.chunks)
        for number, each in enumerate(member for hour in hours for member in members_of(SAMPLE.hour(hour)))
    ]
    for hour in hours[:3]:
        place.api.publish(hour, members)
    with place.app() as app:
        app.create(start=13)
        made = app.api.post(f"/sources/{SOURCE}/pulls", {"start": "2013-05-06T00", "end": "2013-05-06T02"})
        pull = ended(app, made.body["id"])

    assert (pull["status"], pull["hours"]["done"], pull["hours"]["empty"]) == ("succeeded", 3, 0)
    for hour in hours:
        found = lines(place.landed((hour - place.day) // timedelta(hours=1)))
        truth = sorted(SAMPLE.hour(hour).truth().event_ids())
        assert sorted(row["uuid"].strip("{}").lower() for row in found) == truth


def test_a_long_range_is_pulled_behind_live_hours_and_can_be_cancelled(place: LiveSource) -> None:
    """A year: two requests at once at most, the last day first; paused, nothing is asked."""
    place.publish(*range(-30, 10))
    place.at(9)
    released, members = Event(), members_of(SAMPLE.hour(place.hour(-14)))
    place.api.script(place.hour(-14), answers.rows(members).held(0, released))
    with place.app() as app:
        app.create(-30)
        app.until(lambda: len(place.api.requests()) > 2, "another hour while one is held")
        released.set()
        body = {"start": key_of(place.hour(-365 * 24)), "end": key_of(place.hour(9))}
        made = app.api.post(f"/sources/{SOURCE}/pulls", body)
        app.until(lambda: len(place.api.requests()) >= 45, "more than the live hours")
        app.api.post(f"/sources/{SOURCE}/pause")
        paused = quiet(app)
        app.api.post(f"/sources/{SOURCE}/resume")
        app.until(lambda: len(place.api.requests()) >= paused + 5, "more requests")
        cancelled = ok(app.api.post(f"/sources/{SOURCE}/pulls/{made.body['id']}/cancel"))
        app.pulled(-30, 9)
        stopped = quiet(app)

    assert made.body["hours"]["total"] == 365 * 24 + 10
    assert cancelled["status"] == "cancelled"
    asked = [each.hour for each in place.api.requests()]
    live = {place.hour(number) for number in range(9 - 23, 10)}
    assert set(asked[:24]) == live
    assert max(each.at_once for each in place.api.requests()) == 2
    assert len(place.api.requests()) == stopped


def quiet(app: LiveApp) -> int:
    """Run the timer of the sources a few times, and return the number of requests, which must not grow."""
    time.sleep(1)
    before = len(app.place.api.requests())
    for _ in range(3):
        app.pull_tick()
        time.sleep(0.5)
    assert len(app.place.api.requests()) <= before + 2
    return len(app.place.api.requests())


def test_a_redirect_to_another_host_is_refused_and_gets_no_keys(place: LiveSource) -> None:
    """To an allowed one it is followed, without the keys."""
    place.publish(0)
    place.at(0)
    moved = Project(SAMPLE.project_id, API_KEY, SECRET_KEY)
    with export_api_running(moved) as allowed, export_api_running(moved) as foreign:
        hosts = ",".join(each.url.removeprefix("http://") for each in (place.api, allowed))
        key = f"{place.hour(0):%Y%m%dT%H}"
        place.api.script(
            place.hour(0),
            answers.redirect(f"{foreign.url}/api/2/export?start={key}&end={key}"),
            answers.redirect(f"{allowed.url}/api/2/export?start={key}&end={key}", 307),
        )
        with place.app(PULL_HOSTS=hosts) as app:
            app.create()
            app.until(lambda: app.source()["last_error"], "the refusal")
            refused = app.source()
            place.pass_time(minutes=70)
            app.asked(2)
            app.running.until(allowed.requests, "the redirect is followed")

        assert (refused["status"], refused["last_error"]["code"]) == ("failing", "redirect_refused")
        assert foreign.requests() == []
        assert [each.authorized for each in allowed.requests()] == [False]


def test_the_secret_key_is_shown_and_stored_nowhere(place: LiveSource, tmp_path: Path) -> None:
    """In no answer, log line, row, blob or message, whatever happens to the source."""
    place.publish(0)
    place.api.script(place.hour(0), answers.no_credentials(), answers.html_page(), answers.timed_out())
    place.at(0)
    seen: list[object] = []
    with place.app() as app:
        seen.append(app.create())
        for count in range(1, 4):
            app.asked(count)
            seen += [app.source(), app.api.post(f"/sources/{SOURCE}/test"), app.hours(0, 0)]
            place.pass_time(minutes=70)
        app.pulled(0, 0)
        body = {"api_key": SECRET_KEY[:-1], "colour": SECRET_KEY, "secret_key": [SECRET_KEY]}
        seen += [
            app.api.put(f"/sources/{SOURCE}", body),
            app.api.put("/sources/another", {"start": SECRET_KEY, SECRET_KEY: 1}),
            app.api.get("/sources"),
            app.source(),
        ]

    places = [(f"answer {number}", repr(each).encode()) for number, each in enumerate(seen)]
    places += [(path.name, path.read_bytes()) for path in tmp_path.glob("*.log")]
    places += list(stored(place.installation))
    shown = {where for where, content in places if any(form in content for form in disguises(SECRET_KEY))}
    assert shown == set()
    found = {where for where, content in places if API_KEY.encode() in content}
    assert found >= {"answer 0", "table pullsources, document"}
