"""A customer's container: what a writer may rely on, and what its owner then sees."""

from collections.abc import Iterable
from contextlib import ExitStack

import pytest

from exporter.domain.errors import Conflict, DestinationFault, ForeignBlocks, Scope
from exporter.domain.versioned import BlobInfo
from exporter.storage.blocks import IN_FLIGHT_MAX
from exporter.storage.clients import READ_BYTES
from exporter.storage.customer.container import SMALL_BYTES_MAX
from tests.contract.backends import AzuriteBackend, Backend, Seen, commit, wait_for_blocks
from tests.support.fakes.blobs import md5_base64

NAME = "187520_2020-01-25_17#1.json.gz"
# More than there may be blocks in flight.
UPLOADS = 24
ANOTHER_ETAG = '"0x8DEADBEEF000000"'


def upload(
    backend: Backend,
    blocks: Iterable[bytes],
    etag: str | None = None,
    name: str = NAME,
    attempt: str = "first",
) -> None:
    """Upload a blob as an export does."""
    sent = list(blocks)
    with backend.container.upload(name, attempt=attempt) as blob:
        for block in sent:
            blob.stage(block)
        commit(backend.container, blob, b"".join(sent), name=name, attempt=attempt, etag=etag)


def etag_of(backend: Backend, name: str = NAME) -> str:
    """Return a blob's ETag as a writer finds it."""
    return next(blob.etag for blob in backend.container.find(name) if blob.name == name)


def test_an_upload_is_seen_after_its_commit_and_not_before(backend: Backend) -> None:
    """Nothing of it is visible before; then all of it is, with the headers that the contract asks for."""
    with backend.container.upload(NAME, attempt="first") as blob:
        blob.stage(b"some ")
        blob.stage(b"bytes")
        assert backend.names() == []
        assert backend.container.find("") == []
        assert backend.container.read(NAME) is None
        commit(backend.container, blob, b"some bytes", name=NAME, attempt="first", etag=None)

    assert backend.names() == [NAME]
    assert backend.see(NAME) == Seen(b"some bytes", "application/gzip", md5_base64(b"some bytes"))


def test_many_blocks_keep_their_order(backend: Backend) -> None:
    """They are sent in parallel, and there are more of them than may be under way at once."""
    blocks = [f"{number:03}".encode() * 5 for number in range(9 * IN_FLIGHT_MAX)]

    upload(backend, blocks)

    assert backend.see(NAME).body == b"".join(blocks)


def test_large_blocks_arrive_whole(backend: Backend) -> None:
    """Blocks have the size that the export's have."""
    blocks = [bytes([number]) * (4 * 1024 * 1024) for number in range(3)]

    upload(backend, [*blocks, b"end"])

    assert backend.see(NAME).body == b"".join([*blocks, b"end"])


def test_many_uploads_may_be_open_before_the_first_is_committed(backend: Backend) -> None:
    """An hour of many parts stages all of them before it commits the first."""
    with ExitStack() as open_ones:
        uploads = [
            open_ones.enter_context(backend.container.upload(f"part{number}", attempt="first"))
            for number in range(UPLOADS)
        ]
        for number, blob in enumerate(uploads):
            blob.stage(str(number).encode())
        for number, blob in enumerate(uploads):
            content, name = str(number).encode(), f"part{number}"
            commit(backend.container, blob, content, name=name, attempt="first", etag=None)

    assert [backend.see(f"part{number}").body for number in (0, 23)] == [b"0", b"23"]


def test_an_upload_without_a_block_makes_an_empty_blob(backend: Backend) -> None:
    """Nothing staged and committed is nothing, not an error."""
    upload(backend, [])
    assert backend.see(NAME).body == b""


def test_an_upload_that_is_left_leaves_nothing_to_see(backend: Backend) -> None:
    """Not when it is given up, and not when something raises: that comes through as it is."""

    def give_up() -> None:
        with backend.container.upload(NAME, attempt="first") as blob:
            blob.stage(b"some")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        give_up()
    with backend.container.upload(NAME, attempt="second") as blob:
        blob.stage(b"more")

    assert backend.names() == []


def test_staging_leaves_the_blob_that_is_there_readable(backend: Backend) -> None:
    """Readers have the former content until the very commit."""
    upload(backend, [b"former"])
    with backend.container.upload(NAME, attempt="second") as blob:
        blob.stage(b"new")
        assert backend.see(NAME).body == b"former"
        commit(backend.container, blob, b"new", name=NAME, attempt="second", etag=etag_of(backend))

    assert backend.see(NAME).body == b"new"


@pytest.mark.parametrize("there", [True, False])
def test_a_commit_over_another_blob_than_the_one_seen_changes_nothing(
    backend: Backend, *, there: bool
) -> None:
    """Whether it appeared since, or changed, or is gone."""
    if there:
        upload(backend, [b"another's"])

    with pytest.raises(Conflict):
        upload(backend, [b"ours"], etag=ANOTHER_ETAG)
    if there:
        with pytest.raises(Conflict):
            upload(backend, [b"ours"], etag=None)

    assert [backend.see(name).body for name in backend.names()] == ([b"another's"] if there else [])


def test_a_commit_of_what_is_there_already_is_no_conflict(backend: Backend) -> None:
    """A second attempt at the same hour writes the same bytes; the blob is not even touched."""
    upload(backend, [b"the ", b"same"])
    before = etag_of(backend)

    upload(backend, [b"the ", b"same"], attempt="second")
    upload(backend, [b"the same"], etag=ANOTHER_ETAG, attempt="third")

    assert etag_of(backend) == before


def test_a_rivals_commit_discards_our_blocks(backend: Backend) -> None:
    """A later commit of blocks staged before fails, and does not mix the two."""
    with (
        backend.container.upload(NAME, attempt="ours") as ours,
        backend.container.upload(NAME, attempt="theirs") as theirs,
    ):
        ours.stage(b"aaa")
        theirs.stage(b"bbbb")
        ours.stage(b"ccc")
        wait_for_blocks(backend, "raw", NAME, 3)
        commit(backend.container, theirs, b"bbbb", name=NAME, attempt="theirs", etag=None)
        with pytest.raises(Conflict):
            commit(backend.container, ours, b"aaaccc", name=NAME, attempt="ours", etag=etag_of(backend))

    assert backend.see(NAME).body == b"bbbb"


def test_a_rival_with_the_same_content_has_done_our_work(backend: Backend) -> None:
    """Two workers at the same hour: the second finds that all is as it wanted it."""
    with (
        backend.container.upload(NAME, attempt="ours") as ours,
        backend.container.upload(NAME, attempt="theirs") as theirs,
    ):
        ours.stage(b"same")
        theirs.stage(b"same")
        wait_for_blocks(backend, "raw", NAME, 2)
        commit(backend.container, theirs, b"same", name=NAME, attempt="theirs", etag=None)
        commit(backend.container, ours, b"same", name=NAME, attempt="ours", etag=None)

    assert backend.see(NAME).body == b"same"


def test_a_block_that_fails_fails_the_upload(backend: Backend) -> None:
    """It is raised by a later block or by the commit, as what the customer can repair."""
    backend.lose_container()

    with pytest.raises(DestinationFault, match="container_not_found"):
        upload(backend, [b"lost"])


def test_a_search_finds_whole_names_in_order(backend: Backend) -> None:
    """Hour 1 is not hours 10 to 19, and what a writer finds is what it may change."""
    for hour in ("1", "10", "17", "2"):
        upload(backend, [hour.encode()], name=f"187520_2020-01-25_{hour}#1.json.gz")
    upload(backend, [b"ten"], name="187520_2020-01-25_1#10.json.gz")
    upload(backend, [b"two"], name="187520_2020-01-25_1#2.json.gz")

    found = backend.container.find("187520_2020-01-25_1#")

    assert [(blob.name, blob.size, blob.md5) for blob in found] == [
        ("187520_2020-01-25_1#1.json.gz", 1, md5_base64(b"1")),
        ("187520_2020-01-25_1#10.json.gz", 3, md5_base64(b"ten")),
        ("187520_2020-01-25_1#2.json.gz", 3, md5_base64(b"two")),
    ]
    upload(backend, [b"new"], etag=found[0].etag, name=found[0].name)


def test_a_search_finds_the_first_names_if_no_more_are_wanted(backend: Backend) -> None:
    """In the same order."""
    for name in ("b", "a/2", "a/1", "c"):
        upload(backend, [b"x"], name=name)

    assert [blob.name for blob in backend.container.find("", most=3)] == ["a/1", "a/2", "b"]
    assert [blob.name for blob in backend.container.find("a/", most=3)] == ["a/1", "a/2"]


@pytest.mark.parametrize(
    "name", ["-189524_2020-01-25_0.json.gz", "a b/100%/ü/日本_1#2?x=1&y+z.json.gz", "_export_test/1"]
)
def test_names_are_kept_letter_by_letter(backend: Backend, name: str) -> None:
    """Nothing in a name is taken for a part of an address."""
    upload(backend, [b"1"], name=name)
    assert backend.names() == [name]

    backend.container.put(name, b"2", content_type="text/plain", etag=etag_of(backend, name))
    found = backend.container.read(name)
    assert found is not None
    assert found.body == b"2"
    backend.container.delete(name, etag=found.etag)
    assert backend.names() == []


def test_a_small_blob_is_put_and_read(backend: Backend) -> None:
    """As a completion marker is."""
    etag = backend.container.put("marker", b"{}", content_type="application/json", etag=None)

    found = backend.container.read("marker")
    assert found is not None
    assert (found.body, found.etag) == (b"{}", etag)
    assert backend.see("marker") == Seen(b"{}", "application/json", md5_base64(b"{}"))
    assert backend.container.find("")[0].etag == etag


def test_putting_replaces_only_what_was_seen(backend: Backend) -> None:
    """And says so if it is not there any more."""
    container = backend.container
    first = container.put("marker", b"1", content_type="application/json", etag=None)
    second = container.put("marker", b"2", content_type="application/json", etag=first)

    for etag in (None, first, ANOTHER_ETAG):
        with pytest.raises(Conflict):
            container.put("marker", b"3", content_type="application/json", etag=etag)
    with pytest.raises(Conflict):
        container.put("gone", b"3", content_type="application/json", etag=second)

    assert backend.see("marker").body == b"2"
    assert backend.names() == ["marker"]


def test_putting_what_is_there_already_is_no_conflict(backend: Backend) -> None:
    """Whatever was seen before."""
    container = backend.container
    etag = container.put("marker", b"1", content_type="application/json", etag=None)

    assert container.put("marker", b"1", content_type="application/json", etag=None) == etag
    assert container.put("marker", b"1", content_type="application/json", etag=ANOTHER_ETAG) == etag


def test_deleting_removes_only_what_was_seen(backend: Backend) -> None:
    """What is gone already is gone, which is all that was wanted."""
    container = backend.container
    first = container.put("marker", b"1", content_type="application/json", etag=None)
    second = container.put("marker", b"2", content_type="application/json", etag=first)

    with pytest.raises(Conflict):
        container.delete("marker", etag=first)
    assert backend.names() == ["marker"]

    container.delete("marker", etag=second)
    container.delete("marker", etag=second)
    assert backend.names() == []


def test_a_container_that_is_gone_is_a_fault(backend: Backend) -> None:
    """It is never taken for an empty one."""
    backend.lose_container()

    for call in (
        lambda: backend.container.find(""),
        lambda: backend.container.read("marker"),
        lambda: backend.container.put("marker", b"", content_type="text/plain", etag=None),
        lambda: backend.container.delete("marker", etag=ANOTHER_ETAG),
        lambda: backend.container.refresh("marker", etag=ANOTHER_ETAG),
        lambda: list(backend.container.stream(BlobInfo("marker", ANOTHER_ETAG, 2, None))),
    ):
        with pytest.raises(DestinationFault) as raised:
            call()
        assert raised.value.fault.code == "container_not_found"


@pytest.mark.parametrize("size", [0, 1, READ_BYTES, 2 * READ_BYTES + 1])
def test_a_blob_of_any_size_is_read_whole_in_bounded_pieces(backend: Backend, size: int) -> None:
    """A part of many GiB must fit into a worker's memory, too."""
    body = (bytes(range(251)) * (size // 251 + 1))[:size]
    upload(backend, [body])
    (blob,) = backend.container.find(NAME)

    pieces = list(backend.container.stream(blob))

    assert b"".join(pieces) == body
    assert all(len(piece) <= READ_BYTES for piece in pieces)


@pytest.mark.parametrize("size", [4, 2 * READ_BYTES])
def test_a_blob_that_is_not_the_one_listed_is_not_read(backend: Backend, size: int) -> None:
    """Whether another one took its place or it is gone: what was concluded from the list does not hold."""
    upload(backend, [b"x" * size])
    (blob,) = backend.container.find(NAME)
    backend.container.put(NAME, b"another", content_type="text/plain", etag=blob.etag)

    with pytest.raises(Conflict):
        list(backend.container.stream(blob))

    backend.container.delete(NAME, etag=etag_of(backend))
    with pytest.raises(Conflict):
        list(backend.container.stream(blob))


def test_a_blob_that_changes_while_it_is_read_is_not_read_to_its_end(backend: Backend) -> None:
    """No mixture of the two is handed out."""
    upload(backend, [b"x" * READ_BYTES * 3])
    (blob,) = backend.container.find(NAME)
    pieces = backend.container.stream(blob)
    next(pieces)
    backend.container.put(NAME, b"another", content_type="text/plain", etag=blob.etag)

    with pytest.raises(Conflict):
        list(pieces)


def test_a_refreshed_blob_is_as_it_was_but_for_its_etag(backend: Backend) -> None:
    """Readers notice nothing; a worker that saw the old ETag cannot write over it any more."""
    upload(backend, [b"content"])
    before, old = backend.see(NAME), etag_of(backend)

    backend.container.refresh(NAME, etag=old)

    assert backend.see(NAME) == before
    assert etag_of(backend) != old
    with pytest.raises(Conflict):
        upload(backend, [b"late"], etag=old, attempt="second")
    with pytest.raises(Conflict):
        backend.container.delete(NAME, etag=old)
    assert backend.see(NAME) == before


def test_a_refresh_leaves_staged_blocks_to_be_committed(backend: Backend) -> None:
    """It is no commit: an attempt that has seen the new ETag goes on with what it has sent before."""
    upload(backend, [b"content"])
    with backend.container.upload(NAME, attempt="second") as blob:
        blob.stage(b"new")
        wait_for_blocks(backend, "raw", NAME, 1)
        backend.container.refresh(NAME, etag=etag_of(backend))
        commit(backend.container, blob, b"new", name=NAME, attempt="second", etag=etag_of(backend))

    assert backend.see(NAME).body == b"new"


def test_only_the_blob_that_was_seen_is_refreshed(backend: Backend) -> None:
    """Not one that was changed since, and none that is gone."""
    upload(backend, [b"content"])
    etag = etag_of(backend)

    with pytest.raises(Conflict):
        backend.container.refresh(NAME, etag=ANOTHER_ETAG)
    assert etag_of(backend) == etag

    backend.container.delete(NAME, etag=etag)
    with pytest.raises(Conflict):
        backend.container.refresh(NAME, etag=etag)
    assert backend.names() == []


def test_blocks_of_another_program_are_named_and_can_be_discarded(backend: Backend) -> None:
    """Azure takes no block whose id has another length than theirs: each attempt would fail for a week."""
    backend.stage_foreign(NAME)

    with pytest.raises(ForeignBlocks) as raised:
        upload(backend, [b"ours"])
    assert raised.value.name == NAME
    assert NAME in raised.value.fault.message
    assert raised.value.fault.scope is Scope.BLOB

    backend.container.fence(NAME, etag=None)
    upload(backend, [b"ours"])
    assert backend.see(NAME).body == b"ours"


def test_a_fence_discards_all_blocks_and_removes_only_what_was_seen(backend: Backend) -> None:
    """Our own blocks, too, so that no worker can commit them later."""
    with backend.container.upload(NAME, attempt="ours") as ours:
        ours.stage(b"ours")
        wait_for_blocks(backend, "raw", NAME, 1)
        backend.container.fence(NAME, etag=None)
        assert backend.names() == []
        with pytest.raises(Conflict):
            commit(backend.container, ours, b"ours", name=NAME, attempt="ours", etag=None)

    backend.container.put("other", b"1", content_type="application/json", etag=None)
    for wrong in (None, ANOTHER_ETAG):
        with pytest.raises(Conflict):
            backend.container.fence("other", etag=wrong)
    assert backend.see("other").body == b"1"
    backend.container.fence("other", etag=etag_of(backend, "other"))
    assert backend.names() == []


def test_a_blob_in_the_archive_tier_is_named(backend: Backend) -> None:
    """A customer's lifecycle rule may have moved a marker there."""
    backend.container.put("marker", b"{}", content_type="application/json", etag=None)
    backend.archive("marker")

    with pytest.raises(DestinationFault) as raised:
        backend.container.read("marker")
    assert raised.value.fault.code == "blob_archived"
    assert raised.value.fault.scope is Scope.BLOB
    assert "the blob marker" in raised.value.fault.message
    assert "az storage blob set-tier" in raised.value.fault.fix


def test_of_a_large_blob_only_the_beginning_is_read(azurite: AzuriteBackend) -> None:
    """A customer's file may have a marker's name and any size; our memory is bounded."""
    upload(azurite, [b"x" * (4 * 1024 * 1024), b"y"], name="marker")

    found = azurite.container.read("marker")

    assert found is not None
    assert found.body == b"x" * SMALL_BYTES_MAX
