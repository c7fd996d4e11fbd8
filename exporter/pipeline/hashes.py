"""Hashes of file contents, as the storage service expects them."""

import base64
import hashlib
from collections.abc import Iterable


def size_and_md5(pieces: Iterable[bytes]) -> tuple[int, str]:
    """Return the size of a content in bytes, and its MD5 in base64."""
    size, md5 = 0, hashlib.md5(usedforsecurity=False)
    for piece in pieces:
        size += len(piece)
        md5.update(piece)
    return size, base64.b64encode(md5.digest()).decode()


def md5_base64(body: bytes) -> str:
    """Return the MD5 of a content, in base64."""
    return size_and_md5([body])[1]
