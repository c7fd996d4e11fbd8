"""``GET /console/``: the web page for people. Its files are static and hold nothing secret.

The page gets all data from the API, with the key of the person who uses it: this function needs no key. An
operator who wants no page disables it with the setting ``AzureWebJobs.console.Disabled``.
"""

import hashlib
import re
from http import HTTPStatus
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit

import azure.functions as func

ROUTE = "console"
# What ``make console`` writes.
FOLDER = Path(__file__).resolve().parents[1] / "console" / "static"
PAGE = "index.html"
_NAME = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)+", re.ASCII)
# The build puts a hash of the content into the names of all files but the page.
_HASHED = re.compile(r".+-[A-Z0-9]{8}\.[a-z]+", re.ASCII)
_TYPES = MappingProxyType(
    {
        ".html": "text/html; charset=utf-8",
        ".js": "text/javascript; charset=utf-8",
        ".css": "text/css; charset=utf-8",
        ".svg": "image/svg+xml",
    }
)
# The page loads its own files and calls its own origin, and no other page can frame it or hold a reference
# to its window. Styles and scripts within the page are not run: a text from a row stays a text.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = MappingProxyType(
    {
        "Content-Security-Policy": _POLICY,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    }
)
_ASK_AGAIN = "no-cache"
_FOR_EVER = "max-age=31536000, immutable"
_NOT_BUILT = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>Console not built</title>'
    "<h1>The console is not built</h1>"
    "<p>Run <code>make console</code> in the folder of the project (it needs Node.js), then load this page"
    " again. A deployed app has the console if it was built before: see docs/console.md.</p>"
    "<p>The API works without it: <code>GET /api/openapi.json</code> describes it.</p></html>"
)
_NO_SUCH_FILE = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>Not found</title>'
    '<h1>Not found</h1><p>Open the console at <a href="/console/">/console/</a>.</p></html>'
)

blueprint = func.Blueprint()


@blueprint.function_name("console")
@blueprint.route(f"{ROUTE}/{{*path}}", methods=["GET", "HEAD"], auth_level=func.AuthLevel.ANONYMOUS)
def console(req: func.HttpRequest) -> func.HttpResponse:
    """Return a file of the console; 404 says how to build it if it is not built."""
    return served(
        urlsplit(req.url).path,
        req.route_params.get("path") or "",
        known=req.headers.get("if-none-match", ""),
        encodings=req.headers.get("accept-encoding", ""),
    )


def served(
    url_path: str, name: str, *, known: str = "", encodings: str = "", folder: Path = FOLDER
) -> func.HttpResponse:
    """Return a file of the folder, compressed where the build did that and the caller accepts it.

    ``name`` is the path below ``/console/``, ``known`` the header If-None-Match, ``encodings`` the header
    Accept-Encoding. Files are read when they are asked for: an instance that starts reads none.
    """
    if not name and not url_path.endswith("/"):
        return _answer(HTTPStatus.PERMANENT_REDIRECT, {"Location": f"{ROUTE}/", "Cache-Control": _ASK_AGAIN})
    wanted = name or PAGE
    kind = _TYPES.get(Path(wanted).suffix)
    path = folder / wanted
    if not _NAME.fullmatch(wanted) or kind is None or not path.is_file():
        page = _NO_SUCH_FILE if (folder / PAGE).is_file() else _NOT_BUILT
        headers = {"Content-Type": _TYPES[".html"], "Cache-Control": "no-store"}
        return _answer(HTTPStatus.NOT_FOUND, headers, page.encode())
    zipped = folder / f"{wanted}.gz"
    is_zipped = "gzip" in encodings.lower() and zipped.is_file()
    body = (zipped if is_zipped else path).read_bytes()
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    caching = _FOR_EVER if _HASHED.fullmatch(wanted) else _ASK_AGAIN
    headers = {"ETag": tag, "Vary": "Accept-Encoding", "Cache-Control": caching}
    if tag in {each.strip().removeprefix("W/") for each in known.split(",")}:
        return _answer(HTTPStatus.NOT_MODIFIED, headers)
    encoding = {"Content-Encoding": "gzip"} if is_zipped else {}
    return _answer(HTTPStatus.OK, {**headers, **encoding, "Content-Type": kind}, body)


def _answer(status: HTTPStatus, headers: dict[str, str], body: bytes = b"") -> func.HttpResponse:
    """Return an answer with these headers and those of every answer."""
    return func.HttpResponse(body, status_code=status, headers={**HEADERS, **headers})
