"""An hour of landing data: its files, generated while they are read, and the expected export."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from infra.local.sample.event_rows import EventRows
from infra.local.sample.forms import written
from infra.local.sample.merge_rows import MergeRows
from infra.local.sample.plan import Blob, Plan, Regular
from infra.local.sample.recipe import DataType, Recipe
from infra.local.sample.times import hour_index
from infra.local.sample.truth import Truth


@dataclass(frozen=True, slots=True)
class LandingFile:
    """A blob of the landing container. Its bytes are generated at each access and always the same."""

    name: str
    data_type: DataType
    _plan: Plan = field(repr=False)
    _blob: Blob = field(repr=False)
    _gzip_level: int = field(repr=False)

    @property
    def chunks(self) -> Iterator[bytes]:
        """The bytes, in chunks of at most a few hundred KB, except for a huge line."""
        return written(self._blob.form, self._lines(), self._gzip_level)

    def content(self) -> bytes:
        """Return all bytes at once."""
        return b"".join(self.chunks)

    def _lines(self) -> Iterator[bytes]:
        for piece in self._plan.pieces(self._blob):
            if isinstance(piece, Regular):
                yield from self._plan.rows.lines(piece.first, piece.end)
            else:
                yield piece.line + b"\n"


@dataclass(frozen=True, slots=True)
class LandingHour:
    """The landing data of one hour. The work is done while files or expected rows are iterated."""

    recipe: Recipe
    start: datetime

    def __post_init__(self) -> None:
        hour_index(self.start)

    def __iter__(self) -> Iterator[LandingFile]:
        return self.files()

    def files(self, *data_types: DataType) -> Iterator[LandingFile]:
        """Yield the files that have landed when the hour ends, in landing order; by default of both types."""
        for data_type in data_types or DataType:
            plan = self._plan(data_type)
            for blob in plan.blobs():
                yield self._file(data_type, plan, blob)

    def late_files(self, *data_types: DataType) -> Iterator[LandingFile]:
        """Yield the files that land after the export: some with the fault ``LATE_BLOB``, otherwise none."""
        for data_type in data_types or DataType:
            plan = self._plan(data_type)
            for blob in plan.late_blobs():
                yield self._file(data_type, plan, blob)

    def truth(self, data_type: DataType = DataType.EVENTS) -> Truth:
        """Return what the export of the files must contain."""
        plan = self._plan(data_type)
        return self._truth(data_type, plan, tuple(plan.blobs()))

    def late_truth(self, data_type: DataType = DataType.EVENTS) -> Truth:
        """Return what the late files must add to the export."""
        plan = self._plan(data_type)
        return self._truth(data_type, plan, tuple(plan.late_blobs()))

    def folder(self, data_type: DataType) -> str:
        """Return for example ``events/187520/2026/01/31/05/``."""
        owner = self.recipe.project_id if data_type is DataType.EVENTS else self.recipe.org_id
        return f"{data_type}/{owner}/{self.start:%Y/%m/%d/%H}/"

    def _plan(self, data_type: DataType) -> Plan:
        hour = hour_index(self.start)
        gzip = self.recipe.gzip_level > 0
        if data_type is DataType.EVENTS:
            rows = EventRows(self.recipe, hour)
            return Plan(rows, self.recipe.event_blobs, self.recipe.faults, gzip=gzip, suffix="")
        # Several projects of an organisation share the folder of its merges.
        return Plan(
            MergeRows(self.recipe, hour),
            self.recipe.merge_blobs,
            self.recipe.faults,
            gzip=gzip,
            suffix=f"-{self.recipe.project_id}",
        )

    def _file(self, data_type: DataType, plan: Plan, blob: Blob) -> LandingFile:
        return LandingFile(
            self.folder(data_type) + blob.name, data_type, plan, blob, max(1, self.recipe.gzip_level)
        )

    def _truth(self, data_type: DataType, plan: Plan, blobs: tuple[Blob, ...]) -> Truth:
        return Truth(data_type, self.recipe.project_id, self.folder(data_type), plan, blobs)
