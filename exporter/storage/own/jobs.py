"""Background jobs in a table: a partition for each destination, a row for each job."""

from collections.abc import Sequence
from enum import StrEnum

from exporter.domain.versioned import Rows
from exporter.storage.clients import Account
from exporter.storage.own.columns import enum_column
from exporter.storage.own.documents import Document
from exporter.storage.own.entities import unversioned
from exporter.storage.own.tables import Table, TableSpec


def job_spec[Value](
    name: str, kind: type[Value], owner_field: str, status: type[StrEnum], document: Document[Value]
) -> TableSpec[str, str, Value]:
    """Return the specification of jobs: a partition for each owner, and a row for each ``id`` of a job.

    ``document`` leaves out the owner, the id and the status, which are columns.
    """
    return TableSpec(
        name=name,
        kind=kind,
        keys=lambda owner, job_id: (owner, job_id),
        parse_keys=lambda owner, job_id: (owner, job_id),
        key_fields=(owner_field, "id"),
        columns={"status": enum_column(status)},
        document=document,
    )


class JobsTable[Job](Table[str, str, Job]):
    """The jobs of one kind; ``unfinished`` are the statuses of those that have not ended."""

    def __init__(
        self,
        account: Account,
        spec: TableSpec[str, str, Job],
        unfinished: Sequence[StrEnum],
        name: str | None = None,
    ) -> None:
        super().__init__(account, spec, name)
        self._unfinished = {status.value: status.value for status in unfinished}

    def of(self, destination_id: str) -> Rows[Job]:
        """Return the jobs of a destination."""
        return unversioned(self.find("PartitionKey eq @destination", destination=destination_id))

    def unfinished(self) -> Rows[Job]:
        """Return the jobs of all destinations that have not ended."""
        # The service reads every row of the table for this. People request jobs by hand: they stay few.
        condition = " or ".join(f"status eq @{name}" for name in self._unfinished)
        return unversioned(self.find(condition, **self._unfinished))
