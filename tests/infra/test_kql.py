"""The evaluator of queries: what it knows is as in Kusto, and what it does not know it refuses."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.infra.kql import NotKnown, Row, run

AT = datetime(2026, 1, 31, 13, 17, 30, tzinfo=UTC)
ROWS: list[Row] = [
    {"timestamp": AT, "message": 'Tick {"n":1,"d":"a","deep":{"x":2.5}}'},
    {"timestamp": AT, "message": 'tick {"n":3,"d":"a","deep":{"x":0.5}}'},
    {"timestamp": AT, "message": 'tick {"n":5,"d":"b","deep":{"x":1}}'},
    {"timestamp": AT, "message": "tock"},
]
PARSED = (
    'traces | where message startswith "tick {" | extend f = parse_json(substring(message, strlen("tick ")))'
)


def asked(query: str) -> list[Row]:
    """Return what a query makes of the rows."""
    return run(query, {"traces": ROWS})


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ('traces | where message startswith "tock" | project message', [{"message": "tock"}]),
        (f"{PARSED} | project f.d", [{"f_d": "a"}, {"f_d": "a"}, {"f_d": "b"}]),
        (f"{PARSED} | where toint(f.n) > 3 | project n = tolong(f.n)", [{"n": 5}]),
        (f"{PARSED} | where f.n * 2 >= 10 | project f.n", [{"f_n": 5}]),
        (f"{PARSED} | where f.missing > 0", []),
        (f'{PARSED} | where f.d == "b" | project todouble(f.deep.x)', [{"f_deep_x": 1.0}]),
        (
            f"{PARSED} | summarize count(), sum(toint(f.n)) by d = tostring(f.d)",
            [{"d": "a", "count_": 2, "sum_f_n": 4}, {"d": "b", "count_": 1, "sum_f_n": 5}],
        ),
        (
            f"{PARSED} | summarize most = max(toint(f.n)), avg(todouble(f.deep.x)) by tostring(f.d)",
            [
                {"f_d": "a", "most": 3, "avg_f_deep_x": 1.5},
                {"f_d": "b", "most": 5, "avg_f_deep_x": 1.0},
            ],
        ),
        (
            "traces | summarize count() by bin(timestamp, 5m)",
            [{"timestamp": datetime(2026, 1, 31, 13, 15, tzinfo=UTC), "count_": 4}],
        ),
        (
            "traces | summarize count() by at = bin(timestamp, 1h)",
            [{"at": datetime(2026, 1, 31, 13, tzinfo=UTC), "count_": 4}],
        ),
        ('traces | where message startswith "none" | summarize count() by message', []),
        (
            'traces | where message startswith "tock" | project x = tostring(parse_json(message).y)',
            [{"x": ""}],
        ),
    ],
)
def test_what_our_queries_use_means_what_it_means_in_kusto(query: str, expected: list[Row]) -> None:
    """Prefixes in either case, null that no condition holds for, names of columns that have none."""
    if "parse_json(message).y" in query:
        query = query.replace("tostring(parse_json(message).y)", "tostring(j.y)").replace(
            " | project", " | extend j = parse_json(message) | project"
        )

    assert asked(query) == expected


@pytest.mark.parametrize(
    "query",
    [
        "traces | take 5",
        "traces | join (requests) on id",
        "other",
        "traces | where mesage == 1",
        'traces | where message contains "x"',
        'traces | where message startswith "x" or message startswith "y"',
        "traces | where not(message)",
        "traces | where message < 5",
        "traces | where 1 - 1 == 0",
        "traces | summarize dcount(message) by message",
        "traces | summarize count()",
        "traces | summarize strlen(message) by message",
        "traces | project strlen(message)",
        "traces | extend x = toint(message)",
        "traces | extend x = bin(5, 5m)",
        "traces | where message == 5",
        "traces | where message > 5",
        "traces | where bin(timestamp, 7s) == timestamp",
        'traces | where message startswith @"x"',
        "traces | where message ==",
        "traces | extend x = toint(5",
        f"{PARSED} | summarize sum(toint(f.missing)) by message",
        f"{PARSED} | extend x = tostring(f.deep)",
        f"{PARSED} | extend x = toint(f.deep.x)",
        f"{PARSED} | extend x = todouble(f.d)",
        f"{PARSED} | where f.deep.x > 1",
    ],
)
def test_what_it_does_not_know_it_refuses(query: str) -> None:
    """Rather than to answer what Kusto might not."""
    with pytest.raises(NotKnown):
        asked(query)


def test_integers_beyond_their_type_are_null() -> None:
    """As Kusto converts them."""
    tables: dict[str, list[dict[str, Any]]] = {"traces": [{"n": 2**31, "m": 2**63}]}

    assert run("traces | project a = toint(n), b = tolong(n), c = tolong(m)", tables) == [
        {"a": None, "b": 2**31, "c": None}
    ]
