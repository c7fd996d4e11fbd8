"""What docs/filters.md promises is what filters do: every row of its tables is asked of one."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter.destinations.preview import EXAMPLES_BYTES_MAX, EXAMPLES_MAX, ROWS_MAX, TIME_MAX, Preview
from exporter.domain import filter_parser, filter_values
from exporter.domain.filters import ORDERS, PRESENCE, SEARCHES, Operator
from exporter.domain.hour_record import RowCounts
from exporter.domain.row_schema import EVENT_FIELDS, Kind
from exporter.http.preview import preview_view
from exporter.pipeline.filters.compile import EVENT_SECONDS_MAX, GRACE_SECONDS
from exporter.pipeline.filters.patterns import (
    MATCHED_CHARACTERS_MAX,
    STEPS_MAX,
    characters_searched,
    pattern_cost,
)
from tests.support.builders import event
from tests.support.filters import condition, keeps, read
from tests.support.worlds import HOUR

DOCUMENT = (Path(__file__).resolve().parents[2] / "docs/filters.md").read_text()


def table(header: str) -> list[list[str]]:
    """Return the cells of the table that has this header, without the marks of code."""
    _, _, rest = DOCUMENT.partition(f"{header}\n")
    rows = rest.partition("\n\n")[0].splitlines()[1:]
    assert rows, f"no table {header}"
    return [[cell.strip() for cell in row.strip().strip("|").split("|")] for row in rows]


PROPERTIES = table("| The property | Condition | Holds | Rule |")
FIELDS = table("| Event | Condition | Holds | Rule |")
VALUES = {"up to 1000": 1000, "up to 100 texts": 100, "up to 100 patterns": 100, "1": 1, "none": 0}


def values(text: str) -> list[object]:
    """Return the JSON values that stand one after the other in a text."""
    found, decoder = [], json.JSONDecoder()
    while text := text.strip():
        value, end = decoder.raw_decode(text)
        found.append(value)
        text = text[end:]
    return found


def holds(event_json: str, name: str, rest: str) -> bool:
    """Ask a condition, as it is written in the document, of an event with these fields, written so too."""
    operator, _, listed = rest.partition(" ")
    document = condition(name, operator, *values(listed))
    fields = json.dumps({key: value for key, value in event().items() if f'"{key}"' not in event_json})
    line = f"{fields[:-1]}, {event_json[1:]}"
    return keeps(document, line.encode())


@pytest.mark.parametrize("row", PROPERTIES, ids=lambda row: f"{row[0]} {row[1]}".replace("`", ""))
def test_a_property_inside_an_object_is_treated_as_the_document_says(row: list[str]) -> None:
    """Missing, null, arrays, objects, numbers, texts, booleans, case and characters."""
    held, asked = row[0].strip("`"), row[1].strip("`")
    properties = "{}" if held == "missing" else f'{{"x": {held}}}'

    assert row[2] in {"yes", "no"}
    assert holds(f'{{"event_properties": {properties}}}', "event_properties.x", asked) is (row[2] == "yes")


@pytest.mark.parametrize("row", FIELDS, ids=lambda row: row[1].strip("`"))
def test_a_field_of_the_event_is_treated_as_the_document_says(row: list[str]) -> None:
    """Times, UUIDs and ways into objects, besides the plain ones."""
    name, _, asked = row[1].strip("`").partition(" ")

    assert row[2] in {"yes", "no"}
    assert holds(row[0].strip("`"), name, asked) is (row[2] == "yes")


def test_the_tables_speak_of_every_operator_and_of_every_kind_of_value() -> None:
    """None may be forgotten."""
    asked = {row[1].strip("`").partition(" ")[0] for row in PROPERTIES}
    kinds = {type(value) for row in PROPERTIES if row[0] != "missing" for value in values(row[0].strip("`"))}

    assert asked == set(Operator)
    assert kinds == {type(None), str, int, float, bool, list, dict}


def test_the_table_of_operators_is_that_of_the_code() -> None:
    """How many values each takes, and which kinds of fields it fits."""
    kinds = {
        "texts": {Kind.STRING, Kind.TEXTS, Kind.UUID},
        "numbers": {Kind.INTEGER, Kind.FLOAT},
        "times": {Kind.TIME},
        "everything": {each.kind for each in EVENT_FIELDS} - {Kind.DICT},
    }
    rows = table("| Operator | Values | Fits | Holds if the property |")

    assert [row[0].strip("`") for row in rows] == list(Operator)
    for name, count, fits, _ in rows:
        operator = Operator(name.strip("`"))
        assert VALUES[count] == most_values(operator)
        said = set().union(*(kinds[each] for each in fits.split(", ")))
        assert said == {
            kind for kind in Kind if kind is not Kind.DICT and filter_values.accepts(kind, operator)
        }


def most_values(operator: Operator) -> int:
    """Return how many values a condition may have."""
    if operator in PRESENCE:
        return 0
    if operator in ORDERS:
        return 1
    return filter_parser.SEARCHED_VALUES_MAX if operator in SEARCHES else filter_parser.VALUES_MAX


def test_the_limits_are_those_of_the_code() -> None:
    """Number by number."""
    limits: Iterator[int] = iter(
        [
            filter_parser.DEPTH_MAX,
            filter_parser.CONDITIONS_MAX,
            filter_parser.VALUE_CHARACTERS_MAX,
            filter_parser.PROPERTY_CHARACTERS_MAX,
            filter_parser.INSTRUCTIONS_MAX,
            filter_parser.FILTER_BYTES_MAX,
            filter_values.INTEGER_MAX,
            filter_values.SIGNIFICANT_DIGITS,
        ]
    )

    assert [int(row[1]) for row in table("| What | At most |")] == list(limits)
    assert f"times characters, are at most {STEPS_MAX}" in DOCUMENT
    assert f"more than {filter_parser.INSTRUCTIONS_MAX} instructions is refused" in DOCUMENT
    assert f"`\\pL`, which covers every alphabet, has {pattern_cost(r'\pL')}" in DOCUMENT
    assert f"{1000 * EVENT_SECONDS_MAX} ms of processor time for an event" in DOCUMENT
    assert f"{GRACE_SECONDS:.0f} seconds in addition" in DOCUMENT


def test_how_far_patterns_look_is_what_the_code_says() -> None:
    """From the most characters to the most instructions."""
    rows = table("| Instructions of all patterns together | Characters that are searched |")
    shown = [(int(few.removesuffix(" or fewer")), int(characters)) for few, characters in rows]

    assert shown == [(few, characters_searched(few)) for few, _ in shown]
    assert shown[0] == (STEPS_MAX // MATCHED_CHARACTERS_MAX, MATCHED_CHARACTERS_MAX)
    assert shown[-1][0] == filter_parser.INSTRUCTIONS_MAX


def test_the_example_is_a_filter() -> None:
    """It may be sent as it stands; and it comes back as it went."""
    example = json.loads(DOCUMENT.split("```json\n")[1].partition("```")[0])

    assert read(example).document == example


def test_the_preview_is_as_the_document_shows_it() -> None:
    """With its limits."""
    example = json.loads(DOCUMENT.split("```json\n")[2].partition("```")[0])
    shown = preview_view(HOUR, Preview(RowCounts(), (), complete=True))

    assert example.keys() == shown.keys()
    assert example["rows"].keys() == shown["rows"].keys()
    assert (EXAMPLES_MAX, EXAMPLES_BYTES_MAX) == (10, 1024 * 1024)
    assert f"{int(TIME_MAX.total_seconds())} seconds or {ROWS_MAX // 1_000_000} million rows" in DOCUMENT
