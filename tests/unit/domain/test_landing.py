"""What belongs in landing, and what is told of the rest."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime

import pytest

from exporter.domain.data_types import DataType
from exporter.domain.hour import Hour
from exporter.domain.landing import MISFITS_MAX, Entry, Landed, Survey, earliest_hour, sources, survey
from exporter.domain.streams import Stream, is_data

NOW = datetime(2026, 1, 31, 13, 15, tzinfo=UTC)
EVENTS = Stream(DataType.EVENTS, 187520)
MERGED_IDS = Stream(DataType.MERGED_IDS, 187520)
GOOD = "events/187520/2026/01/31/12/a.json"


class Folders:
    """Blobs by name, listed folder by folder; counts the listings."""

    def __init__(self, *names: str) -> None:
        self.names = sorted(names, key=str.encode)
        self.listed: list[str] = []

    def __call__(self, folder: str) -> list[Entry]:
        """List a folder."""
        self.listed.append(folder)
        below = (name.removeprefix(folder).partition("/") for name in self.names if name.startswith(folder))
        return [Entry(folder + name) for name in dict.fromkeys(first + slash for first, slash, _ in below)]


def found(*names: str) -> Survey:
    """Survey a container with these blobs."""
    return survey(Folders(*names), NOW)


MISFITS = {
    "another data type": ("users/187520/2026/01/31/12/a.json", "users/"),
    "upper case": ("Events/187520/2026/01/31/12/a.json", "Events/"),
    "in no folder": ("a.json", "a.json"),
    "no project": ("events/2026-01-31/a.json", "events/2026-01-31/"),
    "a project with a leading zero": ("events/0187520/2026/01/31/12/a.json", "events/0187520/"),
    "data in the folder of a data type": ("events/a.json", "events/a.json"),
    "data in the folder of a project": ("events/187520/a.json", "events/187520/a.json"),
    "data in the folder of a day": ("events/187520/2026/01/31/a.json", "events/187520/2026/01/31/a.json"),
    "a month without a leading zero": ("events/187520/2020/2/3/4/a.json", "events/187520/2020/2/"),
    "an hour without a leading zero": ("events/187520/2020/02/03/4/a.json", "events/187520/2020/02/03/4/"),
    "a folder by day": ("events/187520/2020-02-03/a.json", "events/187520/2020-02-03/"),
    "a day that there is not": ("events/187520/2026/02/30/00/a.json", "events/187520/2026/02/30/"),
    "an hour that there is not": ("events/187520/2026/01/30/24/a.json", "events/187520/2026/01/30/24/"),
    "the year 0": ("events/187520/0000/01/01/00/a.json", "events/187520/0000/"),
    "the year 1": ("events/187520/0001/01/01/00/a.json", "events/187520/0001/"),
    "1970": ("events/187520/1970/01/01/00/a.json", "events/187520/1970/"),
    "1999": ("events/187520/1999/12/31/23/a.json", "events/187520/1999/"),
    "a year ahead": ("events/187520/2027/01/31/12/a.json", "events/187520/2027/"),
    "more than a day ahead": ("events/187520/2026/02/01/14/a.json", "events/187520/2026/02/01/14/"),
    "the last year there is": ("events/187520/9999/12/31/23/a.json", "events/187520/9999/"),
    "other digits": ("events/187520/٢٠٢٦/01/31/12/a.json", "events/187520/٢٠٢٦/"),
}


@pytest.mark.parametrize(("name", "told"), MISFITS.values(), ids=MISFITS)
def test_what_misses_the_layout_is_told_and_is_no_hour(name: str, told: str) -> None:
    """By the folder that is at fault, or the blob, with a reason."""
    seen = found(GOOD, name)

    assert [each.name for each in seen.misfits] == [told]
    assert seen.misfits[0].reason.startswith("is ")
    assert seen.streams == (Landed(EVENTS, Hour.parse("2026-01-31T12"), Hour.parse("2026-01-31T12")),)
    assert not seen.truncated


@pytest.mark.parametrize("name", [name for name, _ in MISFITS.values() if "/2027/" not in name])
def test_what_misses_the_layout_is_never_the_first_hour(name: str) -> None:
    """So none of it is ever owed."""
    assert earliest_hour(Folders(GOOD, name), EVENTS) == Hour.parse("2026-01-31T12")


@pytest.mark.parametrize("name", ["2026/02/01/13/a.json", "2000/01/01/00/a.json", "2026/01/31/12/x/y/a.json"])
def test_hours_up_to_a_day_ahead_and_back_to_2000_fit(name: str) -> None:
    """Clocks differ; and names may be nested below the hour."""
    assert found(GOOD, f"events/187520/{name}").misfits == ()


@pytest.mark.parametrize("name", ["_SUCCESS", "_committed_7", ".part-0.json.crc", "x/_SUCCESS"])
def test_notes_of_other_tools_are_no_data_and_no_misfits(name: str) -> None:
    """Spark and Hadoop leave them beside data, wherever that is."""
    assert not is_data(f"events/187520/2026/01/31/11/{name}")
    notes = [f"{folder}{name}" for folder in ("events/187520/2026/01/31/11/", "events/187520/2026/01/31/12/")]

    seen = found(GOOD, *notes)

    assert seen == found(GOOD)
    assert earliest_hour(Folders(GOOD, *notes), EVENTS) == Hour.parse("2026-01-31T12")


def test_a_blob_whose_folder_begins_with_an_underscore_is_data() -> None:
    """Only the last part of the name says that it is none."""
    assert is_data("events/187520/2026/01/31/12/_x/a.json")
    assert not is_data("_SUCCESS")


def test_each_stream_is_told_with_its_first_and_last_hour() -> None:
    """Those without an hour have none, and other data types are others."""
    seen = found(
        "events/187520/2026/01/30/05/a.json",
        "events/187520/2026/01/31/12/b.json",
        "events/187520/2027/01/31/12/b.json",
        "events/7/readme.txt",
        "events/8/2199/01/01/00/a.json",
        "merged_ids/187520/2025/12/31/23/c.json",
    )

    assert [
        (str(each.stream.data_type), each.stream.source_id, each.first, each.last) for each in seen.streams
    ] == [
        ("events", 187520, Hour.parse("2026-01-30T05"), Hour.parse("2026-01-31T12")),
        ("events", 7, None, None),
        ("events", 8, None, None),
        ("merged_ids", 187520, Hour.parse("2025-12-31T23"), Hour.parse("2025-12-31T23")),
    ]


def test_nothing_is_an_empty_survey() -> None:
    """Of a container without a blob."""
    assert found() == Survey((), (), truncated=False)


def test_a_survey_ends_within_its_listings_and_says_that_there_is_more() -> None:
    """First come the streams with their hours, then the newest folders."""
    days = [f"events/187520/2026/01/{day:02}/00/a.json" for day in range(1, 31)]
    folders = Folders(*days, "events/187520/2026/01/30/0/old.json", "events/187520/2026/01/02/0/new.json")

    seen = survey(folders, NOW, listings_max=14)

    assert seen.truncated
    assert len(folders.listed) == 14
    assert seen.streams == (Landed(EVENTS, Hour.parse("2026-01-01T00"), Hour.parse("2026-01-30T00")),)
    assert [each.name for each in seen.misfits] == ["events/187520/2026/01/30/0/"]


def test_streams_that_the_listings_are_not_enough_for_are_told_without_hours() -> None:
    """That they are there is known."""
    seen = survey(Folders(GOOD, "events/9/2026/01/31/12/a.json"), NOW, listings_max=9)

    assert [(each.stream.source_id, each.first is None) for each in seen.streams] == [
        (187520, False),
        (9, True),
    ]
    assert seen.truncated


def test_a_thousand_misfits_are_told_as_some_and_more() -> None:
    """One says as much as all."""
    seen = found(*(f"events/187520/2026/01/31/{number}.json" for number in range(1000)))

    assert (len(seen.misfits), seen.truncated) == (MISFITS_MAX, True)


def test_no_folder_above_the_hours_is_listed_twice() -> None:
    """What is known of it is used again."""
    folders = Folders(GOOD, "events/187520/2026/01/30/00/a.json")

    survey(folders, NOW)

    above = [each for each in folders.listed if each.count("/") < GOOD.count("/")]
    assert len(above) == len(set(above)) == 8


def lazily(folders: Folders) -> Callable[[str], Iterable[Entry]]:
    """Return a listing that fails if all of an hour's many blobs are asked for."""

    def listing(folder: str) -> Iterable[Entry]:
        for number, entry in enumerate(folders(folder)):
            assert number < 3, "the hour is listed to its end"
            yield entry

    return listing


def test_the_first_hour_is_found_without_listing_all_of_its_blobs() -> None:
    """There may be thousands."""
    folders = Folders(*(f"events/187520/2026/01/31/12/{number}.json" for number in range(10)))

    assert earliest_hour(lazily(folders), EVENTS) == Hour.parse("2026-01-31T12")
    assert survey(lazily(folders), NOW).streams[0].last == Hour.parse("2026-01-31T12")


def test_sources_are_the_streams_that_have_a_folder() -> None:
    """Whether it holds an hour or not."""
    folders = Folders(
        GOOD, "events/x/a", "events/7/readme.txt", "merged_ids/9/2026/01/31/12/a.json", "other/1/a"
    )

    assert set(sources(folders)) == {EVENTS, Stream(DataType.EVENTS, 7), Stream(DataType.MERGED_IDS, 9)}
    assert len(folders.listed) == 2
