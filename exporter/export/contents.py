"""The content of an hour: as it is exported whole, and as it is after late data was appended."""

from dataclasses import replace

from exporter.domain.file_names import Naming
from exporter.domain.filter_parser import stored_filter
from exporter.domain.hour_content import AppendBase, HourContent, Provenance, RowCounts
from exporter.domain.hour_record import HourRecord
from exporter.domain.own_blobs import attempt_tag
from exporter.domain.slices import SliceResult
from exporter.domain.streams import LandingBlob, LandingFingerprint
from exporter.export.attempt import Attempt
from exporter.export.inventory import Inventory
from exporter.export.lease import HourLease
from exporter.export.readback import file_keys
from exporter.pipeline.key_index import KeyIndex
from exporter.pipeline.key_set import KeySet


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


def whole_content(
    attempt: Attempt,
    blobs: tuple[LandingBlob, ...],
    results: list[SliceResult],
    kept_rejected: tuple[str, ...],
    *,
    keeps_digests: bool,
) -> HourContent:
    """Return the content of an hour that is exported whole from these landing blobs.

    After the last check for late data, no digests are needed for another one.
    """
    destination, stream = attempt.destination, attempt.task.key.stream
    asked = destination.filter_of(stream)
    marker = destination.naming(stream).marker(attempt.task.hour)
    origin = Provenance(
        target=destination.target,
        marker=marker if destination.output.completion_marker else None,
        landing=LandingFingerprint.of(blobs),
        rejected_before=len(kept_rejected),
    )
    nothing = HourContent(
        RowCounts(), (), asked.sha256 if asked else None, destination.output, origin, kept_rejected
    )
    return _with_results(nothing, results, keeps_digests=keeps_digests)


def appended_content(
    base: HourContent, blobs: tuple[LandingBlob, ...], results: list[SliceResult], *, keeps_digests: bool
) -> HourContent:
    """Return the content of an hour to which all that is new in these landing blobs was appended."""
    return _with_results(replace(base, origin=appended(base, blobs)), results, keeps_digests=keeps_digests)


def _with_results(content: HourContent, results: list[SliceResult], *, keeps_digests: bool) -> HourContent:
    digests = (*content.origin.digests, *(each.digest for each in results if each.digest))
    return replace(
        content,
        rows=sum((each.rows for each in results), start=content.rows),
        parts=(*content.parts, *(file.part for each in results for file in each.files)),
        origin=replace(content.origin, digests=digests if keeps_digests else ()),
        rejected=(*content.rejected, *(name for each in results for name in each.rejected)),
    )


def appended(base: HourContent, blobs: tuple[LandingBlob, ...]) -> Provenance:
    """Return the provenance of an hour to which all that is new in these landing blobs was appended."""
    before = base.origin.landing
    landing = before.plus(blobs) if before else replace(LandingFingerprint.of(blobs), partial=True)
    kept = AppendBase(len(base.parts), len(base.origin.digests), base.rows, len(base.rejected), before)
    return replace(base.origin, landing=landing, kept=kept)


def as_recorded(attempt: Attempt, record: HourRecord, naming: Naming, event_filter: str | None) -> Attempt:
    """Return the attempt with the names and settings that the hour was exported with."""
    destination = attempt.destination
    output = record.content.output or destination.output
    recorded = replace(
        destination,
        storage=replace(destination.storage, prefix=naming.prefix),
        output=replace(output, name_style=naming.style, path_layout=naming.layout),
        event_filter=stored_filter(event_filter) if event_filter else None,
    )
    return replace(attempt, destination=recorded)


def with_digests(
    attempt: Attempt, lease: HourLease, inventory: Inventory, content: HourContent
) -> tuple[HourContent, str | None]:
    """Return the content with digests for all of its rows, and the filter that it was exported with.

    If a digest is gone, all are made again from the files; then the present filter is assumed.
    """
    headers = []
    for name in content.origin.digests:
        if (pieces := attempt.gateways.state.read(name)) is None:
            break
        headers.append(KeyIndex(pieces).header)
    else:
        if headers:
            return content, headers[0].event_filter
    asked = attempt.destination.filter_of(lease.record.key.stream)
    tag = attempt_tag(lease.record.work.attempts, lease.claim_id)
    names = []
    for number, part in enumerate(content.parts, start=1):
        keys = KeySet(file_keys(attempt.container, inventory.parts[part.name], inventory.data_type))
        names.append(attempt.keep_found_digest(number, keys, tag))
    found = replace(content, origin=replace(content.origin, digests=tuple(names)))
    return found, asked.text if asked else None
