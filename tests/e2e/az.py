"""The few commands of ``az`` that the drills use, for the storage emulator.

The tests run the commands of the docs, and Azure's own tool cannot sign in to an emulator. An unknown option
is an error; to delete a missing container is not. ``AZURE_STORAGE_CONNECTION_STRING`` names the account.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress

from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables import TableServiceClient
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueClient


def delete_table(connection_string: str, options: argparse.Namespace) -> None:
    """Do ``az storage table delete``."""
    with TableServiceClient.from_connection_string(connection_string) as service:
        service.delete_table(options.name)


def delete_container(connection_string: str, options: argparse.Namespace) -> None:
    """Do ``az storage container delete``."""
    with (
        BlobServiceClient.from_connection_string(connection_string) as service,
        suppress(ResourceNotFoundError),
    ):
        service.delete_container(options.name)


def clear_messages(connection_string: str, options: argparse.Namespace) -> None:
    """Do ``az storage message clear``."""
    with QueueClient.from_connection_string(connection_string, options.queue_name) as queue:
        queue.clear_messages()


COMMANDS: dict[tuple[str, ...], tuple[Callable[[str, argparse.Namespace], None], str]] = {
    ("storage", "table", "delete"): (delete_table, "--name"),
    ("storage", "container", "delete"): (delete_container, "--name"),
    ("storage", "message", "clear"): (clear_messages, "--queue-name"),
}


def main(arguments: Sequence[str]) -> None:
    """Run a command line."""
    do, named = COMMANDS[tuple(arguments[:3])]
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument(named, required=True)
    parser.add_argument("--account-name", required=True)
    parser.add_argument("--auth-mode", choices=["login", "key"], required=True)
    do(os.environ["AZURE_STORAGE_CONNECTION_STRING"], parser.parse_args(arguments[3:]))  # noqa: TID251  as az does


if __name__ == "__main__":
    main(sys.argv[1:])
