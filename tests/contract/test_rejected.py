"""Rows that were not exported."""

import pytest

from exporter.domain.errors import Conflict
from tests.contract.backends import HOUR, KEY, Backend, Seen, wait_for_blocks
from tests.fakes import md5_base64

NAME = "acme/events/187520/2020/01/25/17.ndjson.gz"


def test_rejected_rows_are_kept_by_stream_and_hour(backend: Backend) -> None:
    """A later attempt replaces what an earlier one left."""
    for attempt, blocks in (("first", [b"one", b"two"]), ("second", [b"three"])):
        with backend.gateways.rejected.upload(KEY, HOUR, attempt=attempt) as rows:
            for block in blocks:
                rows.stage(block)
            rows.commit(md5=md5_base64(b"".join(blocks)))
        body = b"".join(blocks)
        assert backend.seen_rejected() == {NAME: Seen(body, "application/gzip", md5_base64(body))}


def test_rejected_rows_of_a_broken_off_attempt_are_not_seen(backend: Backend) -> None:
    """Nor those of an attempt that another one has overtaken; the same rows twice are no conflict."""
    rejected = backend.gateways.rejected
    with (
        rejected.upload(KEY, HOUR, attempt="late") as late,
        rejected.upload(KEY, HOUR, attempt="same") as same,
        rejected.upload(KEY, HOUR, attempt="first") as first,
        rejected.upload(KEY, HOUR, attempt="broken off") as broken_off,
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
    rejected.discard(KEY, HOUR)
    with rejected.upload(KEY, HOUR, attempt="first") as rows:
        rows.stage(b"rows")
        rows.commit(md5=md5_base64(b"rows"))

    rejected.discard(KEY, HOUR)
    rejected.discard(KEY, HOUR)

    assert backend.seen_rejected() == {}
