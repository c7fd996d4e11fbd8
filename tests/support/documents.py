"""Reading the documents of the project."""


def table(document: str, header: str) -> list[list[str]]:
    """Return the cells of the table that has this header."""
    _, _, rest = document.partition(f"{header}\n")
    assert rest, f"no table {header}"
    lines = rest.splitlines()[1:]
    rows = lines[: next((number for number, line in enumerate(lines) if not line.startswith("|")), None)]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
