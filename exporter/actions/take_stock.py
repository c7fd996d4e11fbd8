"""Looking at an hour that was taken, when an attempt before may have come as far as its marker."""

from exporter.actions.hold import Held
from exporter.actions.look import Found, look
from exporter.actions.ports import Container
from exporter.actions.stage import sent_whole
from exporter.domain.ledger import HourRecord
from exporter.domain.marker import Marker, Part
from exporter.domain.names import Naming
from exporter.domain.slices import Sent
from exporter.pipeline.pack import md5_base64

MARKER_TYPE = "application/json"


def take_stock(container: Container, naming: Naming, held: Held) -> Found:
    """Look at an hour, and bring its marker to where an unfinished attempt was about to bring it.

    If all parts of that attempt are there, its worker may be asleep just before the marker. Woken when the
    parts are others, it would write one that is not true. At this moment it is true; and once it is written,
    what the sleeper sent for it is thrown away.
    """
    record = held.record
    found = look(container, naming, record.hour, record)
    name = record.origin.marker
    if not record.committing or name is None or not all(map(found.has, record.parts)):
        return found
    body = marker_of(record, naming).to_json()
    # As it was found: one that was written since then is to stop us.
    there = found.marker if name == naming.marker(record.hour) else found.old_markers.get(name)
    if there is not None and there.body == body:
        return found
    marker = sent_marker(container, name, body, f"{held.claim_id}-stock")
    held.check()
    container.commit(marker, etag=there.etag if there else None, content_type=MARKER_TYPE)
    return look(container, naming, record.hour, record)


def marker_of(record: HourRecord, naming: Naming) -> Marker:
    """Return the marker of an hour that is as its record says."""
    return Marker(record.hour, naming.stream.data_type, record.parts, record.filter_sha256)


def sent_marker(container: Container, name: str, body: bytes, claim_id: str) -> Sent:
    """Send a marker, to be committed later."""
    return sent_whole(container, Part(name, 0, len(body), md5_base64(body)), body, claim_id)
