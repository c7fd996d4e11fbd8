"""The guides for operators agree with the templates and the code."""

import re
from pathlib import Path

from exporter.domain.notifications import NotificationKind
from exporter.notify.log_events import Event
from exporter.notify.notifications import WAITS
from tests.infra.templates import ROLES, text

PROJECT = Path(__file__).resolve().parents[2]
SOURCES = "".join(path.read_text() for path in sorted((PROJECT / "exporter").rglob("*.py")))


def guide(name: str) -> str:
    """Return a guide."""
    return (PROJECT / "docs" / name).read_text()


def rows(document: str, header: str) -> list[list[str]]:
    """Return the cells of a table's rows."""
    lines = document.partition(header)[2].partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_every_line_is_documented_with_facts_that_it_has() -> None:
    """And each documented line is written."""
    table = rows(guide("monitoring.md"), "| Line | When | Facts |")

    assert {cells[0].strip("`") for cells in table} == {str(each) for each in Event}
    for fact in {name for cells in table for name in re.findall(r"`(\w+)`", cells[2])}:
        assert re.search(rf'\b{fact}=|"{fact}":', SOURCES), fact


def test_every_notice_is_documented_with_facts_that_it_has() -> None:
    """With the waits between repeated calls."""
    monitoring = guide("monitoring.md")
    table = rows(monitoring, "| `type` | When | Besides")

    assert {cells[0].strip("`") for cells in table} == {str(each) for each in NotificationKind}
    for fact in {name for cells in table for name in re.findall(r"`(\w+)`", cells[2])}:
        assert re.search(rf'\b{fact}=|"{fact}":', SOURCES), fact
    minutes = [int(each.total_seconds() // 60) for each in WAITS]
    assert minutes == [1, 5, 15, 60, 4 * 60, 12 * 60, 24 * 60]
    assert "after 1, 5 and 15 minutes, 1, 4, 12 and 24 hours" in monitoring


def test_every_alert_is_documented() -> None:
    """By the title in the alert mail."""
    titles = {each.replace("\\'", "'") for each in re.findall(r"title: '(.+)'\n", text("alerts.bicep"))}

    assert {cells[0] for cells in rows(guide("monitoring.md"), "| Alert | Fires |")} == titles


def test_the_ten_commands_use_what_there_is() -> None:
    """Files of the project, parameters of the templates, outputs of the deployment."""
    deploy = guide("deploy.md")
    steps = re.findall(r"^\*\*(\d+)\. ", deploy, re.MULTILINE)
    told = set(re.findall(r"^output ([A-Z_]+) ", text("main.bicep"), re.MULTILINE))

    assert steps == [str(number) for number in range(1, 11)]
    for path in re.findall(r"(?:infra/azure|\.github)/[\w./-]+\w", deploy):
        assert (PROJECT / path).exists(), path
    used = set(re.findall(r"\$([A-Z_]{4,})", deploy)) - {"NEW_SECRETS_KEY", "FUNCTION_APP_ID"}
    assert used <= told
    for parameter in ("storageAccountName", "containerName", "principalId"):
        assert f"param {parameter} " in text("customer/main.bicep")


def test_the_roles_are_explained() -> None:
    """Each role with the code that needs it."""
    table = rows(guide("deploy.md"), "| Role | On | Because |")

    assert {cells[0] for cells in table} == set(ROLES.values())
    for path in {name for cells in table for name in re.findall(r"`([\w/]+\.py)`", cells[2])}:
        assert (PROJECT / path).exists(), path


def test_links_between_guides_lead_somewhere() -> None:
    """To existing files."""
    for name in ("deploy.md", "operations.md", "monitoring.md"):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", guide(name)):
            assert (PROJECT / "docs" / target).exists(), f"{name}: {target}"
