"""Uncommitted blocks of other programs under the names of our files: storage refuses ours beside them."""

from exporter.domain.errors import ForeignBlocks
from exporter.ports import Container

# Each time, the foreign blocks under one more name are discarded.
STAGINGS_MAX = 5


def void_foreign_blocks(container: Container, blocks: ForeignBlocks) -> bool:
    """Discard the uncommitted blocks under a name; return False, and do nothing, if a file has the name.

    A file is not fenced here: its rows would be gone before others are staged.
    """
    if any(blob.name == blocks.name for blob in container.find(blocks.name)):
        return False
    container.fence(blocks.name, etag=None)
    return True
