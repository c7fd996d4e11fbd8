"""Rows that were not exported."""

import pytest

from exporter.domain.errors import Conflict
from tests.contract.backends import HOUR, KEY, Backend, Seen, wait_for_blocks
from tests.fakes import md5_base64

NAME = "acme/events/187520/2020/01/25/17.ndjson.gz"


def test_rejected_rows_are_kept_by_stream_and_hour(backend: Backend) -> None:
    """A later attempt replaces what an earlier one left."""
    for attempt, blocks in (("first", [b"one", b"two"]), ("second", [b"three"])):
        with backend.gateways.rejected.upload(KEY, HOUR, number=1, attempt=attempt) as rows:
            for block in blocks:
                rows.stage(block)
            rows.commit(md5=md5_base64(b"".join(blocks)))
        body = b"".join(blocks)
        assert backend.seen_rejected() == {NAME: Seen(body, "application/gzip", md5_base64(body))}


def test_rejected_rows_of_a_broken_off_attempt_are_not_seen(backend: Backend) -> None:
    """Nor those of an attempt that another one has overtaken; the same rows twice are no conflict."""
    rejected = backend.gateways.rejected
    with (
        rejected.upload(KEY, HOUR, number=1, attempt="late") as late,
        rejected.upload(KEY, HOUR, number=1, attempt="same") as same,
        rejected.upload(KEY, HOUR, number=1, attempt="first") as first,
        rejected.upload(KEY, HOUR, number=1, attempt="broken off") as broken_off,
    ):
        broken_off.stage(b"never seen")
        late.stage(b"late")
        same.stage(b"first")
        first.stage(b"first")
        wait_for_blocks(backend, "rejected", NAME, 4)
        first.commit(md5=md5_base64(b"first"))
        same.commit(md5=md5_base64(b"first"))
        with pytest.raises(Conflict):
            late.commit(md5=md5_base64(b"late"))

    assert [seen.body for seen in backend.seen_rejected().values()] == [b"first"]


def test_rejected_rows_are_discarded_when_an_hour_has_none_any_more(backend: Backend) -> None:
    """And where there are none, nothing happens."""
    rejected = backend.gateways.rejected
    rejected.keep(KEY, HOUR, ())
    with rejected.upload(KEY, HOUR, number=1, attempt="first") as rows:
        rows.stage(b"rows")
        rows.commit(md5=md5_base64(b"rows"))

    rejected.keep(KEY, HOUR, ())
    rejected.keep(KEY, HOUR, ())

    assert backend.seen_rejected() == {}


def test_each_slice_has_rejected_rows_of_its_own(backend: Backend) -> None:
    """Of slices that are there no more, what they rejected goes; other hours are not touched."""
    rejected = backend.gateways.rejected
    for hour, number in ((HOUR, 1), (HOUR, 2), (HOUR, 13), (HOUR.plus(1), 1)):
        with rejected.upload(KEY, hour, number=number, attempt="first") as rows:
            rows.stage(b"rows")
            rows.commit(md5=md5_base64(b"rows"))

    rejected.keep(KEY, HOUR, {1, 13})

    folder = "acme/events/187520/2020/01/25"
    kept = {f"{folder}/{name}.ndjson.gz" for name in ("17", "17-13", "18")}
    assert backend.seen_rejected().keys() == kept
