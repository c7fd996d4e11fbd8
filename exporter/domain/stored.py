"""What storage hands out: a value together with the ETag to change it by."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StoredBlob:
    """A blob in a customer's container: ``size`` in bytes, ``md5`` in base64 if the service knows it."""

    name: str
    etag: str
    size: int
    md5: str | None


@dataclass(frozen=True, slots=True)
class Content:
    """A small blob, read whole: ``body`` is its content."""

    etag: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Versioned[Value]:
    """A stored value and the ETag to change it by."""

    value: Value
    etag: str
