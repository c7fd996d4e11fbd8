from datetime import datetime

from hypothesis import given
from hypothesis import strategies as st

from exporter.domain.data_types import DataType
from exporter.domain.file_names import HourNames, NameStyle, Naming, PathLayout
from exporter.domain.hour import Hour
from exporter.domain.streams import Stream
from tests.support.builders import EVENTS

ARABIC_DIGITS = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")

# Few of each, and similar ones: so that names nearly meet.
sources = st.sampled_from([1, 11, 17, 18752, 187520, 1875201])
streams = st.builds(Stream, st.sampled_from(DataType), sources)
hours = st.datetimes(
    min_value=datetime(2020, 1, 1),  # noqa: DTZ001  hypothesis takes naive bounds
    max_value=datetime(2020, 12, 31),  # noqa: DTZ001  the same
).map(lambda moment: Hour.parse(f"{moment:%Y-%m-%dT%H}"))
near_hours = st.sampled_from(
    [Hour.parse(f"2020-{day}T{hour:02}") for day in ("01-01", "01-11", "11-01") for hour in range(24)]
)
HIVE_HOURS = ["project_id=1/date=2020-01-01/hour=01", "raw/org_id=1/date=2020-01-11/hour=11"]
prefixes = st.sampled_from(
    ["", "raw", "raw/raw", "1", "187520", "-1", "a.c", "1_2020-01-01_1#1.json.gz", *HIVE_HOURS]
)
styles = st.sampled_from(NameStyle)
layouts = st.sampled_from(PathLayout)
namings = st.builds(Naming, streams, prefixes, styles, layouts)
numbers = st.integers(min_value=1, max_value=12) | st.integers(min_value=1, max_value=10**9)


@given(namings, hours, numbers)
def test_a_name_parses_back(naming: Naming, hour: Hour, number: int) -> None:
    """To its own number; merged ids have only the one file."""
    merged = naming.stream.data_type is DataType.MERGED_IDS

    assert naming.part_number(hour, naming.part(hour, number)) == (1 if merged else number)


@given(namings, near_hours, near_hours, numbers)
def test_a_listing_finds_all_files_of_an_hour_and_of_its_day(
    naming: Naming, hour: Hour, other: Hour, number: int
) -> None:
    """In both styles, with the marker; and a listing of the day finds no other day's."""
    names = HourNames(hour, naming)
    files = [*(each.part(hour, number) for each in names.namings), *names.markers]

    assert all(any(name.startswith(prefix) for prefix in names.prefixes) for name in files)
    assert all(prefix.startswith(day) for prefix, day in names.prefixes.items())
    of_day = naming.part(other, number).startswith(naming.day_prefix(hour))
    assert of_day == (other.date == hour.date)


@given(prefixes, styles, layouts, st.lists(st.tuples(streams, near_hours, numbers), min_size=2, max_size=30))
def test_different_files_of_a_destination_have_different_names(
    prefix: str, style: NameStyle, layout: PathLayout, files: list[tuple[Stream, Hour, int]]
) -> None:
    """Whatever the sources, hours and numbers; and no marker is called like a part."""
    names: dict[str, object] = {}
    for stream, hour, number in files:
        naming = Naming(stream, prefix, style, layout)
        part = 1 if stream.data_type is DataType.MERGED_IDS else number
        assert names.setdefault(naming.part(hour, number), (stream, hour, part)) == (stream, hour, part)
        assert names.setdefault(naming.marker(hour), (stream, hour)) == (stream, hour)


@given(namings, near_hours, numbers, streams, near_hours)
def test_a_file_belongs_to_one_stream_and_hour(
    naming: Naming, hour: Hour, number: int, other_stream: Stream, other_hour: Hour
) -> None:
    """Asked whether a name is theirs, all others say no."""
    name = naming.part(hour, number)
    other = Naming(other_stream, naming.prefix, naming.style, naming.layout)

    is_theirs = (other_stream, other_hour) == (naming.stream, hour)
    assert (other.part_number(other_hour, name) is not None) == is_theirs
    assert other.part_number(other_hour, naming.marker(hour)) is None


@given(namings, hours, numbers, st.text(min_size=1, max_size=5), st.text(min_size=1, max_size=5))
def test_a_neighbours_name_is_not_ours(
    naming: Naming, hour: Hour, number: int, before: str, after: str
) -> None:
    """With anything before it, anything behind it, or other digits in it."""
    name = naming.part(hour, number)

    assert naming.part_number(hour, before + name) is None
    assert naming.part_number(hour, name + after) is None
    assert naming.part_number(hour, name.translate(ARABIC_DIGITS)) is None


@given(st.text(max_size=12))
def test_whatever_stands_for_the_number_only_a_number_is_one(text: str) -> None:
    """As it is written here, and not in any other way."""
    naming, hour = Naming(EVENTS), Hour.parse("2020-01-25T17")
    number = naming.part_number(hour, f"187520_2020-01-25_17#{text}.json.gz")

    assert number is None or str(number) == text


@given(namings, namings, near_hours, near_hours, numbers, numbers)
def test_namings_share_a_name_just_if_they_share_their_root(  # noqa: PLR0913, PLR0917  drawn, each by its name
    one: Naming, other: Naming, hour: Hour, other_hour: Hour, number: int, other_number: int
) -> None:
    """Whatever prefix and layout it is made of: markers of an hour meet then, and else nothing does.

    Only within the folder of an hour of the layout hive do they meet in this one hour.
    """
    names = {one.part(hour, number), one.marker(hour)}
    others = {other.part(other_hour, other_number), other.marker(other_hour)}
    within = any(each.prefix.endswith(tuple(HIVE_HOURS)) for each in (one, other))

    assert all(name.startswith(one.root) for name in names)
    assert one.root == other.root or not names & others
    assert within or (one.marker(hour) == other.marker(hour)) == (one.root == other.root)


def test_a_prefix_within_the_layout_hive_has_its_root() -> None:
    """A prefix that is the folder of one of its hours: in this hour, both have the same names."""
    hive = Naming(EVENTS, "raw", layout=PathLayout.HIVE)
    hour = Hour.parse("2020-01-25T05")
    folder = "raw/project_id=187520/date=2020-01-25/hour=05"

    assert Naming(EVENTS, folder).part(hour, 1) == hive.part(hour, 1)
    assert Naming(EVENTS, folder).root == hive.root == "raw/project_id=187520/"
    for other in (f"x{folder}", folder.replace("187520", "7"), f"{folder}/a", folder[:-1], folder[:-8]):
        assert (Naming(EVENTS, other).root == hive.root) == (other == folder)
