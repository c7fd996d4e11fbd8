import itertools

import pytest

from exporter.domain.data_types import DataType
from exporter.domain.file_names import NameStyle, Naming, PathLayout
from exporter.domain.streams import Stream
from tests.support.builders import EVENTS, MERGED_IDS, hour

FIVE_PM = hour("2020-01-25T17")
ONE_AM = hour("2020-01-25T01")
MIDNIGHT = hour("2020-01-25T00")
SAFE = NameStyle.SAFE
BY_PROJECT = PathLayout.BY_PROJECT
HIVE = PathLayout.HIVE


@pytest.mark.parametrize(
    ("naming", "name"),
    [
        (Naming(EVENTS), "187520_2020-01-25_17#1.json.gz"),
        (Naming(EVENTS, style=SAFE), "187520_2020-01-25_17_1.json.gz"),
        (Naming(EVENTS, layout=BY_PROJECT), "187520/187520_2020-01-25_17#1.json.gz"),
        (Naming(EVENTS, "raw/amp"), "raw/amp/187520_2020-01-25_17#1.json.gz"),
        (Naming(EVENTS, "raw", SAFE, BY_PROJECT), "raw/187520/187520_2020-01-25_17_1.json.gz"),
        (
            Naming(EVENTS, layout=HIVE),
            "project_id=187520/date=2020-01-25/hour=17/187520_2020-01-25_17#1.json.gz",
        ),
        (
            Naming(MERGED_IDS, "raw", layout=HIVE),
            "raw/org_id=189524/date=2020-01-25/hour=17/-189524_2020-01-25_17.json.gz",
        ),
        (Naming(MERGED_IDS), "-189524_2020-01-25_17.json.gz"),
        (Naming(MERGED_IDS, style=SAFE), "-189524_2020-01-25_17.json.gz"),
        (Naming(MERGED_IDS, "raw", layout=BY_PROJECT), "raw/-189524/-189524_2020-01-25_17.json.gz"),
    ],
)
def test_a_part_is_named_by_source_day_hour_and_number(naming: Naming, name: str) -> None:
    """As the original names them; merged ids have one file, without a number."""
    assert naming.part(FIVE_PM, 1) == name
    assert naming.part_number(FIVE_PM, name) == 1


@pytest.mark.parametrize(
    ("naming", "name"),
    [
        (Naming(EVENTS), "187520_2020-01-25_17_complete"),
        (Naming(EVENTS, "raw", SAFE, BY_PROJECT), "raw/187520/187520_2020-01-25_17_complete"),
        (
            Naming(EVENTS, layout=HIVE),
            "project_id=187520/date=2020-01-25/hour=17/187520_2020-01-25_17_complete",
        ),
        (Naming(MERGED_IDS), "-189524_2020-01-25_17_complete"),
        (Naming(MERGED_IDS, "raw"), "raw/-189524_2020-01-25_17_complete"),
    ],
)
def test_the_marker_is_named_after_its_hour(naming: Naming, name: str) -> None:
    """It is no part, in no style."""
    assert naming.marker(FIVE_PM) == name
    assert naming.part_number(FIVE_PM, name) is None


def test_the_hour_has_no_leading_zero_and_the_date_has_them() -> None:
    """``_0``, ``_1``, ``_17``; ``0045-03-07`` is a day of the year 45."""
    naming = Naming(EVENTS)

    assert naming.part(MIDNIGHT, 1) == "187520_2020-01-25_0#1.json.gz"
    assert naming.part(ONE_AM, 1) == "187520_2020-01-25_1#1.json.gz"
    assert naming.marker(hour("0045-03-07T05")) == "187520_0045-03-07_5_complete"


def test_the_folder_of_an_hour_has_a_leading_zero() -> None:
    """So folders are in the order of time; the name of the file stays as it is elsewhere."""
    name = Naming(EVENTS, layout=HIVE).part(ONE_AM, 1)

    assert name == "project_id=187520/date=2020-01-25/hour=01/187520_2020-01-25_1#1.json.gz"


def test_parts_are_numbered_without_leading_zeros() -> None:
    """Part 10 is not part 1 with something behind it."""
    naming = Naming(EVENTS)

    assert naming.part(FIVE_PM, 10) == "187520_2020-01-25_17#10.json.gz"
    assert naming.part_number(FIVE_PM, "187520_2020-01-25_17#10.json.gz") == 10


@pytest.mark.parametrize("naming", [Naming(EVENTS), Naming(EVENTS, style=SAFE), Naming(MERGED_IDS)])
def test_the_listing_of_an_hour_finds_all_of_its_parts(naming: Naming) -> None:
    """Whatever a part's number, its name begins with what the hour is listed by."""
    for number in (1, 9, 10, 12_345):
        assert naming.part(FIVE_PM, number).startswith(naming.parts_prefix(FIVE_PM))


@pytest.mark.parametrize("style", NameStyle)
@pytest.mark.parametrize("stream", [EVENTS, MERGED_IDS])
def test_hour_1_is_not_found_in_hours_10_to_19(stream: Stream, style: NameStyle) -> None:
    """``_1`` is the beginning of ``_10``: neither a listing nor a comparison of names may mix them up."""
    naming = Naming(stream, style=style)
    for later in (hour(f"2020-01-25T{each}") for each in range(10, 20)):
        for name in (naming.part(later, 1), naming.part(later, 2), naming.marker(later)):
            assert not name.startswith(naming.parts_prefix(ONE_AM))
            assert naming.part_number(ONE_AM, name) is None


def test_a_project_whose_number_begins_another_is_another() -> None:
    """18752 and 187520, in one container."""
    shorter, longer = Naming(Stream(DataType.EVENTS, 18752)), Naming(EVENTS)

    assert longer.part_number(FIVE_PM, shorter.part(FIVE_PM, 1)) is None
    assert shorter.part_number(FIVE_PM, longer.part(FIVE_PM, 1)) is None
    assert not longer.part(FIVE_PM, 1).startswith(shorter.parts_prefix(FIVE_PM))


def test_a_project_and_an_organization_of_one_number_are_two() -> None:
    """The hyphen in front tells them apart."""
    events, merges = Naming(Stream(DataType.EVENTS, 5)), Naming(Stream(DataType.MERGED_IDS, 5))

    assert events.part_number(FIVE_PM, merges.part(FIVE_PM, 1)) is None
    assert merges.part_number(FIVE_PM, events.part(FIVE_PM, 1)) is None
    assert events.marker(FIVE_PM) != merges.marker(FIVE_PM)


@pytest.mark.parametrize(
    "neighbour",
    [
        "187520_2020-01-25_17#1.json.gz.bak",
        "187520_2020-01-25_17#1.json",
        "187520_2020-01-25_17#1.json.gz\n",
        "187520_2020-01-25_17#1-json-gz",
        "187520_2020-01-25_17#.json.gz",
        "187520_2020-01-25_17#0.json.gz",
        "187520_2020-01-25_17#01.json.gz",
        "187520_2020-01-25_17#-1.json.gz",
        "187520_2020-01-25_17#1a.json.gz",
        "187520_2020-01-25_17#1#1.json.gz",
        "187520_2020-01-25_17#\N{ARABIC-INDIC DIGIT ONE}.json.gz",
        "187520_2020-01-25_17_1.json.gz",
        "187520_2020-01-25_17.json.gz",
        "187520_2020-01-26_17#1.json.gz",
        "x187520_2020-01-25_17#1.json.gz",
        "x/187520_2020-01-25_17#1.json.gz",
        "/187520_2020-01-25_17#1.json.gz",
        "187520_2020-01-25_17#1.JSON.GZ",
        "",
    ],
)
def test_a_neighbour_with_something_before_behind_or_between_is_not_ours(neighbour: str) -> None:
    """A file of another program is never taken for a part, since surplus parts are deleted."""
    assert Naming(EVENTS).part_number(FIVE_PM, neighbour) is None


@pytest.mark.parametrize(
    "neighbour", ["-189524_2020-01-25_17.json.gz.tmp", "-189524_2020-01-25_17#1.json.gz"]
)
def test_merged_ids_have_no_other_file(neighbour: str) -> None:
    """The one name, whole."""
    assert Naming(MERGED_IDS).part_number(FIVE_PM, neighbour) is None


def test_a_prefix_is_taken_literally() -> None:
    """A dot or a bracket in it is no pattern."""
    assert Naming(EVENTS, "a.c").part_number(FIVE_PM, "abc/187520_2020-01-25_17#1.json.gz") is None
    assert Naming(EVENTS, "a+(").part_number(FIVE_PM, "a+(/187520_2020-01-25_17#1.json.gz") == 1


def test_no_two_files_of_a_container_share_a_name() -> None:
    """Sources, hours, parts and markers, under every style and layout."""
    streams = [Stream(kind, source) for kind in DataType for source in (1, 18752, 187520)]
    hours = [
        hour(f"2020-{month}-{day}T{each:02}")
        for month in ("01", "11")
        for day in ("01", "11")
        for each in range(24)
    ]
    for style, layout in itertools.product(NameStyle, PathLayout):
        names = []
        for stream, each in itertools.product(streams, hours):
            naming = Naming(stream, style=style, layout=layout)
            numbers = (1, 2, 11, 111) if stream.data_type is DataType.EVENTS else (1,)
            names += [naming.marker(each), *(naming.part(each, number) for number in numbers)]
        assert len(names) == len(set(names))
