"""The memory of a single line with the greatest length, of the kinds that need the most."""

import base64
import gzip
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from exporter.pipeline.lines import LINE_BYTES_MAX
from tests.bench import rounds
from tests.bench.child import OURS
from tests.bench.lab import HOUR, PROJECT_ID
from tests.bench.tables import MB, megabytes, show

_ROW = (
    b'{"uuid":"00000000-0000-4000-8000-000000000001","event_type":"hard","event_time":"%(hour)s:00:01",'
    b'"server_upload_time":"%(hour)s:00:02","event_properties":{"text":"%(text)s"}}'
)
# Backslashes, the letter n, and one complete pair: nothing to replace, but every escape must be read.
_PAIR = rb"\ud83d\ude00"
_EMOJI = "\N{GRINNING FACE}".encode()


def _row(text: bytes) -> bytes:
    return _ROW % {b"hour": HOUR.key.encode(), b"text": text}


def _noise(size: int) -> bytes:
    """Return letters that compress badly."""
    return base64.b64encode(random.Random(1).randbytes(size * 3 // 4))  # noqa: S311  no secrets


def _longest() -> bytes:
    return _row(_EMOJI + _noise(LINE_BYTES_MAX - 1024))


LINES: dict[str, Callable[[], bytes]] = {
    "10 MB of letters": lambda: _row(_noise(10 * MB)),
    "10 MB of escapes, with an emoji in escapes": lambda: _row(_PAIR + rb"\n" * (5 * MB)),
    "16 MiB of letters, with an emoji": _longest,
    "16 MiB of letters, with an emoji, rejected": lambda: _longest()[:-1],
    "16 MiB that is not UTF-8, rejected": lambda: _longest().replace(b"z", b"\xff", 1),
}


def run(folder: Path) -> list[str]:
    """Measure the lines and print the table."""
    print("Long lines ...", flush=True)
    show_lines(peaks(folder, LINES))
    return []


def show_lines(found: dict[str, tuple[int, int]]) -> None:
    """Print how much each line adds to the peak of a process that exports files to a file."""
    show(
        "One long line",
        ("line", "peak MB", "of it for the line"),
        [(name, megabytes(peak), megabytes(peak - without)) for name, (peak, without) in found.items()],
        "Peak of a process that exports a file with only that line; the rest is the peak with a short line.",
    )


def peaks(folder: Path, lines: Mapping[str, Callable[[], bytes]]) -> dict[str, tuple[int, int]]:
    """Return, for each line, the peak with it and the peak with a short line instead."""
    without = _peak(folder, _row(b""))
    return {name: (_peak(folder, line()), without) for name, line in lines.items()}


def _peak(folder: Path, line: bytes) -> int:
    with TemporaryDirectory(dir=folder) as scratch:
        landed = Path(scratch, "landing")
        landed.mkdir()
        with gzip.open(landed / "a.json.gz", "wb", compresslevel=1) as blob:
            blob.write(line + b"\n")
        return rounds.in_child(OURS, landed, Path(scratch, "part"), PROJECT_ID, HOUR.key).peak
