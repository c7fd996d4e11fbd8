"""Strategies for filters, and for the events that they are applied to."""

from typing import Any

from hypothesis import strategies as st

from tests.properties.values import json_values

# Few names and few values, so that conditions and events meet.
KEYS = ["a", "b", "a.b", 'q"', "ü"]
TEXTS = ["", "a", "A", "ab", "b", "ba", "ü", "😀", "ﬀ", "10", "2"]
NUMBERS = [0, 1, 2, -1, 10, 1.0, 0.5, -0.0, 2**53, 2**53 + 1, 2**63 - 1, 2**64 - 1]
INSTANTS = ["2026-01-31 13:20:00.000000", "2026-01-31 13:20:00.000001", "2026-01-31T13:20:01.000000"]
OBJECTS = ["data", "event_properties", "group_properties", "groups", "user_properties"]
ORDERS = ["less", "less_or_equal", "greater", "greater_or_equal"]

scalars = st.sampled_from([*TEXTS, *NUMBERS, True, False, None, 2**64, 10**30, 1e300])
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=8,
)
objects = st.none() | st.dictionaries(st.sampled_from(KEYS), values | json_values, max_size=4)
events = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(OBJECTS, objects),
        "country": st.none() | st.sampled_from(TEXTS),
        "session_id": st.none() | st.sampled_from([each for each in NUMBERS if isinstance(each, int)]),
        "location_lat": st.none() | st.sampled_from(NUMBERS),
        "paying": st.none() | st.booleans(),
        "event_time": st.sampled_from(INSTANTS),
        "client_event_time": st.none() | st.sampled_from(INSTANTS),
    },
)


def asked(names: st.SearchStrategy[str], wanted: list[Any], *operators: str) -> st.SearchStrategy[Any]:
    """Return conditions with any of the operators."""

    def of(operator: str) -> st.SearchStrategy[Any]:
        most = 1 if operator in ORDERS else 3
        values = {"values": st.lists(st.sampled_from(wanted), min_size=1, max_size=most)} if wanted else {}
        return st.fixed_dictionaries({"property": names, "operator": st.just(operator), **values})

    return st.sampled_from(operators).flatmap(of)


inside = st.builds(
    lambda name, keys: ".".join([name, *(key.replace(".", r"\.") for key in keys)]),
    st.sampled_from(OBJECTS),
    st.lists(st.sampled_from(KEYS), min_size=1, max_size=3),
)
texts, numbers = st.just("country"), st.sampled_from(["session_id", "location_lat"])
times = st.sampled_from(["event_time", "client_event_time"])
fields = st.sampled_from(["country", "session_id", "paying", "client_event_time", "sample_rate"])
conditions = st.one_of(
    asked(inside, [*TEXTS, *NUMBERS, True, False], "is", "is_not"),
    asked(inside, [*TEXTS, *NUMBERS], *ORDERS),
    asked(inside | texts, TEXTS[1:], "contains", "not_contains", "starts_with"),
    asked(inside | texts, ["a", "^a", "[ab]{2}", "^.?$", "0|ü"], "matches"),
    asked(inside | fields, [], "is_set", "is_not_set"),
    asked(texts, TEXTS, "is", "is_not", *ORDERS),
    asked(numbers, NUMBERS, "is", "is_not", *ORDERS),
    asked(times, INSTANTS, "is", "is_not", *ORDERS),
    asked(st.just("paying"), [True, False], "is", "is_not"),
)
filters = st.recursive(
    conditions,
    lambda inner: st.one_of(
        st.fixed_dictionaries({"all": st.lists(inner, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"any": st.lists(inner, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"not": inner}),
    ),
    max_leaves=6,
)
