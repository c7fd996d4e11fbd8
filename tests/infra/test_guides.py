"""The guides for operators agree with the templates and the code."""

import ast
import base64
import gzip
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from exporter.domain.notifications import NotificationKind
from exporter.notify.log_events import Event
from exporter.notify.notifications import WAITS
from tests.infra.queries import alerts
from tests.infra.recorders import Asked, blocks, run
from tests.infra.templates import ROLES, ROLES_OF_PEOPLE, text

PROJECT = Path(__file__).resolve().parents[2]
# The default of small.bicepparam.
ENVIRONMENT_NAME = "exporter"
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


def test_the_guides_say_how_many_alert_rules_are_paid_for() -> None:
    """Each has a price."""
    number = ("seven", "eight", "nine", "ten", "eleven", "twelve")[len(alerts()) - 7]

    for name in ("deploy.md", "operations.md", "../README.md"):
        assert re.search(rf"{number}\s+\[?(log )?alert rules", guide(name)), name


def test_the_ten_commands_use_what_there_is() -> None:
    """Files of the project, parameters of the templates, outputs of the deployment."""
    deploy = guide("deploy.md")
    steps = re.findall(r"^\*\*(\d+)\. ", deploy, re.MULTILINE)
    told = {variable_of(name) for name in outputs()}

    assert steps == [str(number) for number in range(1, 11)]
    for path in re.findall(r"(?:infra/azure|\.github)/[\w./-]+\w", deploy):
        assert (PROJECT / path).exists(), path
    set_here = set(re.findall(r"^(?:export )?([A-Z_]+)=", deploy, re.MULTILINE))
    used = set(re.findall(r"\$([A-Z_]{4,})", deploy)) - set_here
    assert used <= told
    for parameter in ("storageAccountName", "containerName", "principalId"):
        assert f"param {parameter} " in text("customer/main.bicep")


def test_the_fourth_command_exports_every_output(tmp_path: Path) -> None:
    """Also lists and values with blanks, and with Python 3.8."""
    block = re.search(r"\*\*4\. .*?```sh\n(.*?)```", guide("deploy.md"), re.DOTALL)
    assert block
    answer: dict[str, dict[str, object]] = {
        name: {"type": "String", "value": f"the {name}"} for name in outputs()
    }
    answer["outboundAddresses"] = {"type": "Array", "value": ["203.0.113.7", "203.0.113.8"]}
    (tmp_path / "answer.json").write_text(json.dumps(answer))
    az = tmp_path / "az"
    az.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/asked\ncat {tmp_path}/answer.json\n')
    az.chmod(0o755)

    script = f"{block[1]}\nenv"
    done = subprocess.run(  # noqa: S603  the project's own guide
        ["/bin/sh", "-ec", script],
        env={"PATH": f"{tmp_path}:{Path(sys.executable).parent}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )

    exported = dict(line.split("=", 1) for line in done.stdout.splitlines())
    assert {variable_of(name): exported[variable_of(name)] for name in outputs()} == {
        variable_of(name): f"the {name}" for name in outputs()
    } | {"OUTBOUND_ADDRESSES": "203.0.113.7 203.0.113.8"}
    asked = (tmp_path / "asked").read_text()
    assert asked == "deployment sub show --name exporter --query properties.outputs --output json\n"
    python = re.search(r"python3 -c '(.*?)'", block[1], re.DOTALL)
    assert python
    ast.parse(python[1], feature_version=(3, 8))


# What a reader of each guide has set, in the words of the guide or by an earlier one.
VARIABLES = {
    "deploy.md": {},
    "destinations.md": {"EXPORTER": "https://exporter.example", "KEY": "k", "IDENTITY_PRINCIPAL_ID": "i"},
    "landing.md": {"STORAGE_ACCOUNT": "ours", "PRINCIPAL_ID": "i", "EXPIRY": "2026-02-01"},
    "operations.md": {
        "API_URL": "https://exporter.example/api",
        "KEY": "k",
        "STORAGE": "AccountName=ours",
        "STORAGE_ACCOUNT": "ours",
        "BLOB": "events/187520/2026/01/31/05/a.json.gz",
        "KEY_VAULT": "kv",
        "RESOURCE_GROUP": "rg",
        "FUNCTION_APP": "func",
    },
    "sources.md": {"API": "https://exporter.example/api", "KEY": "k"},
    "console.md": {},
}


@pytest.mark.parametrize("name", VARIABLES)
def test_every_block_of_a_guide_runs_and_calls_the_tools_as_they_want(name: str, tmp_path: Path) -> None:
    """One after the other in one shell, in which an unknown variable is an error.

    The tools note what they are asked. No block is left out: those of the README and of the command line run
    in tests/e2e.
    """
    (tmp_path / "events.ndjson").write_text("{}\n")
    rejected = tmp_path / "acme/events/187520/2026/01/31/05/a.json.gz"
    rejected.parent.mkdir(parents=True)
    rejected.write_bytes(gzip.compress(b"{}"))

    asked = run(blocks(f"docs/{name}"), tmp_path, **VARIABLES[name])

    assert asked
    assert {str(each): found for each in asked if (found := each.objection())} == {}


def test_no_guide_with_shell_blocks_is_left_out() -> None:
    """Of those for people who run the exporter."""
    found = {path.name for path in (PROJECT / "docs").glob("*.md") if "```sh\n" in path.read_text()}

    assert found == VARIABLES.keys() | {"cli.md"}


def test_the_deployment_asks_for_what_the_outputs_say(tmp_path: Path) -> None:
    """And ends with the removal of what it made."""
    asked = list(map(str, run(blocks("docs/deploy.md"), tmp_path)))

    assert "func azure functionapp publish the-functionApp --python" in asked
    assert "curl https://exporter.example/api/health" in asked
    assert "curl https://exporter.example/api/destinations/acme/hours?code=an-id" in asked
    assert "gh variable set FUNCTION_APP --repo OWNER/NAME --env production --body the-functionApp" in asked
    assert any("repo:OWNER/NAME:environment:production" in each for each in asked)
    assert asked[-1] == "az group delete --name the-resourceGroup"


def test_a_new_key_is_put_in_front_of_the_present_one_and_read_at_once(tmp_path: Path) -> None:
    """Then it is alone; the value is never printed."""
    section = guide("operations.md").partition("### A new `SECRETS_KEY`")[2].partition("\n## ")[0]
    scripts = re.findall(r"^ *```sh\n(.*?)```", section, re.DOTALL | re.MULTILINE)

    asked = run(scripts, tmp_path, **VARIABLES["operations.md"])

    first, alone = (each for each in asked if each.arguments[:3] == ("keyvault", "secret", "set"))
    value = first.arguments[first.arguments.index("--value") + 1]
    new, _, old = value.partition(",")
    assert (len(base64.b64decode(new)), old) == (32, "an-id")
    assert alone.arguments[alone.arguments.index("--value") + 1] == new
    assert all("--output none" in str(each) for each in (first, alone))
    (refresh,) = (str(each) for each in asked if each.arguments[0] == "rest")
    assert "an-id/config/configreferences/appsettings/refresh?api-version=" in refresh


@pytest.mark.parametrize(
    ("arguments", "objection"),
    [
        (("az", "storage", "blob", "uplod"), "no such command"),
        (("az", "group", "delete"), "group delete needs {'--name'}"),
        (("func", "start", "--enableAut"), "no such option of start: {'--enableAut'}"),
        (("curl", "-X", "POST", "https://x/api/destinations/acme/activated"), "the API has no POST"),
        (("gh", "release", "download", "v1", "--repo", "a/b"), None),
    ],
)
def test_a_call_that_a_tool_would_refuse_is_found(arguments: tuple[str, ...], objection: str | None) -> None:
    """By its command, its options, what it needs, or its route."""
    found = Asked(arguments[0], arguments[1:]).objection()

    assert found == objection if objection is None else (found or "").startswith(objection)


@pytest.mark.parametrize(("group", "created"), [("false", True), ("true", False), ("", False)])
def test_the_second_command_never_replaces_a_key(group: str, tmp_path: Path, *, created: bool) -> None:
    """Nor does it create one if Azure does not answer."""
    block = re.search(r"\*\*2\. .*?```sh\n(.*?)```", guide("deploy.md"), re.DOTALL)
    assert block
    az = tmp_path / "az"
    az.write_text(f"#!/bin/sh\necho {group}\n")
    az.chmod(0o755)

    done = subprocess.run(  # noqa: S603  the project's own guide
        ["/bin/sh", "-ec", f"{block[1]}\nenv"],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert ("NEW_SECRETS_KEY=" in done.stdout) == created
    assert f"rg-{ENVIRONMENT_NAME}" in block[1]


def test_azure_changes_no_name_of_an_output() -> None:
    """It makes camel case of other names: FUNCTION_APP becomes functioN_APP."""
    assert all(re.fullmatch(r"[a-z]+(?:[A-Z][a-z]+)*", name) for name in outputs())


def outputs() -> list[str]:
    """Return the names of the outputs of the deployment."""
    return re.findall(r"^output (\w+) ", text("main.bicep"), re.MULTILINE)


def variable_of(name: str) -> str:
    """Return the variable of an output: ``FUNCTION_APP`` of ``functionApp``."""
    return re.sub("([A-Z])", r"_\1", name).upper()


def test_the_key_is_created_once_and_forgotten_when_the_vault_has_it(tmp_path: Path) -> None:
    """The hooks of azd, with an azd that keeps its environment in a file, as the real one does."""
    azd = tmp_path / "azd"
    azd.write_text(
        "#!/bin/sh\n"
        'case "$2" in\n'
        f'  set) printf "%s" "$4" > "{tmp_path}/$3" ;;\n'
        f'  get-value) cat "{tmp_path}/$3" 2>/dev/null || {{ echo "ERROR: key not found"; exit 1; }} ;;\n'
        "esac\n"
    )
    azd.chmod(0o755)

    def hook(name: str) -> str:
        path = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
        subprocess.run(["/bin/sh", str(PROJECT / "infra/azure" / name)], env=path, check=True)  # noqa: S603  our own
        return (tmp_path / "NEW_SECRETS_KEY").read_text()

    key = hook("new-secrets-key.sh")
    assert len(base64.b64decode(key)) == 32
    assert hook("new-secrets-key.sh") != key
    (tmp_path / "keyVault").write_text("kvexporter")
    assert hook("forget-secrets-key.sh") == ""
    assert hook("new-secrets-key.sh") == ""
    hooks = (PROJECT / "azure.yaml").read_text()
    assert hooks.index("preprovision") < hooks.index("new-secrets-key.sh") < hooks.index("postprovision")
    assert hooks.index("postprovision") < hooks.index("forget-secrets-key.sh")


def test_the_environments_of_azd_are_in_neither_repository_nor_package() -> None:
    """They may hold the key."""
    for name in (".gitignore", ".funcignore"):
        assert ".azure/" in (PROJECT / name).read_text().splitlines(), name


def test_every_provider_is_registered_before_it_is_needed() -> None:
    """Those of the resources in the templates, and the one of the subnet's delegation."""
    registered = re.search(r"for each in ([\w ]+); do\n +az provider register", guide("deploy.md"))
    assert registered
    needed = {
        provider
        for path in (PROJECT / "infra/azure").glob("*.bicep")
        for provider in re.findall(r"'Microsoft\.(\w+)/[\w/]+(?:@|')", path.read_text())
    }

    assert set(registered[1].split()) == needed - {"Authorization", "Resources"}


def test_the_variables_of_the_deployment_from_github_are_set() -> None:
    """Each one that the workflow reads; and the application has a service principal."""
    workflow = (PROJECT / ".github/workflows/deploy.yml").read_text()
    deploy = guide("deploy.md").partition("## From GitHub")[2].partition("\n## ")[0]

    assert set(re.findall(r"^set_variable (\w+) ", deploy, re.MULTILINE)) == set(
        re.findall(r"vars\.(\w+)", workflow)
    )
    assert deploy.index("az ad sp create") < deploy.index("az role assignment create")
    assert re.search(r"^ +environment: production$", workflow, re.MULTILINE)
    assert ":environment:production" in deploy


def test_the_roles_of_people_are_explained() -> None:
    """Each with its parameter."""
    table = rows(guide("deploy.md"), "| Parameter | Role | On | For |")

    assert {cells[1] for cells in table} == set(ROLES_OF_PEOPLE.values())
    for cells in table:
        assert f"param {cells[0].strip('`')} " in text("main.bicep")


def test_the_roles_are_explained() -> None:
    """Each role with the code that needs it."""
    table = rows(guide("deploy.md"), "| Role | On | Because |")

    assert {cells[0] for cells in table} == set(ROLES.values())
    for path in {name for cells in table for name in re.findall(r"`([\w/]+\.py)`", cells[2])}:
        assert (PROJECT / path).exists(), path


def test_every_section_of_the_deployment_has_its_sources() -> None:
    """A link to a page of Azure or GitHub beside the sentence, or a row in the table of sources."""
    sections = dict(
        re.findall(r"^## ([^\n]+)\n(.*?)(?=^## |\Z)", guide("deploy.md"), re.DOTALL | re.MULTILINE)
    )
    table = {cells[0] for cells in rows(sections.pop("Sources") + "\n\n", "| Section | What | Page |")}
    page = re.compile(r"\]\(https://(?:learn\.microsoft|docs\.github)\.com/")

    assert table <= sections.keys()
    assert [title for title, body in sections.items() if title not in table and not page.search(body)] == []


def test_links_between_guides_lead_somewhere() -> None:
    """To existing files."""
    for name in ("deploy.md", "operations.md", "monitoring.md"):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", guide(name)):
            assert (PROJECT / "docs" / target).exists(), f"{name}: {target}"
