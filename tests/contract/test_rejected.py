"""Rows that were not exported as they landed."""

from exporter.domain.own_blobs import rejected_folder
from tests.contract.backends import HOUR, KEY, Backend, Seen
from tests.support.fakes.blobs import md5_base64

FOLDER = rejected_folder(KEY, HOUR)


def keep(backend: Backend, name: str, *blocks: bytes) -> str:
    """Keep rows in a blob of the hour, and return its full name."""
    with backend.gateways.rejected.upload(f"{FOLDER}{name}") as rows:
        for block in blocks:
            rows.stage(block)
        rows.commit(md5=md5_base64(b"".join(blocks)))
    return f"{FOLDER}{name}"


def test_rejected_rows_are_kept_by_stream_and_hour_for_each_attempt(backend: Backend) -> None:
    """What one attempt keeps, no other one touches."""
    names = [keep(backend, "first.ndjson.gz", b"one", b"two"), keep(backend, "second.ndjson.gz", b"three")]

    assert names == [f"{FOLDER}first.ndjson.gz", f"{FOLDER}second.ndjson.gz"]
    assert backend.seen_rejected() == {
        names[0]: Seen(b"onetwo", "application/gzip", md5_base64(b"onetwo")),
        names[1]: Seen(b"three", "application/gzip", md5_base64(b"three")),
    }
    assert backend.gateways.rejected.names(FOLDER) == names


def test_rejected_rows_of_a_broken_off_attempt_are_not_seen(backend: Backend) -> None:
    """What is staged and not committed is not there."""
    with backend.gateways.rejected.upload(f"{FOLDER}broken off") as rows:
        rows.stage(b"never seen")

    assert backend.seen_rejected() == {}
    assert backend.gateways.rejected.names(FOLDER) == []


def test_a_blob_is_deleted_by_its_name_and_no_other(backend: Backend) -> None:
    """One that is gone already, or that never was, is as good."""
    backend.gateways.rejected.delete(f"{FOLDER}never")
    first, second = keep(backend, "1", b"rows"), keep(backend, "2", b"rows")

    backend.gateways.rejected.delete(first)
    backend.gateways.rejected.delete(first)

    assert list(backend.seen_rejected()) == [second]


def test_the_rows_of_other_hours_are_not_listed(backend: Backend) -> None:
    """Neither those of the next one, nor of one whose number begins alike."""
    for hour in (HOUR.plus(1), HOUR.plus(-16)):
        with backend.gateways.rejected.upload(f"{rejected_folder(KEY, hour)}a") as rows:
            rows.stage(b"rows")
            rows.commit(md5=md5_base64(b"rows"))

    assert backend.gateways.rejected.names(FOLDER) == []
