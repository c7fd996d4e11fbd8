"""The implementation that reads rows in this process."""

from typing import Literal

from exporter.pipeline.native.scanner import library

type RowReader = Literal["native", "python"]


def row_reader() -> RowReader:
    """Return whether rows are read by compiled code (``native``) or by Python code."""
    return "native" if library() is not None else "python"
