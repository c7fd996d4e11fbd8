"""What late data is appended to, and what the hour is made of afterwards."""

from dataclasses import dataclass, replace

from exporter.domain.destination import Destination
from exporter.domain.file_names import Naming
from exporter.domain.filter_parser import stored_filter
from exporter.domain.hour_content import AppendBase, HourContent, Provenance
from exporter.domain.hour_record import HourRecord
from exporter.domain.own_blobs import attempt_tag
from exporter.domain.streams import DataType, LandingBlob, LandingFingerprint
from exporter.export.attempt import Attempt
from exporter.export.inventory import Inventory
from exporter.export.lease import HourLease
from exporter.export.readback import file_keys
from exporter.pipeline.key_index import Header, KeyIndex
from exporter.pipeline.key_set import KeySet
from exporter.ports import State


def appendable_base(record: HourRecord) -> HourContent:
    """Return what stays as it is: all of a done hour, or what an unfinished attempt was appending to."""
    content = record.content
    kept = content.origin.kept if record.journal.committing else None
    if kept is None:
        return content
    digests = content.origin.digests[: kept.digests]
    return replace(
        content,
        rows=kept.rows,
        parts=content.parts[: kept.parts],
        origin=replace(content.origin, digests=digests, landing=kept.landing),
        rejected=content.rejected[: kept.rejected],
    )


def appended(base: HourContent, blobs: tuple[LandingBlob, ...]) -> Provenance:
    """Return the provenance of an hour to which all that is new in these landing blobs was appended."""
    before = base.origin.landing
    landing = before.plus(blobs) if before else replace(LandingFingerprint.of(blobs), partial=True)
    kept = AppendBase(len(base.parts), len(base.origin.digests), base.rows, len(base.rejected), before)
    return replace(base.origin, landing=landing, kept=kept)


def as_recorded(attempt: Attempt, record: HourRecord, naming: Naming, event_filter: str | None) -> Attempt:
    """Return the attempt with the names and settings that the hour was exported with."""
    destination: Destination = attempt.destination
    output = record.content.output or destination.output
    recorded = replace(
        destination,
        storage=replace(destination.storage, prefix=naming.prefix),
        output=replace(output, name_style=naming.style, path_layout=naming.layout),
        event_filter=stored_filter(event_filter) if event_filter else None,
    )
    return replace(attempt, destination=recorded)


@dataclass(frozen=True, slots=True)
class KeyedBase:
    """What rows are appended to: the hour's content, with a digest for all of its rows, and its filter."""

    content: HourContent
    event_filter: str | None


def with_digests(attempt: Attempt, lease: HourLease, inventory: Inventory, content: HourContent) -> KeyedBase:
    """Return the content with digests that are there; if one is gone, all are made again from the files."""
    headers = _headers(attempt.gateways.state, content.origin.digests)
    if headers:
        return KeyedBase(content, headers[0].event_filter)
    asked = attempt.destination.filter_of(lease.record.key.stream)
    tag = attempt_tag(lease.record.work.attempts, lease.claim_id)
    names = []
    for number, part in enumerate(content.parts, start=1):
        keys = KeySet(file_keys(attempt.container, inventory.parts[part.name], DataType.EVENTS))
        names.append(attempt.keep_found_digest(number, keys, tag))
    found = replace(content, origin=replace(content.origin, digests=tuple(names)))
    return KeyedBase(found, asked.text if asked else None)


def _headers(state: State, digests: tuple[str, ...]) -> tuple[Header, ...] | None:
    headers = []
    for name in digests:
        pieces = state.read(name)
        if pieces is None:
            return None
        headers.append(KeyIndex(pieces).header)
    return tuple(headers)
