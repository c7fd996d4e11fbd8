"""What the sources say of the hours that they pull: up to which one all are closed."""

from exporter.domain.closing import BY_CLOCK, Closings, PulledStream
from exporter.domain.pulls import PullProgress
from exporter.domain.source import SourceStatus
from exporter.domain.streams import Stream
from exporter.notify.log_events import log_unreadable
from exporter.ports import Sources


def read_closings(sources: Sources, *, log: bool = False) -> Closings:
    """Return the streams that sources pull, those of paused and failing sources too.

    If the progress of a source cannot be read, none of its hours is closed. ``log`` tells of such rows.
    """
    found, progress = sources.states()
    if log:
        log_unreadable((*found.unreadable, *progress.unreadable))
    known = {each.source_id: each for each in progress}
    pulled = dict[Stream, PulledStream]()
    for source in found:
        if source.status is SourceStatus.DELETED:
            continue
        fresh = PullProgress(source.id, source.start, source.start)
        now = known.get(source.id, fresh).starting_at(source.start)
        pulled[source.stream] = PulledStream(source.id, source.start, now.pulled_until, frozenset(now.failed))
    return Closings(pulled, noted=True) if found else BY_CLOCK
