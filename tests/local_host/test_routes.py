"""Route templates and requests."""

import pytest

from infra.local.host.routes import Route, decoded


def route(template: str, methods: tuple[str, ...] = (), prefix: str = "api") -> Route:
    """Parse the route of a function called f."""
    return Route.parse("f", template, methods, prefix)


@pytest.mark.parametrize(
    ("template", "path", "expected"),
    [
        ("items", "/api/items", {}),
        ("items", "/API/Items/", {}),
        ("items", "/api/items/1", None),
        ("items", "/items", None),
        ("items/{id}", "/api/items/a-b", {"id": "a-b"}),
        ("items/{id}", "/api/items", None),
        ("items/{id}", "/api/items/a/b", None),
        ("items/{id?}", "/api/items", {}),
        ("items/{id?}", "/api/items/7", {"id": "7"}),
        ("items/{id:int}", "/api/items/7", {"id": "7"}),
        ("items/{id:int}", "/api/items/seven", None),
        (
            "items/{id:guid}",
            "/api/items/6F9619FF-8B86-D011-B42D-00CF4FC964FF",
            {"id": "6F9619FF-8B86-D011-B42D-00CF4FC964FF"},
        ),
        ("items/{id:length(3)}", "/api/items/abc", {"id": "abc"}),
        ("items/{id:length(3)}", "/api/items/abcd", None),
        ("files/{*path}", "/api/files/a/b.txt", {"path": "a/b.txt"}),
        ("{name}.json", "/api/openapi.json", {"name": "openapi"}),
        ("{name}.json", "/api/openapixjson", None),
    ],
)
def test_a_path_matches_a_template_or_not(template: str, path: str, expected: dict[str, str] | None) -> None:
    """Without regard to case; parameters that are absent are left out."""
    assert route(template).match("GET", path) == expected


def test_a_wrong_method_is_no_match() -> None:
    """The answer is 404, never 405. GET does not imply HEAD."""
    assert route("x", ("get",)).match("GET", "/api/x") == {}
    assert route("x", ("get",)).match("HEAD", "/api/x") is None
    assert route("x").match("PATCH", "/api/x") == {}


def test_the_prefix_may_be_something_else_or_nothing() -> None:
    """As ``routePrefix`` in host.json says."""
    assert route("x", prefix="v1/data").match("GET", "/v1/data/x") == {}
    assert route("x", prefix="").match("GET", "/x") == {}


@pytest.mark.parametrize("template", ["admin", "Admin/users", "administer", "runtime/x"])
def test_the_hosts_own_routes_are_refused(template: str) -> None:
    """So is every route that begins with these letters."""
    with pytest.raises(ValueError, match="conflicts"):
        route(template)


@pytest.mark.parametrize("template", ["{id", "{id:int:min(3)}", "{id:even}", "{id=7}"])
def test_a_template_that_cannot_be_honoured_is_refused(template: str) -> None:
    """Matching it in another way than Azure would be worse."""
    with pytest.raises(ValueError, match="local host"):
        route(template)


def test_an_encoded_slash_separates_nothing() -> None:
    """It stays encoded. Everything else is decoded."""
    path = decoded("/api/items/a%2Fb%20c")

    assert route("items/{id}").match("GET", path) == {"id": "a%2Fb c"}
