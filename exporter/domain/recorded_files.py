"""The files of an hour that its record knows in one container, committed or not."""

from collections.abc import Iterator

from exporter.domain.allowed_hosts import same_container
from exporter.domain.commit_journal import Doubt
from exporter.domain.hour_record import HourRecord


def recorded_names(record: HourRecord, container_id: str) -> frozenset[str]:
    """Return every name that an hour's record has in a container: parts, files in doubt, and markers."""
    names = {each.name for each in record.journal.in_doubt if same_container(each.container, container_id)}
    origin = record.content.origin
    if not same_container(origin.target, container_id):
        return frozenset(names)
    names |= {part.name for part in record.content.parts}
    return frozenset(names | ({origin.marker} if origin.marker else set()))


def recorded_doubts(record: HourRecord, container_id: str) -> Iterator[Doubt]:
    """Yield what a record has in doubt in a container, its own unfinished files among them."""
    yield from (each for each in record.journal.in_doubt if same_container(each.container, container_id))
    if same_container(record.content.origin.target, container_id):
        yield from unfinished_files(record, container_id)


def unfinished_files(record: HourRecord, container_id: str) -> Iterator[Doubt]:
    """Yield the files that a record's own attempt was about to commit, if it has not finished."""
    if not record.journal.committing:
        return
    content = record.content
    for part in content.parts[content.origin.kept_parts :]:
        yield Doubt(container_id, part.name, part.bytes, part.md5)
    if content.origin.marker:
        yield Doubt(container_id, content.origin.marker)
