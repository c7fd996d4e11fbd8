"""Download complete hours from the container into a folder, marker first.

    python download.py CONTAINER_URL FOLDER [PREFIX]

CONTAINER_URL has a shared access signature, or none for your own sign-in (``az login``). PREFIX is the
beginning of names, such as 187520_2026-01-31_ for a day. Run it as often as you like: it downloads only hours
that are new or have changed. Needs azure-storage-blob and azure-identity.
"""

import json
import sys
from pathlib import Path

from azure.core.exceptions import ResourceNotFoundError
from azure.identity import DefaultAzureCredential
from azure.storage.blob import ContainerClient


def download_hour(container: ContainerClient, marker: str, folder: Path) -> bool:
    """Download the parts that a marker names; return False if this version of the hour is there already.

    The folder of an hour has the name of its marker and holds this hour only. So an hour that got late rows,
    or was exported again, replaces what was downloaded before.
    """
    target, version = folder / marker, folder / marker / "_version"
    blob = container.get_blob_client(marker)
    while True:
        try:
            stream = blob.download_blob()
            content, etag = stream.readall(), stream.properties.etag
            if version.exists() and version.read_text() == etag:
                return False
            # A marker of 0 bytes is about to be deleted.
            names = [part["name"] for part in json.loads(content)["parts"]] if content else []
            parts = {name: container.download_blob(name).readall() for name in names}
            if content and blob.get_blob_properties().etag == etag:
                break
        except ResourceNotFoundError:
            return False  # the hour is being replaced: the next run finds it
    version.unlink(missing_ok=True)
    target.mkdir(parents=True, exist_ok=True)
    for old in target.iterdir():
        old.unlink()
    for name, body in parts.items():
        (target / name.rpartition("/")[2]).write_bytes(body)
    version.write_text(etag)
    return True


def download(container: ContainerClient, folder: Path, prefix: str = "") -> int:
    """Download the hours whose markers begin with a prefix; return how many were new or had changed."""
    names = container.list_blob_names(name_starts_with=prefix)
    return sum(download_hour(container, name, folder) for name in names if name.endswith("_complete"))


if __name__ == "__main__":
    credential = None if "sig=" in sys.argv[1] else DefaultAzureCredential()
    with ContainerClient.from_container_url(sys.argv[1], credential) as source:
        print(download(source, Path(sys.argv[2]), *sys.argv[3:]), "hours")
