from dataclasses import replace

import pytest

from exporter.domain.data_types import DataType
from exporter.domain.destination import MIB, Output
from exporter.domain.file_names import NameStyle, PathLayout
from exporter.domain.streams import Stream, StreamKey
from tests.support.builders import EVENTS, HOUR, MERGED_IDS, ORG, PROJECT, destination, hour, utc


@pytest.mark.parametrize("name", ["a", "7", "acme", "acme-raw-2", "a" * 63])
def test_an_id_is_letters_digits_and_hyphens(name: str) -> None:
    """1 to 63 of them."""
    assert replace(destination(), id=name).id == name


@pytest.mark.parametrize("name", ["", "-a", "a-", "A", "a_b", "a b", "a.b", "a/b", "a" * 64, "a\n", "é", "-"])
def test_any_other_id_is_refused(name: str) -> None:
    """It becomes part of table keys and URLs."""
    with pytest.raises(ValueError, match="not a destination id"):
        replace(destination(), id=name)


def test_a_destination_must_receive_something() -> None:
    """Events, merged ids, or both."""
    with pytest.raises(ValueError, match="needs a project or an organization"):
        destination(project_id=None, org_id=None)


def test_a_destination_receives_a_stream_for_each_source_it_names() -> None:
    """Under its own id, since every destination has a ledger of its own."""
    assert destination().streams == (StreamKey("acme", EVENTS), StreamKey("acme", MERGED_IDS))
    assert destination(org_id=None).streams == (StreamKey("acme", EVENTS),)
    assert destination(project_id=None).streams == (StreamKey("acme", MERGED_IDS),)


def test_files_are_named_as_the_destination_wants_them() -> None:
    """Prefix, style and layout are its own."""
    output = Output(name_style=NameStyle.SAFE, path_layout=PathLayout.BY_PROJECT)
    wanted = destination(output=output, prefix="exports/raw")

    assert wanted.naming(EVENTS).part(HOUR, 2) == "exports/raw/187520/187520_2026-01-31_13_2.json.gz"
    assert destination().naming(EVENTS).part(HOUR, 2) == "187520_2026-01-31_13#2.json.gz"


def test_events_are_owed_from_midnight_of_the_day_of_activation() -> None:
    """Today and moving forward."""
    activated = destination(activated_at=utc("2026-01-31 23:59:59.999999"))

    assert activated.first_hour_of_events() == hour("2026-01-31T00")


def test_a_destination_that_was_never_activated_owes_nothing() -> None:
    """It would be a bug to ask from when on."""
    with pytest.raises(ValueError, match="never activated"):
        destination().first_hour_of_events()


def test_a_part_is_256_mib_unless_told_otherwise() -> None:
    """Counted in bytes."""
    assert Output().part_bytes_max == 256 * MIB == 268_435_456
    assert Output(max_part_mib=1).part_bytes_max == 1_048_576


def test_a_secret_is_not_in_what_is_printed() -> None:
    """Not even in its encrypted form."""
    assert "sealed-text" not in repr(destination())


def test_a_stream_is_called_by_its_owner() -> None:
    """An organization's has a hyphen in front."""
    assert (EVENTS.owner, MERGED_IDS.owner) == ("187520", "-189524")


def test_landing_folders_are_zero_padded_and_end_with_a_slash() -> None:
    """So that no folder is the beginning of another's name."""
    midnight = hour("2020-01-05T00")

    assert EVENTS.landing_folder(midnight) == "events/187520/2020/01/05/00/"
    assert MERGED_IDS.landing_folder(midnight) == "merged_ids/189524/2020/01/05/00/"
    assert EVENTS.landing_folder(midnight).startswith(EVENTS.landing_prefix)
    assert not EVENTS.landing_folder(midnight).startswith(Stream(DataType.EVENTS, 18752).landing_prefix)


def test_a_stream_of_a_destination_has_a_key_that_tables_take() -> None:
    """Unique, and without any of the characters that a table key may not hold."""
    keys = [str(StreamKey(name, stream)) for name in ("acme", "acme-2") for stream in (EVENTS, MERGED_IDS)]

    assert keys[0] == f"acme:events:{PROJECT}"
    assert keys[1] == f"acme:merged_ids:{ORG}"
    assert len(set(keys)) == 4
    assert not set("".join(keys)) & set("/\\#?")
