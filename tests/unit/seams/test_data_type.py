"""A third data type, made of a member, a spec and a codec, goes all the way without another line of code."""

import gzip
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import msgspec
import pytest

from exporter.domain.data_types import DATA_TYPES, DataType, DataTypeSpec, Source
from exporter.domain.file_names import NameStyle, Naming
from exporter.domain.hour_content import RowCounts
from exporter.domain.hour_task import HourTask
from exporter.domain.marker import Marker
from exporter.domain.row_schema import Field, Kind, Reason, Rejection
from exporter.domain.streams import Stream, StreamKey
from exporter.domain.verification import Verdict
from exporter.export.attempt import Outcome
from exporter.http.record_schemas import record_schemas
from exporter.pipeline.codec import Decoded, marked, one_by_one
from exporter.pipeline.codecs import CODECS
from exporter.pipeline.lines import Lines
from exporter.schedule.review import first_progress
from exporter.verify.hour import verify_hour
from tests.support.fakes.world import World
from tests.support.worlds import HOUR, LONG_AGO, NOW, a_world, acme, attempt, the_container, the_record

SPEC = DataTypeSpec(
    title="Session",
    about="A session of a user.",
    fields=(Field("uuid", Kind.UUID, required=True), Field("seconds", Kind.INTEGER, required=True)),
    source=Source.PROJECT,
    owner_sign="s",
    numbered_parts=True,
    row_keys=True,
    filterable=False,
    from_activation=False,
)


class Session(msgspec.Struct):
    """A row of the third type."""

    uuid: UUID
    seconds: int


class SessionCodec:
    """Its codec."""

    def decode_all(self, lines: Lines) -> Decoded[Session]:
        """Return the sessions."""
        return one_by_one(lines, self._decode)

    def _decode(self, line: bytes) -> Session | Rejection:
        try:
            return msgspec.json.decode(line, type=Session)
        except msgspec.MsgspecError as error:
            return Rejection(Reason.WRONG_TYPE, f"{error}.")

    def keys(self, rows: Sequence[Session]) -> bytes:
        """Return their UUIDs."""
        return b"".join(row.uuid.bytes for row in rows)

    def encode_all(
        self,
        rows: Sequence[Session],
        lines: Sequence[bytes],  # noqa: ARG002  as all codecs
        mine: bytes | None = None,
    ) -> bytes:
        """Return their lines."""
        return msgspec.json.Encoder().encode_lines(marked(rows, mine))


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> StreamKey:
    """Add the type for one test, and return a stream of it."""
    member = str.__new__(DataType, "sessions")
    member._name_, member._value_ = "SESSIONS", "sessions"
    monkeypatch.setitem(DataType._member_map_, "SESSIONS", member)
    monkeypatch.setitem(DataType._value2member_map_, "sessions", member)
    monkeypatch.setattr(DataType, "_member_names_", [*DataType._member_names_, "SESSIONS"])
    monkeypatch.setitem(DATA_TYPES, member, SPEC)
    monkeypatch.setitem(CODECS, member, lambda _stream, _hour, _output: SessionCodec())
    return StreamKey("acme", Stream(member, 187520))


def a_session(number: int) -> dict[str, object]:
    """Make a session; equal numbers make equal uuids."""
    return {"uuid": f"00000000-0000-4000-8000-{number:012d}", "seconds": number}


def landed(key: StreamKey) -> World:
    """Make a world in which three sessions have landed, one of them twice, and a line that is none."""
    world = a_world()
    world.land(key.stream, HOUR, [a_session(1), a_session(2), a_session(1), {"uuid": "?"}, a_session(3)])
    return world


def sessions(world: World) -> list[int]:
    """Return the sessions in the container, file by file."""
    files = [body for name, body in sorted(the_container(world).items()) if name.endswith(".gz")]
    return [json.loads(row)["seconds"] for body in files for row in gzip.decompress(body).splitlines()]


def test_its_files_have_names_of_their_own(key: StreamKey) -> None:
    """Numbered, and parsed back to their numbers."""
    naming = Naming(key.stream, style=NameStyle.SAFE)

    assert naming.part(HOUR, 2) == "s187520_2026-01-31_12_2.json.gz"
    assert naming.part_number(HOUR, "s187520_2026-01-31_12_2.json.gz") == 2
    assert naming.part_number(HOUR, "187520_2026-01-31_12_2.json.gz") is None


def test_a_destination_of_its_source_gets_it(key: StreamKey) -> None:
    """And one of another source does not."""
    assert key in acme().streams
    assert key not in acme(project_id=None).streams


def test_its_folders_are_found_in_landing(key: StreamKey) -> None:
    """Neither are they taken for misplaced ones."""
    world = landed(key)
    survey = world.landing.survey(NOW)

    assert key.stream in world.landing.sources()
    assert [(each.first, each.last) for each in survey.streams if each.stream == key.stream] == [(HOUR, HOUR)]
    assert survey.misfits == ()


def test_it_is_owed_from_where_its_spec_says(key: StreamKey) -> None:
    """From the first landed hour on, though the destination was activated long after."""
    world = a_world()
    world.land(key.stream, LONG_AGO, [a_session(1)])

    progress = first_progress(world.ledger, world.landing, acme(), key, NOW)

    assert progress is not None
    assert progress.first == LONG_AGO


def test_an_hour_of_it_is_exported_once(key: StreamKey) -> None:
    """Duplicates and rejected rows are told apart, and the marker names its type."""
    world = landed(key)

    assert attempt(world, task=HourTask(key, HOUR)) is Outcome.EXPORTED

    assert sessions(world) == [1, 2, 3]
    rejected = ((Reason.WRONG_TYPE, 1),)
    assert the_record(world, key).content.rows == RowCounts(
        3, duplicate=1, rejected=1, rejected_by_reason=rejected
    )
    marker = Marker.from_json(the_container(world)["s187520_2026-01-31_12_complete"])
    assert (marker.data_type, marker.rows) == ("sessions", 3)


def test_what_lands_late_becomes_a_further_part(key: StreamKey) -> None:
    """Without the rows that are exported already."""
    world = landed(key)
    attempt(world, task=HourTask(key, HOUR))
    world.land(key.stream, HOUR, [a_session(2), a_session(4)], "late.json")

    later = attempt(world, NOW + timedelta(hours=1), "second", HourTask(key, HOUR, late=True))

    assert later is Outcome.EXPORTED
    assert sessions(world) == [1, 2, 3, 4]
    assert len(the_record(world, key).content.parts) == 2


def test_verify_knows_its_hours(key: StreamKey) -> None:
    """Whole as exported; wrong once a part is gone."""
    world = landed(key)
    attempt(world, task=HourTask(key, HOUR))
    container, record = world.containers.open(acme()), the_record(world, key)

    whole = verify_hour(world.gateways, acme(), container, record, lambda: NOW)
    del world.reader().committed[record.content.parts[0].name]
    wrong = verify_hour(world.gateways, acme(), container, record, lambda: NOW)

    assert (whole.verdict, wrong.verdict) == (Verdict.WHOLE, Verdict.WRONG)


def test_its_rows_are_described_over_http(key: StreamKey) -> None:
    """As those of the others."""
    schema = record_schemas()[key.stream.data_type.value]

    assert isinstance(schema, dict)
    assert (schema["title"], schema["required"]) == ("Session", ["uuid", "seconds"])


def test_a_type_with_numbered_parts_and_without_row_keys_is_refused() -> None:
    """What lands late could not be told from what is exported."""
    with pytest.raises(ValueError, match="numbered parts need row keys"):
        replace(SPEC, row_keys=False)


def test_every_type_has_a_spec_and_a_codec() -> None:
    """And no two of them share the names of their files."""
    signs = [(spec.source, spec.owner_sign) for spec in DATA_TYPES.values()]

    assert DATA_TYPES.keys() == CODECS.keys() == set(DataType)
    assert len({sign for _, sign in signs}) == len(signs)
