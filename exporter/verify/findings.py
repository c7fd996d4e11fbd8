"""Findings of one step of a verification: a blob of our own storage, one line of JSON for each wrong hour."""

from collections.abc import Iterable, Iterator

import msgspec

from exporter.domain.data_types import DataType
from exporter.domain.hour import Hour
from exporter.domain.verification import Finding, HourCheck, Verdict
from exporter.ports import BlobStore


class FindingsLostError(Exception):
    """A blob with the findings of a step is gone, or has other content than was written."""


class _Line(msgspec.Struct, forbid_unknown_fields=True):
    hour: str
    data_type: DataType
    verdict: Verdict
    findings: tuple[Finding, ...]
    repairable: bool
    more: int


_LINE = msgspec.json.Decoder(_Line)


def encode_findings(checks: Iterable[HourCheck]) -> Iterator[bytes]:
    """Yield the blob's lines."""
    for each in checks:
        line = _Line(each.hour.key, each.data_type, each.verdict, each.findings, each.repairable, each.more)
        yield msgspec.json.encode(line) + b"\n"


def decode_findings(pieces: Iterable[bytes]) -> Iterator[HourCheck]:
    """Yield the wrong hours that a blob's content lists; ValueError if it is not such a list."""
    # One step writes a few MiB at most.
    for line in b"".join(pieces).splitlines():
        try:
            found = _LINE.decode(line)
        except msgspec.MsgspecError as error:
            raise ValueError(f"not a finding: {error}") from error
        yield HourCheck(
            Hour.parse(found.hour),
            found.data_type,
            found.verdict,
            found.findings,
            repairable=found.repairable,
            more=found.more,
        )


def read_findings(state: BlobStore, names: Iterable[str]) -> Iterator[HourCheck]:
    """Yield the wrong hours in these blobs, in their order; ``FindingsLostError`` at the first lost blob."""
    for name in names:
        pieces = state.read(name)
        if pieces is None:
            raise FindingsLostError(name)
        try:
            yield from decode_findings(pieces)
        except ValueError as error:
            raise FindingsLostError(name) from error
