import json

from hypothesis import given
from hypothesis import strategies as st

from exporter.domain.data_types import DataType
from exporter.domain.marker import Marker, Part
from tests.properties.values import json_values
from tests.support.builders import HOUR

counts = st.integers(min_value=0, max_value=10**15)
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
parts = st.builds(Part, words, counts, counts, words)
markers = st.builds(
    Marker,
    st.integers(min_value=0, max_value=100_000).map(HOUR.plus),
    st.sampled_from(DataType),
    st.lists(parts, max_size=4).map(tuple),
    st.none() | words,
)


@given(markers)
def test_a_marker_is_read_as_it_was_written(marker: Marker) -> None:
    """And the same value gives the same bytes."""
    assert Marker.from_json(marker.to_json()) == marker
    assert Marker.from_json(marker.to_json()).to_json() == marker.to_json()


@given(st.binary(max_size=60) | json_values.map(lambda value: json.dumps(value).encode()))
def test_foreign_content_is_a_value_error(content: bytes) -> None:
    """Bytes or JSON of any kind."""
    assert is_no_marker(content)


@given(markers, st.data())
def test_a_marker_with_anything_else_in_one_place_is_a_value_error_or_a_marker(
    marker: Marker, data: st.DataObject
) -> None:
    """Never another error."""
    document = json.loads(marker.to_json())
    place = data.draw(st.sampled_from([document, *document["parts"]]))
    place[data.draw(st.sampled_from(sorted(place)))] = data.draw(json_values)
    content = json.dumps(document).encode()

    assert is_no_marker(content) or json.loads(Marker.from_json(content).to_json()) == document


def is_no_marker(content: bytes) -> bool:
    """Whether it is refused in the one way in which it may be."""
    try:
        Marker.from_json(content)
    except ValueError:
        return True
    return False
