"""What is exported of an hour: its rows and parts, and what they were made of."""

from collections import Counter
from dataclasses import dataclass, field

from exporter.domain.destination import Output
from exporter.domain.marker import Part
from exporter.domain.row_schema import Reason
from exporter.domain.streams import LandingFingerprint


@dataclass(frozen=True, slots=True)
class RowCounts:
    """How many rows of an hour were exported, filtered, duplicate or rejected: each row read is one of these.

    ``amended`` rows are among the exported. ``rejected_by_reason`` says why rows were rejected, as far as
    that is known: pairs of a reason and a count above 0, sorted by reason.
    """

    exported: int = 0
    filtered: int = 0
    duplicate: int = 0
    rejected: int = 0
    amended: int = 0
    rejected_by_reason: tuple[tuple[Reason, int], ...] = ()

    @property
    def read(self) -> int:
        """All rows that the hour's landing blobs hold."""
        return self.exported + self.filtered + self.duplicate + self.rejected

    @property
    def lost(self) -> bool:
        """Whether there were rows, and all of them were rejected."""
        return self.rejected == self.read > 0

    @property
    def warning(self) -> str | None:
        """What a reader of an hour with these counts should know: all of its rows were rejected."""
        if not self.lost:
            return None
        reasons = ", ".join(f"{reason} {count}" for reason, count in self.rejected_by_reason)
        return (
            f"Rows that landed: {self.read}; rejected: all of them{f' ({reasons})' if reasons else ''}."
            " They are kept in the container rejected. Correct the program that fills the landing container,"
            " let it land the rows again, and start a backfill of the hour."
        )

    def __add__(self, other: "RowCounts") -> "RowCounts":
        """Return both together."""
        reasons = Counter(dict(self.rejected_by_reason)) + Counter(dict(other.rejected_by_reason))
        return RowCounts(
            self.exported + other.exported,
            self.filtered + other.filtered,
            self.duplicate + other.duplicate,
            self.rejected + other.rejected,
            self.amended + other.amended,
            tuple(sorted(reasons.items())),
        )


@dataclass(frozen=True, slots=True)
class AppendBase:
    """What an hour held before late rows were appended.

    How many ``parts``, ``digests`` and ``rejected`` blobs, the counts of its ``rows``, and the ``landing``
    fingerprint.
    """

    parts: int
    digests: int
    rows: RowCounts
    rejected: int = 0
    landing: LandingFingerprint | None = None


@dataclass(frozen=True, slots=True)
class Provenance:
    """What the files of an hour were made of, and where they went.

    ``target`` names account, container and prefix (``account|container|prefix``), ``marker`` the completion
    marker if there is one. ``landing`` is the fingerprint of the landing blobs that were read, None if it is
    not known; ``digests`` are our own blobs that hold the keys of the exported rows. ``kept`` is set if late
    rows were appended. The first ``rejected_before`` blobs of rejected rows belong to landing blobs that were
    gone when the hour was written.
    """

    target: str = ""
    marker: str | None = None
    landing: LandingFingerprint | None = None
    digests: tuple[str, ...] = ()
    kept: AppendBase | None = None
    rejected_before: int = 0

    @property
    def kept_parts(self) -> int:
        """How many of the parts, from the first on, were there before."""
        return self.kept.parts if self.kept else 0

    @property
    def container(self) -> str:
        """The account and container that the files went to; empty if that was never recorded."""
        return container_of(self.target)


def container_of(target: str) -> str:
    """Return the account and container of a target, without its prefix."""
    return target.rpartition("|")[0]


@dataclass(frozen=True, slots=True)
class HourFigures:
    """The figures of an hour: exported and rejected ``rows``, and the compressed ``bytes`` of its parts.

    ``late`` says whether late rows were appended since the hour was exported whole.
    """

    rows: int = 0
    rejected: int = 0
    bytes: int = 0
    late: bool = False


@dataclass(frozen=True, slots=True)
class HourContent:
    """What an hour is, or is to be: its parts in order, and what they are made of.

    ``filter_sha256`` and ``output`` are the settings that the files were made with, which may have been
    changed since; ``output`` is None if it is not known. ``rejected`` are our own blobs that hold the
    rejected and amended rows of this hour; no other blobs count.
    """

    rows: RowCounts = field(default_factory=RowCounts)
    parts: tuple[Part, ...] = ()
    filter_sha256: str | None = None
    output: Output | None = None
    origin: Provenance = field(default_factory=Provenance)
    rejected: tuple[str, ...] = ()

    @property
    def figures(self) -> HourFigures:
        """The figures of the hour."""
        return HourFigures(
            self.rows.exported,
            self.rows.rejected,
            sum(part.bytes for part in self.parts),
            self.origin.kept is not None,
        )
