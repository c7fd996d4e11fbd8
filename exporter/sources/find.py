"""Finding a source by its id."""

from exporter.domain.errors import NotFound
from exporter.domain.source import ID_PATTERN, Source, SourceStatus
from exporter.domain.versioned import Versioned
from exporter.ports import Sources


def find_source(sources: Sources, source_id: str) -> Versioned[Source]:
    """Return a source, or raise ``NotFound`` if it does not exist or is deleted."""
    found = find_source_history(sources, source_id)
    if found.value.status is SourceStatus.DELETED:
        raise NotFound(
            "source_deleted", f"The source {source_id} was deleted; its hours can still be listed."
        )
    return found


def find_source_history(sources: Sources, source_id: str) -> Versioned[Source]:
    """Return a source, also a deleted one, or raise ``NotFound``."""
    if not ID_PATTERN.fullmatch(source_id):
        # The text is not repeated: it may be anything, a secret too.
        raise NotFound("source_not_found", "There is no source of that name.")
    found = sources.get(source_id)
    if found is None:
        raise NotFound("source_not_found", f"There is no source {source_id}.")
    return found
