"""Tables for a terminal, in a form that can be pasted into a Markdown page as it is."""

import re
from collections.abc import Sequence

MB = 1_000_000
_NUMBER = re.compile(r"[\d,.]+%?")


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return the rows below their header; columns of numbers are aligned to the right."""
    cells = [[str(cell) for cell in row] for row in (header, *rows)]
    columns = [_column(column) for column in zip(*cells, strict=True)]
    return "\n".join(f"| {' | '.join(line)} |" for line in zip(*columns, strict=True))


def show(title: str, header: Sequence[str], rows: Sequence[Sequence[object]], *notes: str) -> None:
    """Print a table with its title above, and what is to be said about it below."""
    print(
        "\n".join(["", f"## {title}", "", table(header, rows), *(["", *notes] if notes else [])]), flush=True
    )


def megabytes(size: float) -> str:
    """Return a number of bytes in MB, with as many digits as mean something."""
    return f"{size / MB:,.0f}" if size >= 10 * MB else f"{size / MB:.1f}"


def _column(cells: Sequence[str]) -> list[str]:
    """Return the cells of a column, the rule below its title among them, all of one width."""
    title, *others = cells
    width = max(3, *map(len, cells))
    if all(_NUMBER.fullmatch(cell) for cell in others if cell):
        return [title.rjust(width), "-" * (width - 1) + ":", *(cell.rjust(width) for cell in others)]
    return [title.ljust(width), "-" * width, *(cell.ljust(width) for cell in others)]
