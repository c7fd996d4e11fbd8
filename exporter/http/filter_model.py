"""How a filter is described to who reads the API's document; ``read_filter`` is what checks it.

Two descriptions, and for good reason: of a tree of alternatives, pydantic tells what is wrong with each of
them, four times over at every level. ``tests/unit/http/test_filter_model.py`` holds the two together.
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, PlainValidator

from exporter.domain.errors import Invalid, Problem
from exporter.domain.filter_parser import (
    CONDITIONS_MAX,
    PROPERTY_CHARACTERS_MAX,
    VALUE_CHARACTERS_MAX,
    VALUES_MAX,
    read_filter,
)
from exporter.domain.filters import EventFilter, Operator
from exporter.pipeline.filters.patterns import pattern_cost


class _Node(BaseModel):
    model_config = ConfigDict(extra="forbid")


type FilterNode = ConditionModel | AllModel | AnyModel | NotModel
type _Text = Annotated[str, Field(max_length=VALUE_CHARACTERS_MAX)]
type _Nodes = Annotated[list[FilterNode], Field(min_length=1, max_length=CONDITIONS_MAX)]


class ConditionModel(_Node):
    """A property held against values; several of them mean any of them."""

    property: Annotated[str, Field(min_length=1, max_length=PROPERTY_CHARACTERS_MAX)]
    operator: Operator
    values: Annotated[list[_Text | int | float | bool] | None, Field(max_length=VALUES_MAX)] = None


class AllModel(_Node):
    """Every one of them holds."""

    all: _Nodes


class AnyModel(_Node):
    """At least one of them holds."""

    any: _Nodes


class NotModel(_Node):
    """It does not hold."""

    not_: Annotated[FilterNode, Field(alias="not")]


type FilterField = Annotated[
    object, PlainValidator(lambda document: document, json_schema_input_type=FilterNode | None)
]


def event_filter(document: object, place: str, problems: list[Problem]) -> EventFilter | None:
    """Return the filter that a request brings, if it brings one; what is wrong with it joins ``problems``."""
    if document is None:
        return None
    try:
        return read_filter(document, pattern_cost, place)
    except Invalid as error:
        problems += error.problems
        return None
