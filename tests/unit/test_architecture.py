"""docs/architecture.md agrees with the code: picture, path of an hour, places, glossary."""

import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
EXPORTER = PROJECT / "exporter"
DOCUMENT = (PROJECT / "docs/architecture.md").read_text()
WORDS_MAX = 40
HOPS_MAX = 12


def section(title: str) -> str:
    """Return the text below a heading."""
    _, _, rest = DOCUMENT.partition(f"## {title}\n")
    assert rest, title
    return rest.partition("\n## ")[0]


def rows(text: str) -> list[list[str]]:
    """Return the cells of the table in a text, without its header."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


PATH = rows(section("The path of an hour"))
PLACES = rows(section("Where to put what"))
GLOSSARY = rows(section("Glossary"))
NOT_USED = [word.strip() for _, _, words, _ in GLOSSARY for word in words.split(",") if word.strip()]


def test_the_picture_shows_every_folder_of_the_exporter_and_none_that_is_not_there() -> None:
    """All folders, at every level."""
    picture = section("The house in one picture").partition("```mermaid\n")[2].partition("```")[0]
    named = set(re.findall(r"exporter/[\w/]+\w(?:\.py)?", picture))
    folders = {path.parent for path in EXPORTER.rglob("*.py")} - {EXPORTER}

    assert {name for name in named if not (PROJECT / name).exists()} == set()
    assert {str(folder.relative_to(PROJECT)) for folder in folders} <= named


@pytest.mark.parametrize("hop", PATH, ids=lambda hop: f"{hop[0]} {hop[1]}".replace("`", ""))
def test_every_hop_of_an_hour_leads_to_a_function(hop: list[str]) -> None:
    """Each hop is a function in its file."""
    name, file = hop[1].strip("`"), hop[2].strip("`")

    assert re.search(rf"^ *def {name}\(", (PROJECT / file).read_text(), re.MULTILINE)


def test_the_path_of_an_hour_is_short() -> None:
    """At most twelve hops from the timer to the ledger."""
    assert [hop[0] for hop in PATH] == [str(number) for number in range(1, len(PATH) + 1)]
    assert len(PATH) <= HOPS_MAX


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place[0])
def test_the_places_for_new_code_are_there(place: list[str]) -> None:
    """As files or folders of the exporter, or of the project."""
    for name in re.findall(r"`([\w./-]+)`", " ".join(place[1:])):
        assert (EXPORTER / name).exists() or (PROJECT / name).exists(), name


def test_the_glossary_is_short_and_complete() -> None:
    """Each term once, with a synonym of the field and a meaning."""
    terms = [term for term, _, _, _ in GLOSSARY]

    assert len(terms) == len(set(terms)) <= WORDS_MAX
    assert all(called and meaning for _, called, _, meaning in GLOSSARY)
    assert not set(terms) & set(NOT_USED)


def test_the_terms_of_the_promises_are_those_of_the_glossary() -> None:
    """Both pages have the same terms and synonyms."""
    glossary = {term: called for term, called, _, _ in GLOSSARY}
    delivery = (PROJECT / "docs/delivery.md").read_text().partition("\n## ")[0]

    for term, called, _ in rows(delivery):
        assert glossary.get(term) == called, term


@pytest.mark.parametrize("word", NOT_USED)
def test_no_word_that_is_not_used_stands_in_code_or_docs(word: str) -> None:
    """As a whole word, in upper or lower case; identifiers count.

    Not searched: the glossary, which names these words; targets of links; CHANGELOG.md, which is history.
    """
    unwanted = re.compile(rf"\b{word.replace(' ', r'[\s#]+')}\b", re.IGNORECASE)
    found = []
    for path in sorted([*EXPORTER.rglob("*.py"), *(PROJECT / "docs").rglob("*.md")]):
        text = path.read_text().replace(section("Glossary"), "")
        text = re.sub(r"\]\([^)]*\)", "]", text) if path.suffix == ".md" else text
        for match in unwanted.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            found.append(f"{path.relative_to(PROJECT)}:{line}")

    assert not found, " ".join(found)


def test_no_test_module_imports_another() -> None:
    """What several need stands in a module of its own: ``samples``, ``customers``, ``tests.support``, ..."""
    imports = re.compile(r"^\s*(?:from|import) (tests\.(?:\w+\.)*test_\w+)", re.MULTILINE)
    found = {
        f"{path.relative_to(PROJECT)} imports {name}"
        for path in (PROJECT / "tests").rglob("*.py")
        for name in imports.findall(path.read_text())
    }

    assert not found
