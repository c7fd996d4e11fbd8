"""The landing container, as the export reads it."""

import shlex

import pytest

from exporter.domain.data_types import DataType
from exporter.domain.errors import LandingArchived, LandingChanged, LandingMissing, Scope
from exporter.domain.hour import Hour
from exporter.domain.landing import Landed, Survey
from exporter.domain.streams import Stream
from exporter.storage.clients import READ_BYTES
from infra.local.azurite import Endpoints
from tests.contract.backends import HOUR, NOW, STREAM, AzuriteBackend, Backend, azurite_backend
from tests.contract.transports import CountsCalls
from tests.support.fakes.blobs import md5_base64

FOLDER = STREAM.landing_folder(HOUR)


def test_an_hour_has_the_blobs_of_its_folder_in_byte_order(backend: Backend) -> None:
    """Upper case comes before lower case, digits before letters, and nested names count too."""
    names = ["b.json", "a.json", "B.json", "10.json", "9.json", "nested/0.json", "ü#1.json.gz"]
    for name in names:
        backend.land(f"{FOLDER}{name}", name.encode())

    found = list(backend.gateways.landing.blobs(STREAM, HOUR))

    assert [blob.name for blob in found] == sorted((f"{FOLDER}{name}" for name in names), key=str.encode)
    assert all(len(blob.name.removeprefix(FOLDER).encode()) == blob.size for blob in found)


def test_a_day_has_the_blobs_of_its_hours_in_their_order(backend: Backend) -> None:
    """As each hour lists them; the first so many of them, if no more are wanted."""
    folder = STREAM.landing_day(HOUR)
    for name in ("23/b.json", "00/a.json", "12/_SUCCESS", "12/c.json", "12/d.json"):
        backend.land(f"{folder}{name}", name.encode())
    for other in (STREAM.landing_folder(HOUR.first_of_day().plus(-1)), STREAM.landing_folder(HOUR.plus(24))):
        backend.land(f"{other}x.json", b"")
    landing = backend.gateways.landing

    found = landing.blobs_of_day(STREAM, HOUR, most=10)

    first, _ = HOUR.day
    assert found == [blob for number in range(24) for blob in landing.blobs(STREAM, first.plus(number))]
    assert [blob.name.removeprefix(folder) for blob in found] == [
        *("00/a.json", "12/c.json", "12/d.json", "23/b.json")
    ]
    assert landing.blobs_of_day(STREAM, HOUR, most=3) == found[:3]


def test_a_blob_that_is_put_again_with_the_same_bytes_is_the_same_one(backend: Backend) -> None:
    """Its ETag is another, so that an attempt lists it anew; its MD5 says that nothing landed late."""
    backend.land(f"{FOLDER}a.json", b"one")
    (first,) = backend.gateways.landing.blobs(STREAM, HOUR)
    backend.land(f"{FOLDER}a.json", b"one")
    (again,) = backend.gateways.landing.blobs(STREAM, HOUR)
    backend.land(f"{FOLDER}a.json", b"two")
    (other,) = backend.gateways.landing.blobs(STREAM, HOUR)

    assert (first.md5, again.md5, other.md5) == (md5_base64(b"one"), md5_base64(b"one"), md5_base64(b"two"))
    assert first.etag != again.etag
    assert first.identity == again.identity != other.identity


def test_neighbours_are_left_out(backend: Backend) -> None:
    """Not the next hour's, not another project's whose number begins the same, not the other data type's."""
    hour = Hour.parse("2020-01-25T01")
    backend.land("events/18/2020/01/25/01/mine.json", b"")
    for other in ("events/18/2020/01/25/10/x", "events/187/2020/01/25/01/x", "merged_ids/18/2020/01/25/01/x"):
        backend.land(other, b"")

    found = backend.gateways.landing.blobs(Stream(DataType.EVENTS, 18), hour)

    assert [blob.name for blob in found] == ["events/18/2020/01/25/01/mine.json"]


def test_names_that_tools_leave_beside_data_are_left_out(backend: Backend) -> None:
    """Their last part begins with a dot or an underscore; what begins so in a folder's name is data."""
    for name in ("_SUCCESS", "_committed_1", ".part-0.crc", "in/.hidden", "in/_started_1"):
        backend.land(f"{FOLDER}{name}", b"no row")
    data = [f"{FOLDER}{name}" for name in ("_in/a.json", "a._b.json", "part-0.json")]
    for name in data:
        backend.land(name, b"{}")

    assert [blob.name for blob in backend.gateways.landing.blobs(STREAM, HOUR)] == sorted(data)


def test_what_is_not_there_is_empty(backend: Backend) -> None:
    """An hour without blobs has none, even before anything ever arrived."""
    landing = backend.gateways.landing
    landing.create()

    assert list(landing.blobs(STREAM, HOUR)) == []
    assert landing.earliest_hour(STREAM) is None
    assert landing.sources() == frozenset()
    assert landing.survey(NOW) == Survey((), (), truncated=False)


def test_a_container_that_is_not_there_is_no_empty_one(backend: Backend) -> None:
    """Whatever is asked of it, it is the operator's: the setting may name another one."""
    landing = backend.gateways.landing
    backend.lose_landing()

    for ask in (
        lambda: list(landing.blobs(STREAM, HOUR)),
        lambda: landing.earliest_hour(STREAM),
        landing.sources,
        lambda: landing.survey(NOW),
        landing.check,
    ):
        with pytest.raises(LandingMissing, match=r"LANDING_CONTAINER: names the container landing\d*, which"):
            ask()


def test_a_container_is_made_once(backend: Backend) -> None:
    """And then it is there; to make it again changes nothing."""
    landing = backend.gateways.landing
    landing.create()
    backend.land(f"{FOLDER}a.json", b"a")

    landing.create()
    landing.check()

    assert [blob.size for blob in landing.blobs(STREAM, HOUR)] == [1]


def test_notes_of_other_tools_are_left_out(backend: Backend) -> None:
    """They are no rows, and nobody shall read them as such."""
    for name in ("_SUCCESS", ".a.json.crc", "nested/_committed_1", "a.json", "_x/b.json"):
        backend.land(f"{FOLDER}{name}", b"")

    found = [blob.name.removeprefix(FOLDER) for blob in backend.gateways.landing.blobs(STREAM, HOUR)]

    assert found == ["_x/b.json", "a.json"]


def test_a_survey_tells_the_streams_and_what_fits_no_layout(backend: Backend) -> None:
    """The same of the container as of its twin."""
    for name in (
        f"{FOLDER}a.json",
        "events/187520/2020/1/25/17/a.json",
        "events/187520/0001/01/01/00/a.json",
        "events/187520/2020/01/25/b.json",
        "events/187520/2199/01/01/00/a.json",
        "events/187520/_SUCCESS",
        "merged_ids/7/readme.txt",
        "Events/187520/2020/01/25/17/a.json",
    ):
        backend.land(name, b"")

    found = backend.gateways.landing.survey(NOW)

    assert found.streams == (
        Landed(STREAM, HOUR, HOUR),
        Landed(Stream(DataType.MERGED_IDS, 7), None, None),
    )
    assert [each.name for each in found.misfits] == [
        "Events/",
        "events/187520/0001/",
        "events/187520/2020/01/25/b.json",
        "events/187520/2020/1/",
        "events/187520/2199/",
        "merged_ids/7/readme.txt",
    ]
    assert backend.gateways.landing.sources() == {STREAM, Stream(DataType.MERGED_IDS, 7)}


@pytest.mark.parametrize("size", [0, 1, READ_BYTES, READ_BYTES + 1, 2 * READ_BYTES + 1])
def test_a_blob_is_read_whole_in_bounded_pieces(backend: Backend, size: int) -> None:
    """However large it is, no piece is larger than a few MiB."""
    body = bytes(range(251)) * (size // 251 + 1)
    backend.land(f"{FOLDER}a.json", body[:size])
    (blob,) = backend.gateways.landing.blobs(STREAM, HOUR)

    pieces = list(backend.gateways.landing.read(blob))

    assert b"".join(pieces) == body[:size]
    assert all(len(piece) <= READ_BYTES for piece in pieces)


def test_a_blob_in_the_archive_tier_is_named_with_how_to_rehydrate_it(backend: Backend) -> None:
    """The operator's own lifecycle rule has put it there, before its hour was exported; read ahead or not."""
    backend.land(f"{FOLDER}it's.json", b"{}")
    backend.archive(f"{FOLDER}it's.json")
    (blob,) = backend.gateways.landing.blobs(STREAM, HOUR)

    for read in (backend.gateways.landing.read, backend.gateways.landing.reading([blob])):
        with pytest.raises(LandingArchived) as raised:
            list(read(blob))
        fault = raised.value.fault
        assert (fault.code, fault.scope) == ("landing_archived", Scope.BLOB)
        assert blob.name in fault.message
        assert f"az storage blob set-tier --container-name {landing_name(backend)}" in fault.fix
        assert shlex.quote(blob.name) in fault.fix


def landing_name(backend: Backend) -> str:
    """Return how the landing container is called."""
    return backend.own_name("landing") if isinstance(backend, AzuriteBackend) else "landing"


def test_blobs_are_read_ahead_as_they_are_read_one_by_one(backend: Backend) -> None:
    """Small ones and large ones, empty ones too, each with its own content."""
    sizes = [3, 0, 5, READ_BYTES, 1, 2 * READ_BYTES + 1, READ_BYTES + 1, *range(10, 30), READ_BYTES]
    for number, size in enumerate(sizes):
        backend.land(f"{FOLDER}{number:02}.json", bytes([number]) * size)
    landing = backend.gateways.landing
    blobs = list(landing.blobs(STREAM, HOUR))
    read = landing.reading(blobs)

    assert [(len(content := b"".join(read(blob))), set(content)) for blob in blobs] == [
        (size, {number} if size else set()) for number, size in enumerate(sizes)
    ]


@pytest.mark.parametrize("size", [3, 2 * READ_BYTES])
def test_a_blob_that_changed_is_not_read_ahead_either(backend: Backend, size: int) -> None:
    """It fails when its turn has come, and not before: what was read until then is as good as ever."""
    for name in ("a", "b"):
        backend.land(f"{FOLDER}{name}.json", name.encode() * size)
    one, other = backend.gateways.landing.blobs(STREAM, HOUR)
    read = backend.gateways.landing.reading([one, other])
    backend.land(f"{FOLDER}b.json", b"two")

    assert b"".join(read(one)) == b"a" * size
    with pytest.raises(LandingChanged, match=r"b\.json"):
        list(read(other))


def test_a_blob_that_changed_since_it_was_listed_is_not_read(backend: Backend) -> None:
    """The next attempt lists it anew."""
    backend.land(f"{FOLDER}a.json", b"one")
    (blob,) = backend.gateways.landing.blobs(STREAM, HOUR)
    backend.land(f"{FOLDER}a.json", b"two")

    with pytest.raises(LandingChanged, match=r"a\.json"):
        list(backend.gateways.landing.read(blob))


def test_a_blob_that_vanished_is_not_read_as_empty(backend: Backend) -> None:
    """Neither is one that is gone."""
    backend.land(f"{FOLDER}a.json", b"one")
    (blob,) = backend.gateways.landing.blobs(STREAM, HOUR)
    backend.unland(blob.name)

    with pytest.raises(LandingChanged, match=r"a\.json"):
        list(backend.gateways.landing.read(blob))


def test_the_earliest_hour_is_found_among_folders_that_are_none(backend: Backend) -> None:
    """Only year, month, day and hour count, each a date since 2000; and only the stream's own."""
    for name in (
        "events/187520/0000/01/01/00/no-such-year",
        "events/187520/0001/01/01/00/too-early.json",
        "events/187520/1999/12/31/23/too-early.json",
        "events/187520/2019/03/04/05/_SUCCESS",
        "events/187520/19/01/01/00/short",
        "events/187520/2019/02/30/00/no-such-day",
        "events/187520/2019/03/01/24/no-such-hour",
        "events/187520/2019/03/02/05",
        "events/187520/2019/readme.txt",
        "events/187520/readme.txt",
        "events/187520/2020/12/31/23/later.json",
        "events/187520/2020/02/01/00/b.json",
        "events/187520/2020/01/31/10/a.json",
        "events/187520/2020/01/31/09/nested/a.json",
        "events/18752/2001/01/01/00/other-project.json",
        "merged_ids/187520/2001/01/01/00/other-type.json",
    ):
        backend.land(name, b"")

    assert backend.gateways.landing.earliest_hour(STREAM) == Hour.parse("2020-01-31T09")


def test_a_content_encoding_does_not_change_what_is_read(azurite: AzuriteBackend) -> None:
    """The pipeline tells gzip by its bytes; an SDK that decompresses on the way would be one too many."""
    azurite.land(f"{FOLDER}a.json", b"\x1f\x8bnot really gzip", content_encoding="gzip")
    (blob,) = azurite.gateways.landing.blobs(STREAM, HOUR)

    assert b"".join(azurite.gateways.landing.read(blob)) == b"\x1f\x8bnot really gzip"


def test_the_earliest_hour_costs_a_call_for_each_level_of_folders(endpoints: Endpoints) -> None:
    """However much there is, nobody lists all of it."""
    calls = CountsCalls()
    with azurite_backend(endpoints, calls) as azurite:
        for day in range(1, 29):
            azurite.land(f"events/187520/2020/02/{day:02}/00/a.json", b"")

        assert azurite.gateways.landing.earliest_hour(STREAM) == Hour.parse("2020-02-01T00")
        assert len(calls.made) == 5
