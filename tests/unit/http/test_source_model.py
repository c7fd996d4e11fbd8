import pytest

from exporter.domain.allowed_hosts import EXPORT_API, AllowedHosts
from exporter.domain.errors import Invalid
from exporter.domain.hour import Hour
from exporter.domain.source import Region, SourceType
from exporter.http.source_model import parse_source
from exporter.sources.edit import SourceDraft

BODY: dict[str, object] = {
    "type": "amplitude_export",
    "project_id": 187520,
    "region": "eu",
    "api_key": "a" * 32,
    "secret_key": "b" * 32,
}
LOCAL = AllowedHosts(("127.0.0.1:8443",), "PULL_HOSTS", "https://amplitude.com")


def parsed(changes: dict[str, object], hosts: AllowedHosts = EXPORT_API) -> SourceDraft:
    """Return the draft of a body with some other fields; None leaves a field out."""
    body = {name: value for name, value in (BODY | changes).items() if value is not None}
    return parse_source("acme", body, hosts)


def wrong(changes: dict[str, object], hosts: AllowedHosts = EXPORT_API) -> set[str]:
    """Return the wrong fields of such a body; fail if one is reported twice."""
    with pytest.raises(Invalid) as refused:
        parsed(changes, hosts)
    found = [each.field for each in refused.value.problems]
    assert len(set(found)) == len(found)
    return set(found)


def test_the_smallest_body_has_defaults_for_the_rest() -> None:
    """Two hours of lag, and pulls again after one and three days."""
    assert parsed({}) == SourceDraft(
        id="acme",
        type=SourceType.AMPLITUDE_EXPORT,
        project_id=187520,
        region=Region.EU,
        base_url=None,
        api_key="a" * 32,
        secret_key="b" * 32,
        start=None,
        lag_minutes=120,
        repull_hours=(24, 72),
    )


def test_every_field_can_be_set() -> None:
    """The base URL loses the slash at its end."""
    body: dict[str, object] = {
        "id": "acme",
        "base_url": "http://127.0.0.1:8443/amplitude/",
        "start": "2026-01-31T05",
        "lag_minutes": 1440,
        "repull_hours": [25, 48, 720],
    }

    draft = parsed(body, LOCAL)

    assert draft.base_url == "http://127.0.0.1:8443/amplitude"
    assert (draft.start, draft.lag_minutes) == (Hour.parse("2026-01-31T05"), 1440)
    assert draft.repull_hours == (25, 48, 720)
    assert parsed({"repull_hours": []}).repull_hours == ()


@pytest.mark.parametrize("missing", ["type", "project_id", "region", "api_key"])
def test_these_fields_are_required(missing: str) -> None:
    """The secret key may be left out, to keep the stored one."""
    assert wrong({missing: None}) == {missing}
    assert parsed({"secret_key": None}).secret_key is None


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("type", ["amplitude", "", 1]),
        ("project_id", ["187520", 0, -1, True, 1.5, 2**63]),
        ("region", ["EU", "asia", "", 1, ["eu"]]),
        ("base_url", ["https://evil.example", "http://amplitude.com", "amplitude.com", "", 1, []]),
        ("api_key", ["", " ", "a:b", "a\n", "ä", "a" * 201, 1]),
        ("secret_key", ["", "a b", "a\n", "ä", "a" * 201, 1]),
        ("start", ["2026-01-31", "2026-01-31T24", "1999-12-31T23", "9999-01-01T00", "", 1]),
        ("lag_minutes", [59, 1441, "120", 120.0, True]),
        (
            "repull_hours",
            [[2], [24, 24], [72, 24], ["24"], [24.0], 24, [0], [-1], [*range(3, 28)], [9999]],
        ),
        ("id", ["other", 1]),
        ("sealed", ["x"]),
    ],
)
def test_each_wrong_value_is_told(field: str, values: list[object]) -> None:
    """By its field alone."""
    for value in values:
        found = wrong({field: value})
        assert {each.partition(".")[0] for each in found} == {field}, value


def test_an_answer_can_be_sent_back() -> None:
    """Its read-only fields are ignored."""
    assert parsed({"status": "failing", "pulled_until": "2026-01-31T05"}) == parsed({})


def test_all_problems_are_told_at_once() -> None:
    """Those between fields, too."""
    body = {"id": "other", "base_url": "https://evil.example", "region": 1, "lag_minutes": 1440}

    found = wrong({**body, "repull_hours": [24]})

    assert found == {"id", "base_url", "region", "repull_hours"}


def test_a_region_whose_api_is_not_allowed_is_refused() -> None:
    """With a base URL, the region names no host."""
    assert wrong({}, LOCAL) == {"region"}
    assert parsed({"base_url": "https://127.0.0.1:8443"}, LOCAL).region is Region.EU


@pytest.mark.parametrize("source_id", ["", "A", "-a", "a-", "a" * 64, "a/b"])
def test_the_id_of_the_path_is_checked(source_id: str) -> None:
    """Like that of a destination."""
    with pytest.raises(Invalid) as refused:
        parse_source(source_id, BODY, EXPORT_API)

    assert [each.field for each in refused.value.problems] == ["id"]


@pytest.mark.parametrize("body", [None, [], "text", 1])
def test_a_body_that_is_no_object_is_refused(body: object) -> None:
    """As a whole."""
    with pytest.raises(Invalid) as refused:
        parse_source("acme", body, EXPORT_API)

    assert [each.field for each in refused.value.problems] == ["(body)"]
