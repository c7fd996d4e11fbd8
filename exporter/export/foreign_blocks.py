"""Blocks of other programs under the names of our files: they refuse ours until they are discarded."""

from exporter.domain.errors import ForeignBlocks
from exporter.ports import Container


def void_foreign_blocks(container: Container, blocks: ForeignBlocks) -> bool:
    """Discard the uncommitted blocks under a name; False, and nothing is done, if a file has it.

    The name is emptied and deleted again, which no reader takes for data. A file that is there is not emptied
    here: its rows would be gone before others are staged.
    """
    if any(blob.name == blocks.name for blob in container.find(blocks.name)):
        return False
    container.fence(blocks.name, etag=None)
    return True
