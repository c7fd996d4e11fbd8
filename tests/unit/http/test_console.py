"""The files of the console, as a browser gets them."""

import gzip
from http import HTTPStatus
from pathlib import Path

import azure.functions as func
import pytest

from exporter.http.console import HEADERS, served

SCRIPT = "console-0A1B2C3D.js"


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """Return a folder with the page, a script and its compressed twin."""
    (tmp_path / "index.html").write_text("<!doctype html>page")
    (tmp_path / SCRIPT).write_text("start()")
    (tmp_path / f"{SCRIPT}.gz").write_bytes(gzip.compress(b"start()"))
    (tmp_path / "notes.txt").write_text("not for browsers")
    return tmp_path


def sent(answer: func.HttpResponse) -> dict[str, str]:
    """Return the headers of an answer, with their names in lower case."""
    return {name.lower(): value for name, value in answer.headers.items()}


def test_the_page_is_asked_for_again_and_its_files_are_kept_for_ever(built: Path) -> None:
    """The names of the files change with their contents, the name of the page does not."""
    page, script = served("/console/", "", folder=built), served("/console/x", SCRIPT, folder=built)

    assert (page.get_body(), sent(page)["content-type"]) == (
        b"<!doctype html>page",
        "text/html; charset=utf-8",
    )
    assert sent(page)["cache-control"] == "no-cache"
    assert (script.get_body(), sent(script)["content-type"]) == (b"start()", "text/javascript; charset=utf-8")
    assert sent(script)["cache-control"] == "max-age=31536000, immutable"


def test_a_browser_that_has_a_file_gets_it_no_second_time(built: Path) -> None:
    """304 without a body; another ETag gets the file."""
    tag = sent(served("/console/", "", folder=built))["etag"]

    again = served("/console/", "", known=f'"other", W/{tag}', folder=built)
    other = served("/console/", "", known='"other"', folder=built)

    assert (again.status_code, again.get_body()) == (HTTPStatus.NOT_MODIFIED, b"")
    assert other.status_code == HTTPStatus.OK


def test_a_browser_that_takes_gzip_gets_the_compressed_twin(built: Path) -> None:
    """With an ETag of its own."""
    plain = served("/console/x", SCRIPT, folder=built)
    zipped = served("/console/x", SCRIPT, encodings="br, GZIP", folder=built)

    assert gzip.decompress(zipped.get_body()) == plain.get_body()
    assert sent(zipped)["content-encoding"] == "gzip"
    assert "content-encoding" not in sent(plain)
    assert sent(zipped)["etag"] != sent(plain)["etag"]
    assert {sent(each)["vary"] for each in (plain, zipped)} == {"Accept-Encoding"}


@pytest.mark.parametrize(
    "name",
    [
        "other.js",
        "../http/console.py",
        "..",
        "src/main.tsx",
        "notes.txt",
        f"{SCRIPT}.gz",
        "/etc/hosts",
        "a\n.js",
    ],
)
def test_nothing_but_the_built_files_is_served(built: Path, name: str) -> None:
    """No other folder, and no type that the console does not have."""
    answer = served(f"/console/{name}", name, folder=built / "sub" if name == ".." else built)

    assert answer.status_code == HTTPStatus.NOT_FOUND
    assert sent(answer)["cache-control"] == "no-store"


def test_without_a_build_the_page_says_how_to_build_it(tmp_path: Path) -> None:
    """The app runs without Node.js."""
    answer = served("/console/", "", folder=tmp_path)

    assert answer.status_code == HTTPStatus.NOT_FOUND
    assert b"make console" in answer.get_body()


def test_the_address_without_a_slash_leads_to_the_page(built: Path) -> None:
    """The page names its files relative to its own address."""
    answer = served("/console", "", folder=built)

    assert (answer.status_code, sent(answer)["location"]) == (HTTPStatus.PERMANENT_REDIRECT, "console/")


@pytest.mark.parametrize("name", ["", SCRIPT, "missing.js"])
def test_every_answer_says_what_the_page_may_do(built: Path, name: str) -> None:
    """Load its own files, call its own origin, and nothing else."""
    headers = sent(served(f"/console/{name}", name, folder=built))

    assert {name.lower(): value for name, value in HEADERS.items()}.items() <= headers.items()
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
