"""The request body of a destination."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.domain.allowed_hosts import AllowedHosts, OwnContainers
from exporter.domain.data_types import DataType
from exporter.domain.destination import Output
from exporter.domain.errors import Invalid
from exporter.domain.file_names import NameStyle, Naming, PathLayout
from exporter.domain.hour import Hour
from exporter.domain.streams import Stream
from exporter.http.destination_model import PREFIX_CHARACTERS_MAX, PREFIX_FOLDERS_MAX, parse_draft

HOSTS = AllowedHosts(("*.blob.core.windows.net", "127.0.0.1"))
SECRET = "AccountName=acme;AccountKey=aHVudGVyMg=="  # noqa: S105  a made-up one
CREDENTIALS = {"type": "connection_string", "connection_string": SECRET}
BODY: dict[str, Any] = {
    "name": "Acme",
    "events": {"project_id": 187520},
    "storage": {"container": "raw"},
    "credentials": CREDENTIALS,
}


def problems(body: object, destination_id: str = "acme") -> dict[str, str]:
    """Return the problems of a request, by field."""
    with pytest.raises(Invalid) as refused:
        parse_draft(destination_id, body, HOSTS)
    return {problem.field: problem.message for problem in refused.value.problems}


def test_the_minimal_request_is_accepted() -> None:
    """All of output has defaults, and the connection string names the account."""
    draft = parse_draft("acme", BODY, HOSTS)

    assert (draft.project_id, draft.org_id, draft.output) == (187520, None, Output())
    url = "https://acme.blob.core.windows.net"
    assert (draft.storage.account_url, draft.storage.prefix, draft.secret) == (url, "", SECRET)


def test_options_are_accepted_by_name() -> None:
    """With the names of docs/api.md."""
    body = BODY | {"output": {"name_style": "safe", "max_part_mib": 1, "completion_marker": False}}

    assert parse_draft("acme", body, HOSTS).output == Output(
        name_style=NameStyle.SAFE, max_part_mib=1, completion_marker=False
    )


def test_all_problems_are_reported_at_once() -> None:
    """Types, limits, unknown fields, hosts, and problems between fields."""
    body = {
        "id": "other",
        "name": 7,
        "evnets": {"project_id": 1},
        "storage": {"account_url": "http://acme.blob.core.windows.net", "container": "R", "prefix": "/a"},
        "credentials": {
            "type": "connection_string",
            "connection_string": "AccountName=a;EndpointSuffix=evil.org",
        },
        "output": {"max_part_mib": "1", "compression": "best"},
    }

    assert set(problems(body)) == {
        "id",
        "name",
        "events",
        "evnets",
        "storage.account_url",
        "storage.container",
        "storage.prefix",
        "credentials.connection_string",
        "output.max_part_mib",
        "output.compression",
    }


@pytest.mark.parametrize("destination_id", ["", "-a", "a-", "A", "a_b", "a" * 64, "ä"])
def test_an_invalid_id_is_refused(destination_id: str) -> None:
    """The id becomes part of table keys and blob names."""
    assert set(problems(BODY, destination_id)) == {"id"}


@pytest.mark.parametrize(
    "prefix",
    [
        *("/a", "a/", "a//b", "a\\b", "..", "a/../b", "a/./b", "a\nb", "a\x7fb", "a\u2028b", "x" * 513),
        *(
            " a",
            "a ",
            "a/ b",
            "a /b",
            "\u00a0a",
            "a.",
            "a./b",
            "a/b..",
            "\N{ARTIST PALETTE}" * 257,
            "a/" * 60 + "a",
        ),
    ],
)
def test_a_prefix_that_azure_or_tools_change_is_refused(prefix: str) -> None:
    """Azure or a common tool would change the path."""
    assert set(problems(BODY | {"storage": {"container": "raw", "prefix": prefix}})) == {"storage.prefix"}


@pytest.mark.parametrize(
    "prefix",
    ["a", "a/b c", ".hidden/a.b", "a/#1", "x" * 512, "\N{ARTIST PALETTE}" * 256, "a/" * 59 + "a", "日本/é"],
)
def test_a_valid_prefix_is_accepted(prefix: str) -> None:
    """Up to the maximum length."""
    body = BODY | {"storage": {"container": "raw", "prefix": prefix}}

    assert parse_draft("acme", body, HOSTS).storage.prefix == prefix


def test_the_longest_name_below_the_longest_prefix_is_valid_in_azure() -> None:
    """1,024 UTF-16 units and 63 segments; the name of a test upload is shorter."""
    stream = Stream(DataType.MERGED_IDS, 2**63 - 1)
    naming = Naming(stream, "", NameStyle.SAFE, PathLayout.BY_PROJECT)
    name = naming.part(Hour.parse("2026-01-31T13"), 1)

    assert PREFIX_CHARACTERS_MAX + 1 + len(name) + len("#100000") <= 1024
    assert PREFIX_FOLDERS_MAX + len(name.split("/")) <= 63


@pytest.mark.parametrize("container", ["landing", "rejected", "export-state", "azure-webjobs-secrets"])
@pytest.mark.parametrize(
    "storage",
    [
        {"account_url": "https://Acme.blob.core.windows.net:443"},
        {"account_url": "https://acme-secondary.blob.core.windows.net"},
        {},
    ],
    ids=["by URL", "by that of the copy", "by connection string"],
)
def test_a_container_of_the_exporters_own_is_refused(storage: dict[str, str], container: str) -> None:
    """With any prefix: files written into landing would be exported again."""
    own = OwnContainers.at("https://acme.blob.core.windows.net", "landing")
    body = BODY | {"storage": storage | {"container": container, "prefix": "events/1"}}

    with pytest.raises(Invalid) as refused:
        parse_draft("acme", body, HOSTS, own=own)
    assert [problem.field for problem in refused.value.problems] == ["storage.container"]

    parse_draft("acme", BODY, HOSTS, own=own)


@pytest.mark.parametrize("container", ["ra", "Raw", "a--b", "-raw", "raw-", "a" * 64, "$root", "raw/x", ""])
def test_an_invalid_container_name_is_refused(container: str) -> None:
    """Otherwise Azure refuses it later."""
    assert set(problems(BODY | {"storage": {"container": container}})) == {"storage.container"}


def test_the_account_url_must_match_the_connection_string() -> None:
    """A destination has one account."""
    storage = {"container": "raw", "account_url": "https://other.blob.core.windows.net"}
    assert set(problems(BODY | {"storage": storage})) == {"storage.account_url"}

    same = {"container": "raw", "account_url": "https://acme.blob.core.windows.net/"}
    parse_draft("acme", BODY | {"storage": same}, HOSTS)


@pytest.mark.parametrize(
    "endpoints",
    [
        "BlobSecondaryEndpoint=https://other.blob.core.windows.net",
        "BlobSecondaryEndpoint=https://evil.example",
        "BlobEndpoint=https://acme.blob.core.windows.net/raw",
        "BlobEndpoint=https://acme.blob.core.windows.net:8443",
    ],
)
def test_a_connection_string_names_exactly_one_account(endpoints: str) -> None:
    """It names no container, no port, and no copy of another account."""
    credentials = {"type": "connection_string", "connection_string": f"{SECRET};{endpoints}"}

    assert set(problems(BODY | {"credentials": credentials})) == {"credentials.connection_string"}


@pytest.mark.parametrize("source", [0, -1, 2**63, 1.0, "1", True, None])
def test_a_project_is_a_positive_integer(source: object) -> None:
    """Other types are not converted."""
    assert set(problems(BODY | {"events": {"project_id": source}})) == {"events.project_id"}


@pytest.mark.parametrize("secret", ["", "hunter2", "DefaultEndpointsProtocol=https;AccountKey=aHVudGVyMg=="])
def test_a_connection_string_without_an_account_is_refused_and_not_repeated(secret: str) -> None:
    """Users paste wrong texts, which may be secrets."""
    credentials = {"type": "connection_string", "connection_string": secret}

    found = problems(BODY | {"credentials": credentials})

    assert set(found) == {"credentials.connection_string"}
    assert not secret or secret not in json.dumps(found)
    assert "aHVudGVyMg" not in json.dumps(found)


def test_read_only_fields_are_kept_for_the_comparison_or_ignored() -> None:
    """Progress changes between GET and PUT; status and times are compared with the stored ones."""
    times = {"created_at": "2026-01-31T13:15:00Z", "activated_at": None}
    body = BODY | times | {"status": "failing", "owed_hours": {"events": 3}, "last_error": {}, "warning": ""}

    stated = {"status": "active", "created_at": datetime(2026, 1, 31, 13, 15, tzinfo=UTC)}
    assert parse_draft("acme", body, HOSTS).stated == stated | {"activated_at": None}
    assert parse_draft("acme", BODY, HOSTS).stated == {}
    assert problems(BODY | {"stauts": "active"}) == {"stauts": "is not a known field: check its spelling"}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*BODY, "id", "x"]), inner),
    max_leaves=8,
)


@given(json_values)
def test_any_body_is_a_destination_or_a_list_of_problems(body: object) -> None:
    """Nothing else is raised."""
    try:
        parse_draft("acme", body, HOSTS)
    except Invalid as refused:
        assert refused.problems  # noqa: PT017  either way is fine


@pytest.mark.parametrize("field", ["name", "storage", "credentials", "events"])
@given(value=json_values)
def test_any_value_of_a_field_is_accepted_or_reported(field: str, value: object) -> None:
    """The rest of the request is right."""
    try:
        parse_draft("acme", BODY | {field: value}, HOSTS)
    except Invalid as refused:
        assert {problem.field.partition(".")[0] for problem in refused.problems} <= {field, "events"}  # noqa: PT017  either way is fine
