"""Read everything that the app has stored, to search it for secrets."""

import base64
import gzip
import json
import zlib
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

from azure.data.tables import TableServiceClient
from azure.storage.queue import QueueServiceClient

from tests.support.installation import Installation


def disguises(secret: str) -> set[bytes]:
    """Return the secret in every form that programs give to texts: plain, URL-encoded, base64, JSON."""
    encoded = base64.b64encode(secret.encode()).decode()
    forms = {secret, quote(secret), quote(secret, safe=""), quote_plus(secret), encoded, encoded.rstrip("=")}
    forms |= {base64.urlsafe_b64encode(secret.encode()).decode().rstrip("=")}
    return {form.encode() for form in forms} | {json.dumps(form)[1:-1].encode() for form in forms}


def stored(installation: Installation) -> Iterator[tuple[str, bytes]]:
    """Yield place and content of every row, blob and message, uncompressed and decoded."""
    text = installation.connection_string
    with TableServiceClient.from_connection_string(text) as tables:
        for table in tables.list_tables():
            for row in tables.get_table_client(table.name).list_entities():
                for column, value in row.items():
                    content = value if isinstance(value, bytes) else str(value).encode()
                    yield f"table {table.name}, {column}", content
                packed = b"".join(row[name] for name in sorted(row) if name.startswith("document"))
                if packed:
                    yield f"table {table.name}, document", zlib.decompress(packed)
    for container in installation.blobs.list_containers():
        with installation.blobs.get_container_client(container.name) as client:
            for blob in client.list_blobs(include=["metadata"]):
                body = client.download_blob(blob.name).readall()
                plain = gzip.decompress(body) if blob.name.endswith(".gz") else body
                yield f"blob {container.name}/{blob.name}", plain + str(blob).encode() + body
    with QueueServiceClient.from_connection_string(text) as queues:
        for queue in queues.list_queues():
            for message in queues.get_queue_client(queue.name).peek_messages(max_messages=32):
                yield f"queue {queue.name}", message.content.encode()
                yield f"queue {queue.name}, decoded", decoded(message.content)


def decoded(text: str) -> bytes:
    """Return the decoded content of a text; empty if it is not base64."""
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return b""
