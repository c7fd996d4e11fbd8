"""Generated hours as members of a zip."""

from collections.abc import Iterator, Sequence
from functools import partial

from infra.local.export_api.archive import Member, member_name
from infra.local.sample import DataType, LandingFile, LandingHour

# As a client of the original saw them: numbers with gaps, in no order.
SHARDS = (627, 70, 0, 912)


def members_of(hour: LandingHour, shards: Sequence[int] = SHARDS) -> tuple[Member, ...]:
    """Return the events of an hour as members, one for each of its files.

    Files beyond the given shards get the numbers after the highest one.
    """
    project_id = hour.recipe.project_id
    files = hour.files(DataType.EVENTS)
    return tuple(
        Member(member_name(project_id, hour.start, shard), partial(_chunks, file))
        for shard, file in zip(_numbers(shards), files, strict=False)
    )


def _numbers(shards: Sequence[int]) -> Iterator[int]:
    yield from shards
    following = max(shards, default=-1) + 1
    while True:
        yield following
        following += 1


def _chunks(file: LandingFile) -> Iterator[bytes]:
    return file.chunks
