"""The few commands of ``az`` that the docs use and that run on the storage emulator.

The tests run the commands of the docs, and Azure's own tool cannot sign in to an emulator. An unknown option
is an error; to delete a missing container is not. ``AZURE_STORAGE_CONNECTION_STRING`` names the account.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

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


def upload_blob(connection_string: str, options: argparse.Namespace) -> None:
    """Do ``az storage blob upload``: without ``--overwrite``, an existing blob is an error."""
    with BlobServiceClient.from_connection_string(connection_string) as service:
        blob = service.get_blob_client(options.container_name, options.name)
        blob.upload_blob(Path(options.file).read_bytes(), overwrite=options.overwrite)


type _Command = Callable[[str, argparse.Namespace], None]
# Each command with the options that it needs besides those that all need, and with its switches.
COMMANDS: dict[tuple[str, ...], tuple[_Command, tuple[str, ...], tuple[str, ...]]] = {
    ("storage", "table", "delete"): (delete_table, ("--name",), ()),
    ("storage", "container", "delete"): (delete_container, ("--name",), ()),
    ("storage", "message", "clear"): (clear_messages, ("--queue-name",), ()),
    ("storage", "blob", "upload"): (
        upload_blob,
        ("--container-name", "--name", "--file"),
        ("--overwrite",),
    ),
}


def main(arguments: Sequence[str]) -> None:
    """Run a command line."""
    do, needed, switches = COMMANDS[tuple(arguments[:3])]
    parser = argparse.ArgumentParser(allow_abbrev=False)
    for name in needed:
        parser.add_argument(name, required=True)
    for name in switches:
        parser.add_argument(name, action="store_true")
    parser.add_argument("--account-name", required=True)
    parser.add_argument("--auth-mode", choices=["login", "key"], required=True)
    do(os.environ["AZURE_STORAGE_CONNECTION_STRING"], parser.parse_args(arguments[3:]))  # noqa: TID251  as az does


if __name__ == "__main__":
    main(sys.argv[1:])
