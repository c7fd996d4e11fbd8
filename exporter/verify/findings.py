"""What a step of a verification found, as a blob of our own: a line of JSON for each hour that is wrong."""

from collections.abc import Iterable, Iterator

import msgspec

from exporter.domain.hour import Hour
from exporter.domain.streams import DataType
from exporter.domain.verification import Finding, HourCheck, Verdict


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
    """Yield what was encoded, hour by hour; ValueError if it is something else."""
    # As large as one step can make it: a few MiB.
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
