import base64
import gzip
import http.client
import io
import json
import threading
import time
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from infra.local.export_api import (
    ExportApi,
    Member,
    Project,
    answers,
    export_api_running,
    members_of,
    zipped,
)
from infra.local.export_api.answers import Answer
from infra.local.sample import Sample

START = datetime(2026, 1, 31, 5, tzinfo=UTC)
NEXT = START + timedelta(hours=1)
SAMPLE = Sample(events_per_hour=40, blobs_per_hour=2, real_shaped=True)
KEY, SECRET = "0123456789abcdef", "a:secret"


@dataclass(frozen=True, slots=True)
class Seen:
    """An answer as a client sees it."""

    status: int
    headers: dict[str, str]
    body: bytes


@pytest.fixture
def api() -> Iterator[ExportApi]:
    """Run the Export API with one project."""
    with export_api_running(Project(SAMPLE.project_id, KEY, SECRET)) as running:
        yield running


def get(api: ExportApi, target: str, authorization: str | None) -> Seen:
    """Send a GET. Redirects are not followed."""
    headers = {} if authorization is None else {"Authorization": authorization}
    with closing(http.client.HTTPConnection("127.0.0.1", api.server_port, timeout=10)) as connection:
        connection.request("GET", target, headers=headers)
        found = connection.getresponse()
        return Seen(found.status, dict(found.headers), found.read())


def basic(api_key: str, secret_key: str) -> str:
    """Return the header of Basic authentication."""
    return f"Basic {base64.b64encode(f'{api_key}:{secret_key}'.encode()).decode()}"


def ask(api: ExportApi, start: str, end: str, authorization: str | None = basic(KEY, SECRET)) -> Seen:
    """Ask for a window of hours."""
    return get(api, f"/api/2/export?start={start}&end={end}", authorization)


def ask_hour(api: ExportApi, hour: datetime = START) -> Seen:
    """Ask for one hour."""
    text = f"{hour:%Y%m%dT%H}"
    return ask(api, text, text)


def unzipped(body: bytes) -> dict[str, list[bytes]]:
    """Return the lines of each member of a zip."""
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        assert archive.testzip() is None
        return {name: gzip.decompress(archive.read(name)).splitlines() for name in archive.namelist()}


def test_an_hour_is_a_zip_of_gzip_members_with_all_of_its_rows(api: ExportApi) -> None:
    """Shard numbers have gaps; rows have the 55 keys of real rows."""
    api.publish(START, members_of(SAMPLE.hour(START), (627, 70)))

    seen = ask_hour(api)

    found = unzipped(seen.body)
    project = SAMPLE.project_id
    assert seen.status == 200
    assert list(found) == [f"{project}/{project}_2026-01-31_5#{shard}.json.gz" for shard in (627, 70)]
    rows = [json.loads(line) for lines in found.values() for line in lines]
    uuids = {row["uuid"].strip("{}").lower() for row in rows}
    assert uuids == set(SAMPLE.hour(START).truth().event_ids())
    assert all(len(row) == 55 for row in rows)
    assert any(isinstance(row["amplitude_attribution_ids"], list) for row in rows)


def test_a_window_has_both_of_its_ends(api: ExportApi) -> None:
    """And no hour outside of it."""
    for hour in (START, NEXT, NEXT + timedelta(hours=1)):
        api.publish(hour, [Member.of_rows(f"{hour:%H}.json.gz", [b"{}"])])

    assert list(unzipped(ask(api, "20260131T05", "20260131T06").body)) == ["05.json.gz", "06.json.gz"]
    assert ask(api, "20260131T01", "20260131T04").status == 404


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("20260131T5", "20260131T05"),
        ("2026-01-31", "20260131T05"),
        ("20260131T06", "20260131T05"),
        ("20250131T05", "20260131T05"),
    ],
)
def test_a_wrong_window_is_answered_400(api: ExportApi, start: str, end: str) -> None:
    """A wrong form, the end before the start, more than 365 days."""
    assert ask(api, start, end).status == 400


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        (None, 401),
        (basic(KEY, "wrong"), 403),
        (basic("wrong", SECRET), 403),
        ("Basic ???", 403),
        (f"Bearer {KEY}", 403),
    ],
)
def test_keys_are_checked(api: ExportApi, authorization: str | None, status: int) -> None:
    """Before anything else: an hour with rows is not shown."""
    api.publish(START, [Member.of_rows("a.json.gz", [b"{}"])])

    seen = ask(api, "20260131T05", "20260131T05", authorization)

    assert seen.status == status
    assert status == 401 or b"Invalid API Key" in seen.body


def test_requests_are_logged(api: ExportApi) -> None:
    """With window, key and answer."""
    api.publish(START, [Member.of_rows("a.json.gz", [b"{}"])])
    size = len(ask_hour(api).body)
    ask(api, "20260131T06", "20260131T07", None)

    first, second = api.requests()

    assert (first.hour, first.end, first.api_key, first.authorized) == (START, "20260131T05", KEY, True)
    assert (first.status, first.sent_bytes, first.whole, first.at_once) == (200, size, True, 1)
    assert (second.hour, second.api_key, second.authorized, second.status) == (NEXT, "", False, 401)
    assert api.requests(KEY) == [first]


def test_a_script_comes_first_and_ends(api: ExportApi) -> None:
    """One answer a request, then what is published; of other hours nothing changes."""
    api.publish(START, [Member.of_rows("a.json.gz", [b"{}"])])
    api.publish(NEXT, [Member.of_rows("b.json.gz", [b"{}"])])
    api.script(
        START,
        answers.not_found(),
        answers.too_many(7),
        *[answers.timed_out()] * 3,
        answers.unavailable(502),
        answers.too_large(),
        answers.no_credentials(),
        answers.wrong_credentials(),
        answers.redirect("http://localhost:1/"),
    )

    seen = [ask_hour(api) for _ in range(11)]

    assert [each.status for each in seen] == [404, 429, 504, 504, 504, 502, 400, 401, 403, 302, 200]
    assert seen[0].body == b"Raw data files were not found."
    assert (seen[1].headers["Retry-After"], seen[9].headers["Location"]) == ("7", "http://localhost:1/")
    assert ask_hour(api, NEXT).status == 200


def test_an_hour_that_is_not_loaded_yet_is_not_found() -> None:
    """Until its moment; then it has its rows."""
    moments = [NEXT]
    with export_api_running(Project(1, KEY, SECRET), clock=lambda: moments[-1]) as api:
        api.publish(START, [Member.of_rows("a.json.gz", [b"{}"])])
        api.hide(START, NEXT + timedelta(minutes=90))

        before = ask_hour(api).status
        moments.append(NEXT + timedelta(minutes=90))

        assert (before, ask_hour(api).status) == (404, 200)


def test_an_answer_for_always_holds_until_it_is_taken_back(api: ExportApi) -> None:
    """For one hour, or for all."""
    api.always(None, answers.unavailable())
    api.always(START, answers.too_many())

    assert [ask_hour(api).status, ask_hour(api).status, ask_hour(api, NEXT).status] == [429, 429, 503]
    api.always(None, None)
    api.always(START, None)
    assert [ask_hour(api).status, ask_hour(api, NEXT).status] == [404, 404]


@pytest.mark.parametrize(
    ("broken", "begins", "whole_zip"),
    [
        (answers.html_page(), b"<html>", False),
        (answers.truncated_zip([Member.of_rows("a.json.gz", [b"{}"])]), b"PK\3\4", False),
        (answers.broken_member([Member.of_rows("a.json.gz", [b'{"a": 1}'] * 9)]), b"PK\3\4", True),
        (answers.empty_zip(), b"PK\5\6", True),
    ],
    ids=["html", "truncated", "broken", "empty"],
)
def test_bodies_that_are_no_zip_or_a_broken_one(
    api: ExportApi, broken: Answer, begins: bytes, *, whole_zip: bool
) -> None:
    """All with status 200, in answers that end as they should."""
    api.script(START, broken)

    seen = ask_hour(api)

    assert (seen.status, seen.body.startswith(begins)) == (200, True)
    assert zipfile.is_zipfile(io.BytesIO(seen.body)) is whole_zip
    if begins == b"PK\3\4" and whole_zip:
        with zipfile.ZipFile(io.BytesIO(seen.body)) as archive:
            content = archive.read("a.json.gz")
        with pytest.raises((OSError, EOFError, zlib.error)):
            gzip.decompress(content)


def test_a_connection_can_be_cut(api: ExportApi) -> None:
    """After some bytes of the body; the client sees that the end is missing."""
    api.script(START, answers.rows([Member.of_rows("a.json.gz", [b"{}"])]).cut(20))

    with pytest.raises(http.client.IncompleteRead) as caught:
        ask_hour(api)

    assert len(caught.value.partial) == 20
    asked = api.requests()[0]
    assert (asked.sent_bytes, asked.whole) == (20, False)


def test_an_answer_can_be_held(api: ExportApi) -> None:
    """Requests at the same time are counted; the sixth is refused."""
    released = threading.Event()
    api.always(START, answers.rows([Member.of_rows("a.json.gz", [b"{}"])]).held(10, released))
    clients = [threading.Thread(target=ask_hour, args=(api,)) for _ in range(5)]
    for client in clients:
        client.start()
    while len(api.requests()) < 5:
        time.sleep(0.01)

    refused = ask_hour(api, NEXT).status
    released.set()
    for client in clients:
        client.join()

    assert refused == 429
    assert sorted(each.at_once for each in api.requests()) == [1, 2, 3, 4, 5, 6]
    assert [each.whole for each in api.requests()] == [True] * 6


def test_a_zip_of_any_size_is_made_while_it_is_sent() -> None:
    """The first bytes come before the last member is asked for its content."""
    asked = []

    def chunks(number: int) -> Iterator[bytes]:
        asked.append(number)
        for _ in range(8):
            yield bytes(64 * 2**10)

    members = [Member(f"{number}.json.gz", lambda number=number: chunks(number)) for number in range(3)]  # type: ignore[misc]  # mypy infers no lambda with a default
    found = zipped(members, compressed=False)

    head = next(found)

    assert (head[:4], asked) == (b"PK\3\4", [0])
    assert zipfile.is_zipfile(io.BytesIO(head + b"".join(found)))
