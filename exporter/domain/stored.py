"""What storage hands out: a value together with the ETag to change it by."""

import hashlib
from dataclasses import dataclass

_TAG_CHARACTERS = 32


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

    @property
    def tag(self) -> str:
        """The ETag as it is shown over HTTP: opaque and strong, since weak ones never match an If-Match."""
        return f'"{hashlib.sha256(self.etag.encode()).hexdigest()[:_TAG_CHARACTERS]}"'

    def matches(self, if_match: str) -> bool:
        """Whether an If-Match or If-None-Match header speaks of this version: it lists the tag, or ``*``."""
        return {"*", self.tag} & {tag.strip() for tag in if_match.split(",")} != set()
