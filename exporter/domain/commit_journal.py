"""The journal of an hour's commit: what the next attempt needs to complete it, or to fence it."""

from dataclasses import dataclass

from exporter.domain.allowed_hosts import same_container
from exporter.domain.marker import StagedFile


@dataclass(frozen=True, slots=True)
class Doubt:
    """A file of an hour that is to be gone: it is there, or an earlier attempt could still commit it.

    ``container`` is its account and container. ``bytes`` and ``md5`` describe its content as far as that is
    known: a file that is to have exactly this content is in no doubt.
    """

    container: str
    name: str
    bytes: int = -1
    md5: str | None = None


@dataclass(frozen=True, slots=True)
class CommitJournal:
    """How far the commit of an hour is.

    ``committing``: an attempt was about to commit the recorded content, and has not closed the hour.
    ``files`` says where the files are staged that it commits; the other parts are in the container already.
    ``in_doubt`` lists every file that is no part of the recorded content, and that is there or could still be
    committed.
    """

    committing: bool = False
    files: tuple[StagedFile, ...] = ()
    in_doubt: tuple[Doubt, ...] = ()

    def closed(self, target: str) -> "CommitJournal":
        """Return the journal after a commit to a target: only files of other containers stay in doubt."""
        elsewhere = (each for each in self.in_doubt if not same_container(each.container, target))
        return CommitJournal(in_doubt=tuple(elsewhere))
