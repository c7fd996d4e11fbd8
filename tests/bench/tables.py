"""Print tables in Markdown, which a terminal shows well, too."""

import re
from collections.abc import Sequence

MB = 1_000_000
_NUMBER = re.compile(r"[\d,.]+%?")


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a table of a header and rows. Columns of numbers are aligned to the right."""
    cells = [[str(cell) for cell in row] for row in (header, *rows)]
    columns = [_column(column) for column in zip(*cells, strict=True)]
    return "\n".join(f"| {' | '.join(line)} |" for line in zip(*columns, strict=True))


def show(title: str, header: Sequence[str], rows: Sequence[Sequence[object]], *notes: str) -> None:
    """Print a table with its title above and a note below."""
    print(
        "\n".join(["", f"## {title}", "", table(header, rows), *(["", *notes] if notes else [])]), flush=True
    )


def megabytes(size: float) -> str:
    """Return a number of bytes in MB, rounded to its significant digits."""
    return f"{size / MB:,.0f}" if size >= 10 * MB else f"{size / MB:.1f}"


def _column(cells: Sequence[str]) -> list[str]:
    """Return the cells of a column and the rule below its title, all of the same width."""
    title, *others = cells
    width = max(3, *map(len, cells))
    if all(_NUMBER.fullmatch(cell) for cell in others if cell):
        return [title.rjust(width), "-" * (width - 1) + ":", *(cell.rjust(width) for cell in others)]
    return [title.ljust(width), "-" * width, *(cell.ljust(width) for cell in others)]
