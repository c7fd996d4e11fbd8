"""The puller's tables, its container of answers, and its side of landing."""

import hashlib
import io
import zipfile
from dataclasses import replace
from datetime import timedelta

import pytest

from exporter.domain.claims import Claim
from exporter.domain.errors import Conflict, LandingMissing, Transient
from exporter.domain.pulls import (
    HEALTHY,
    FolderTurn,
    PulledHour,
    PullProgress,
    PullSlots,
    PullTask,
    RunStatus,
    SourceHealth,
)
from exporter.domain.source import SourceStatus
from exporter.pipeline.zip_members import ZipMembers
from exporter.ports import LandingWriter
from tests.contract.backends import HOUR, NOW, STREAM, AzuriteBackend, Backend
from tests.contract.samples import NO_ZIP, PULL_RUN, PULLED_HOUR, SOURCE
from tests.support.fakes.blobs import md5_base64


def test_every_field_of_a_source_comes_back(backend: Backend) -> None:
    """It is changed over its ETag alone, and what is stored beside it is no source."""
    pulls = backend.gateways.pulls
    assert pulls.sources.get("acme") is None
    assert pulls.sources.all() == []
    etag = pulls.sources.put(SOURCE, None)
    pulls.progress.put("acme", PullProgress("acme", HOUR, HOUR.plus(2), (HOUR,)))
    pulls.sources.put(replace(SOURCE, id="b"), None)

    assert [found.value for found in pulls.sources.all()] == [SOURCE, replace(SOURCE, id="b")]
    with pytest.raises(Conflict):
        pulls.sources.put(replace(SOURCE, api_key="other"), None)
    pulls.sources.put(replace(SOURCE, status=SourceStatus.ACTIVE), etag)
    found = pulls.sources.get("acme")
    assert found is not None
    assert found.value == replace(SOURCE, status=SourceStatus.ACTIVE)
    assert pulls.progress.get("acme") == PullProgress("acme", HOUR, HOUR.plus(2), (HOUR,))


def test_every_field_of_an_hour_comes_back(backend: Backend) -> None:
    """The hours of a source are found by their range, oldest first."""
    hours = backend.gateways.pulls.hours
    assert hours.get("acme", HOUR) is None
    assert hours.between("acme", HOUR, HOUR) == []
    etag = hours.put(PULLED_HOUR, None)
    hours.put(replace(PULLED_HOUR, hour=HOUR.plus(2)), None)
    hours.put(replace(PULLED_HOUR, source_id="b", hour=HOUR.plus(1)), None)

    assert hours.between("acme", HOUR, HOUR.plus(1)) == [PULLED_HOUR]
    assert hours.between("acme", HOUR, HOUR.plus(2)) == [PULLED_HOUR, replace(PULLED_HOUR, hour=HOUR.plus(2))]
    hours.put(PulledHour("acme", HOUR), etag)
    with pytest.raises(Conflict):
        hours.put(PULLED_HOUR, etag)


def test_the_hours_that_are_due_are_found_by_their_time(backend: Backend) -> None:
    """One without a time is never due; times of all forms are compared as times."""
    hours, second = backend.gateways.pulls.hours, timedelta(seconds=1)
    assert hours.due("acme", NOW) == []
    times = [NOW, None, NOW + second, NOW - second / 2, NOW.replace(microsecond=1), NOW - second]
    for number, time in enumerate(times):
        hours.put(PulledHour("acme", HOUR.plus(number), next_pull_at=time), None)
    hours.put(PulledHour("b", HOUR, next_pull_at=NOW), None)
    backend.gateways.pulls.turns.put(FolderTurn(1, HOUR, "x"), None)

    assert [record.hour for record in hours.due("acme", NOW)] == [HOUR, HOUR.plus(3), HOUR.plus(5)]


def test_the_turn_in_a_folder_belongs_to_one_answer(backend: Backend) -> None:
    """Until it is discarded with its own ETag; no other turn is discarded by mistake."""
    turns = backend.gateways.pulls.turns
    mine, other = FolderTurn(1, HOUR, "acme/a.zip"), FolderTurn(1, HOUR, "acme/b.zip")
    assert turns.get(1, HOUR) is None
    etag = turns.put(mine, None)
    with pytest.raises(Conflict):
        turns.put(other, None)
    assert turns.get(2, HOUR) is None

    turns.discard(mine, etag)
    turns.discard(mine, etag)
    turns.put(other, None)
    turns.discard(mine, etag)
    turns.put(replace(other, hour=HOUR.plus(-1)), None)
    turns.put(replace(other, project_id=11), None)

    found = turns.get(1, HOUR)
    assert found is not None
    assert found.value == other
    assert [each.value.hour for each in turns.of(1)] == [HOUR.plus(-1), HOUR]
    assert found in turns.of(1)


def test_slots_health_and_runs_come_back(backend: Backend) -> None:
    """A source without any is healthy and has all of its slots; ended runs are not unfinished."""
    pulls = backend.gateways.pulls
    assert pulls.health.get("acme") == HEALTHY
    assert pulls.slots.get("acme") is None
    assert pulls.runs.unfinished() == []
    health = SourceHealth(3, NOW, NO_ZIP, failing=True)
    pulls.health.put("acme", health)
    slots = PullSlots("acme", (Claim("a", NOW), Claim("b", NOW)))
    pulls.slots.put(slots, None)
    with pytest.raises(Conflict):
        pulls.slots.put(PullSlots("acme"), None)
    pulls.runs.put(PULL_RUN, None)
    pulls.runs.put(replace(PULL_RUN, id="r2", status=RunStatus.CANCELLED), None)

    assert pulls.health.get("acme") == health
    found = pulls.slots.get("acme")
    assert found is not None
    assert found.value == slots
    assert pulls.runs.unfinished() == [PULL_RUN]
    assert [run.id for run in pulls.runs.of("acme")] == ["r1", "r2"]
    pulls.health.forget("acme")
    assert pulls.health.get("acme") == HEALTHY
    pulls.queue.send([PullTask("acme", HOUR)])
    assert pulls.queue.waiting() == 1


def test_parts_of_an_answer_are_read(backend: Backend) -> None:
    """Fewer bytes at its end; an answer that is not there has no size."""
    answers = backend.gateways.pulls.answers
    assert answers.size("acme/a.zip") is None
    assert answers.names("acme/") == []
    body = bytes(range(256)) * 50_000
    with answers.upload("acme/a.zip") as upload:
        for start in range(0, len(body), 4_000_000):
            upload.stage(body[start : start + 4_000_000])
        assert answers.size("acme/a.zip") is None
        assert answers.names("acme/") == []
        upload.commit(md5=md5_base64(body))

    assert answers.size("acme/a.zip") == len(body)
    assert answers.size("acme/b.zip") is None
    assert answers.read_range("acme/a.zip", 10, 3) == body[10:13]
    assert answers.read_range("acme/a.zip", len(body) - 2, 10) == body[-2:]
    assert answers.read_range("acme/a.zip", 5_000_000, 4_500_000) == body[5_000_000:9_500_000]
    answers.delete("acme/a.zip")
    with pytest.raises(Transient):
        answers.read_range("acme/a.zip", 0, 1)


def test_a_zip_is_read_by_ranges(backend: Backend) -> None:
    """File by file, whatever its size."""
    answers, out = backend.gateways.pulls.answers, io.BytesIO()
    contents = [hashlib.sha256(bytes([number])).digest() * 100_000 for number in range(3)]
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, content in enumerate(contents):
            archive.writestr(f"1/{number}.json.gz", content)
    answers.put("acme/a.zip", [out.getvalue()])

    size = answers.size("acme/a.zip")
    assert size is not None
    members = ZipMembers(lambda start, length: answers.read_range("acme/a.zip", start, length), size)
    assert [b"".join(members.read(number)) for number in range(3)] == contents


def create(writer: LandingWriter, name: str, body: bytes, attempt: str) -> None:
    """Put a blob into landing."""
    with writer.upload(name, attempt=attempt) as upload:
        upload.stage(body[:3])
        upload.stage(body[3:])
        upload.create(md5=md5_base64(body))


def test_a_blob_of_landing_is_created_once_and_never_replaced(backend: Backend) -> None:
    """The same content again is no conflict: the answer to the first write may have been lost."""
    writer, folder = backend.gateways.pulls.landing, STREAM.landing_folder(HOUR)
    backend.land(f"{folder}other", b"x")
    create(writer, f"{folder}a.json.gz", b"content", "one")
    create(writer, f"{folder}a.json.gz", b"content", "two")
    with pytest.raises(Conflict):
        create(writer, f"{folder}a.json.gz", b"another", "three")

    landing = backend.gateways.landing
    blobs = {blob.name.removeprefix(folder): blob for blob in landing.blobs(STREAM, HOUR)}
    assert b"".join(landing.read(blobs["a.json.gz"])) == b"content"
    assert blobs["a.json.gz"].md5 == md5_base64(b"content")


def test_rivals_for_a_name_do_not_mix_their_blocks(backend: Backend) -> None:
    """The first one that creates the blob has it."""
    writer, folder = backend.gateways.pulls.landing, STREAM.landing_folder(HOUR)
    backend.land(f"{folder}other", b"x")
    name = f"{folder}a.json.gz"
    with writer.upload(name, attempt="one") as one, writer.upload(name, attempt="two") as two:
        one.stage(b"of one")
        two.stage(b"of two")
        two.create(md5=md5_base64(b"of two"))
        with pytest.raises(Conflict):
            one.create(md5=md5_base64(b"of one"))

    blobs = [blob for blob in backend.gateways.landing.blobs(STREAM, HOUR) if blob.name == name]
    assert b"".join(backend.gateways.landing.read(blobs[0])) == b"of two"


def test_landing_that_is_gone_is_not_made_again(azurite: AzuriteBackend) -> None:
    """A missing container does not count as an empty one."""
    with pytest.raises(LandingMissing):
        create(azurite.gateways.pulls.landing, "events/1/2020/01/25/17/a", b"content", "one")
