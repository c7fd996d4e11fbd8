"""Rows of one table of our own account, as the service knows them."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError, ResourceModifiedError, ResourceNotFoundError

from exporter.domain.errors import Conflict
from exporter.storage.clients import Account
from exporter.storage.own.entities import Entity
from exporter.storage.own.errors import create_if_missing, own_storage
from exporter.storage.sdk_errors import confirm_write, is_missing

if TYPE_CHECKING:
    from azure.data.tables import TableClient, TableEntity

# The update mode that replaces the whole row. (The SDK's own name for it would import the SDK.)
REPLACE: Any = "replace"
# The service takes no more rows in one transaction.
TRANSACTION_ROWS_MAX = 100


class EntityTable:
    """A table. One that does not exist reads as empty; its first row creates it."""

    def __init__(self, account: Account, name: str) -> None:
        self._account = account
        self._name = name

    @cached_property
    def _client(self) -> "TableClient":
        return self._account.tables.get_table_client(self._name)

    def get(self, partition: str, key: str) -> tuple[Entity, str] | None:
        """Return a row and its ETag, or None if there is none."""
        with own_storage():
            found = self._entity(partition, key)
        return (self._row(found), _etag(found)) if found is not None else None

    def find(
        self,
        condition: str,
        parameters: dict[str, str],
        columns: list[str] | None = None,
        page_rows: int | None = None,
    ) -> Iterator[tuple[Entity, str]]:
        """Yield the rows that meet an OData condition, with their ETags, by key; lazily, page by page.

        A page has ``page_rows`` rows, by default the 1,000 that the service allows at most.
        """
        with own_storage():
            try:
                for found in self._client.query_entities(
                    condition, parameters=parameters, select=columns, results_per_page=page_rows
                ):
                    yield self._row(found), _etag(found)
            except HttpResponseError as error:
                if not is_missing(error):
                    raise

    def put(self, row: dict[str, Any], etag: str | None) -> str:
        """Write a row over the one of that ETag (None: where none is), and return its new ETag.

        ``Conflict`` if the stored ETag is another one, unless the stored row equals the new one.
        """

        def write() -> str:
            if etag is None:
                return str(self._client.create_entity(row)["etag"])
            condition = MatchConditions.IfNotModified
            try:
                answer = self._client.update_entity(row, REPLACE, etag=etag, match_condition=condition)
            except ResourceNotFoundError as error:
                if is_missing(error):
                    raise
                raise Conflict(f"the row {row['RowKey']} of the table {self._name} was deleted") from error
            return str(answer["etag"])

        return self._confirmed(write, row)

    def put_together(
        self, first: tuple[dict[str, Any], str | None], *others: tuple[dict[str, Any], str | None]
    ) -> str:
        """Write rows of one partition in one transaction, each over that of its ETag (None: where none is).

        Return the new ETag of the first row. ``Conflict`` if a condition does not hold, unless the stored
        first row equals the new one.
        """

        def write() -> str:
            try:
                answers = self._client.submit_transaction([_operation(*each) for each in (first, *others)])
            except HttpResponseError as error:
                if error.status_code != HTTPStatus.NOT_FOUND or is_missing(error):
                    raise
                raise Conflict(f"a row of the table {self._name} was deleted") from error
            return str(answers[0]["etag"])

        return self._confirmed(write, first[0])

    def put_any(self, row: dict[str, Any]) -> str:
        """Write a row, whatever is stored, and return its new ETag."""
        with own_storage():
            answer = create_if_missing(
                lambda: self._client.upsert_entity(row, REPLACE), self._client.create_table
            )
            return str(answer["etag"])

    def put_any_together(self, rows: Sequence[dict[str, Any]]) -> None:
        """Write rows of one partition in one transaction, whatever is stored."""
        operations: list[Any] = [("upsert", row, {"mode": REPLACE}) for row in rows]
        with own_storage():
            create_if_missing(lambda: self._client.submit_transaction(operations), self._client.create_table)

    def delete(self, partition: str, key: str) -> None:
        """Delete a row; a missing one is no error."""
        with own_storage():
            # The SDK reports no error if the row or the table does not exist.
            self._client.delete_entity(partition, key)

    def delete_if(self, partition: str, key: str, etag: str) -> None:
        """Delete a row if it has that ETag; a changed row stays, and a missing one is no error."""
        with own_storage(), suppress(ResourceModifiedError):
            self._client.delete_entity(
                partition, key, etag=etag, match_condition=MatchConditions.IfNotModified
            )

    def _confirmed(self, write: Callable[[], str], row: dict[str, Any]) -> str:
        """Do a write, create the table if it is missing, and look whether a write without answer landed."""

        def landed() -> str | None:
            found = self._entity(row["PartitionKey"], row["RowKey"])
            return _etag(found) if found is not None and found == row else None

        with own_storage():
            return create_if_missing(lambda: confirm_write(write, landed), self._client.create_table)

    def _entity(self, partition: str, key: str) -> "TableEntity | None":
        try:
            return self._client.get_entity(partition, key)
        except ResourceNotFoundError:
            return None

    def _row(self, found: "TableEntity") -> Entity:
        return Entity(self._name, found)


def _etag(found: "TableEntity") -> str:
    return str(found.metadata["etag"])


def _operation(row: dict[str, Any], etag: str | None) -> Any:  # noqa: ANN401  one of the SDK's unions
    """Return the operation of a transaction that writes a row."""
    if etag is None:
        return ("create", row)
    return ("update", row, {"mode": REPLACE, "etag": etag, "match_condition": MatchConditions.IfNotModified})
