"""The filter in OpenAPI. ``read_filter`` checks it.

Pydantic only describes it: for a union of models it reports the errors of every alternative, at every level
of nesting. ``tests/unit/http/test_filter_model.py`` compares the two.
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
    """A comparison of a property with any of the values."""

    property: Annotated[str, Field(min_length=1, max_length=PROPERTY_CHARACTERS_MAX)]
    operator: Operator
    values: Annotated[list[_Text | int | float | bool] | None, Field(max_length=VALUES_MAX)] = None


class AllModel(_Node):
    """All conditions hold."""

    all: _Nodes


class AnyModel(_Node):
    """At least one condition holds."""

    any: _Nodes


class NotModel(_Node):
    """The condition does not hold."""

    not_: Annotated[FilterNode, Field(alias="not")]


type FilterField = Annotated[
    object, PlainValidator(lambda document: document, json_schema_input_type=FilterNode | None)
]


def event_filter(document: object, place: str, problems: list[Problem]) -> EventFilter | None:
    """Return the filter of a request, or None; append its problems, with paths below ``place``."""
    if document is None:
        return None
    try:
        return read_filter(document, pattern_cost, place)
    except Invalid as error:
        problems += error.problems
        return None
