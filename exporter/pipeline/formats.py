"""File formats of exported parts. Gzip of newline-delimited JSON is the only one.

A further format is a ``Format`` in ``FORMATS``: ``Naming.suffix`` chooses it, and a file's name shows it.
A file is read back by its content, not by its name: the reader takes gzip and plain lines.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from exporter.domain.destination import Compression
from exporter.domain.file_names import NDJSON_GZIP_SUFFIX
from exporter.pipeline.exported import Exported
from exporter.pipeline.gzip_writer import GzipWriter


class Writer(Protocol):
    """One file in the making. The same rows give the same bytes.

    ``rows`` counts what was added. Once the file is finished, ``size`` is its size in bytes and ``md5`` the
    base64 of its MD5.
    """

    rows: int
    size: int

    @property
    def md5(self) -> str:
        """The base64 of the MD5 of all bytes."""
        ...

    @property
    def full(self) -> bool:
        """Whether the file has reached its limit: the next row belongs to the next file."""
        ...

    def add(self, rows: Exported) -> Iterator[bytes]:
        """Add rows; yield the blocks that became complete, which are mostly none."""
        ...

    def finish(self) -> Iterator[bytes]:
        """Yield the rest of the file in blocks. A file without rows is valid."""
        ...


@dataclass(frozen=True, slots=True)
class Format:
    """A file format: what names, stores and writes its files."""

    suffix: str
    """Ends the names of its files."""
    content_type: str
    """Stored with the file, with no content encoding: with one, SDKs and proxies decompress silently."""
    empty: bytes
    """The content of a file without rows."""
    writer: Callable[[Compression, int | None], Writer]
    """Begins a file, with a limit in bytes if there is one."""
    passthrough: bool
    """Whether a gzip landing blob whose lines are exported unchanged is a file of this format."""


NDJSON_GZIP = Format(
    suffix=NDJSON_GZIP_SUFFIX,
    content_type="application/gzip",
    empty=b"".join(GzipWriter().finish()),
    writer=GzipWriter,
    passthrough=True,
)
FORMATS = {each.suffix: each for each in (NDJSON_GZIP,)}


def format_of(name: str) -> Format:
    """Return the format that a file name tells; ``LookupError`` if it is no part's name."""
    found = [each for suffix, each in FORMATS.items() if name.endswith(suffix)]
    if not found:
        raise LookupError(f"no file format has names like {name}")
    return found[0]
