"""The templates under Bicep's own compiler, and the resources that a deployment would make, without Azure."""

import json
import os
import re
import shutil
import subprocess
from dataclasses import asdict
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.infra.queries import AZURE, WINDOWS, Alert, alerts
from tests.infra.templates import ROLES_OF_PEOPLE

BICEP = shutil.which(os.environ.get("BICEP", "bicep"))  # noqa: TID251  a tool of the tests, no setting
FILES = [*AZURE.rglob("*.bicep"), *AZURE.rglob("*.bicepparam")]
# Azure's rules, of the kinds whose rules are strict; other kinds take all that these take.
NAMES = {
    "Microsoft.Storage/storageAccounts": re.compile(r"[a-z0-9]{3,24}"),
    "Microsoft.KeyVault/vaults": re.compile(r"(?=.{3,24}$)[a-zA-Z](?:-?[a-zA-Z0-9])*"),
    "Microsoft.Web/sites": re.compile(r"(?=.{2,60}$)[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"),
    "Microsoft.Web/serverfarms": re.compile(r"[a-zA-Z0-9-]{1,60}"),
    "Microsoft.ManagedIdentity/userAssignedIdentities": re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_-]{2,127}"),
    "Microsoft.OperationalInsights/workspaces": re.compile(
        r"(?=.{4,63}$)[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
    ),
    "Microsoft.Network/virtualNetworks": re.compile(r"(?=.{2,64}$)[a-zA-Z0-9][a-zA-Z0-9._-]*[a-zA-Z0-9_]"),
    "Microsoft.Network/privateEndpoints": re.compile(r"(?=.{2,64}$)[a-zA-Z0-9][a-zA-Z0-9._-]*[a-zA-Z0-9_]"),
}

BLOB_CONTRIBUTOR = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"
SECRETS_OFFICER = "b86a8fe4-44ce-4948-aee5-eccb2c155cd7"
OPERATOR = "00000000-0000-4000-8000-000000000001"
WRITER = "00000000-0000-4000-8000-000000000002"
# Another version may warn of more, and format otherwise.
VERSION = "0.49.2"

pytestmark = pytest.mark.skipif(
    BICEP is None,
    reason=f"no Bicep compiler: az bicep install --version v{VERSION}; put it on the PATH, or set BICEP=path",
)


@pytest.fixture(autouse=True)
def _the_version() -> None:
    """Skip the tests under a compiler that they were not written for."""
    if VERSION not in version():
        pytest.skip(f"Bicep {version()} in place of {VERSION}: az bicep install --version v{VERSION}")


@cache
def version() -> str:
    """Return what the compiler says of its version."""
    return bicep("--version").stdout.strip()


def bicep(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the compiler, which must succeed."""
    assert BICEP is not None
    return subprocess.run(  # noqa: S603  our own arguments
        [BICEP, *map(str, arguments)], capture_output=True, text=True, check=True, timeout=120
    )


@cache
def resources(environment_name: str) -> list[dict[str, Any]]:
    """Return what a deployment of that name would make: a private one, with everything there is."""
    with TemporaryDirectory() as folder:
        shutil.copytree(AZURE, folder, dirs_exist_ok=True)
        parameters = Path(folder) / "named.bicepparam"
        parameters.write_text(
            "using 'main.bicep'\n"
            f"param environmentName = '{environment_name}'\n"
            "param location = 'westeurope'\n"
            "param network = 'private'\n"
            "param alertEmail = 'operator@example.net'\n"
            f"param operatorPrincipalId = '{OPERATOR}'\n"
            f"param landingWriterPrincipalIds = ['{WRITER}']\n"
        )
        place = ["--location", "westeurope", "--subscription-id", f"{1:032x}", "--tenant-id", f"{2:032x}"]
        bicep("snapshot", parameters, *place)
        found: list[dict[str, Any]] = json.loads(parameters.with_suffix(".snapshot.json").read_text())[
            "predictedResources"
        ]
    return found


@pytest.mark.parametrize("template", ["main.bicep", "customer/main.bicep"])
def test_the_templates_compile_without_a_warning(template: str) -> None:
    """Neither of the compiler nor of its linter, with all their modules."""
    assert bicep("build", AZURE / template, "--stdout").stderr == ""


@pytest.mark.parametrize("parameters", sorted(AZURE.glob("*.bicepparam")), ids=lambda each: each.name)
def test_the_parameter_files_compile_without_a_warning(parameters: Path) -> None:
    """Each parameter has the type that its template declares."""
    assert bicep("build-params", parameters, "--stdout").stderr == ""


def test_every_file_is_formatted_as_the_compiler_formats_it(tmp_path: Path) -> None:
    """So that an editor changes nothing but what was meant."""
    shutil.copytree(AZURE, tmp_path, dirs_exist_ok=True)
    for pattern in ("**/*.bicep", "**/*.bicepparam"):
        bicep("format", "--pattern", tmp_path / pattern)

    for file in FILES:
        assert (tmp_path / file.relative_to(AZURE)).read_text() == file.read_text(), file.name


@pytest.mark.parametrize("name", ["abc", "-My--Exports-", "exports-production-1", "---", "9to5_1.(x)"])
def test_every_name_that_an_installation_may_have_gives_names_that_azure_takes(name: str) -> None:
    """Capitals, hyphens at both ends and doubled, digits first, three and twenty characters."""
    kinds = set()
    for resource in resources(name):
        if (rule := NAMES.get(resource["type"])) is not None:
            assert rule.fullmatch(resource["name"]), resource["name"]
            kinds.add(resource["type"])
    assert kinds == NAMES.keys()


def test_the_job_that_checks_the_templates_has_this_compiler() -> None:
    """So that a push finds what a developer finds."""
    workflow = (AZURE.parents[1] / ".github" / "workflows" / "check.yml").read_text()

    assert f"az bicep install --version v{VERSION}\n" in workflow


def test_people_and_sources_get_their_roles_for_data_and_no_more() -> None:
    """The operator on the account and the vault, those who land data on their container."""
    scopes = {
        OPERATOR: {
            "storageAccounts": ROLES_OF_PEOPLE.keys() - {SECRETS_OFFICER},
            "vaults": {SECRETS_OFFICER},
        },
        WRITER: {"containers": {BLOB_CONTRIBUTOR}},
    }
    found: dict[str, dict[str, set[str]]] = {OPERATOR: {}, WRITER: {}}
    for resource in resources("abc"):
        properties = resource["properties"] if resource["type"].endswith("/roleAssignments") else {}
        if (principal := properties.get("principalId")) in found:
            kind = resource["id"].partition("/providers/Microsoft.Authorization")[0].split("/")[-2]
            role = properties["roleDefinitionId"].rpartition("/")[2]
            found[principal].setdefault(kind, set()).add(role)

    assert found == scopes


def test_two_installations_do_not_share_a_name() -> None:
    """Even if theirs begin with the same letters: what tells them apart is never cut off."""
    global_kinds = {
        "Microsoft.Storage/storageAccounts",
        "Microsoft.KeyVault/vaults",
        "Microsoft.Web/sites",
    }
    one, other = (
        {each["name"] for each in resources(name) if each["type"] in global_kinds}
        for name in ("exports-production-1", "exports-production-2")
    )

    assert len(one) == len(other) == 3
    assert not one & other
    suffixes = {re.sub(r"^.*?([a-z0-9]{13})$", r"\1", name) for name in one}
    assert len(suffixes) == 1


def test_the_alerts_that_the_other_tests_run_are_those_that_are_deployed() -> None:
    """Query by query, with the numbers put in."""
    deployed = []
    for resource in resources("abc"):
        if resource["type"] == "Microsoft.Insights/scheduledQueryRules":
            properties = resource["properties"]
            (criterion,) = properties["criteria"]["allOf"]
            assert criterion["timeAggregation"] == "Count"
            assert (criterion["operator"], criterion["threshold"]) in {("GreaterThan", 0), ("LessThan", 1)}
            deployed.append(
                Alert(
                    name=resource["name"].split("-")[1],
                    title=properties["displayName"],
                    query=criterion["query"],
                    window=WINDOWS[properties["windowSize"]],
                    operator=criterion["operator"],
                )
            )

    assert [asdict(each) for each in deployed] == [asdict(each) for each in alerts()]


def test_an_alert_names_the_destination_that_it_is_about() -> None:
    """It is split by columns that its query ends with: of destinations, or of unreadable rows."""
    split: dict[str, list[str]] = {}
    for resource in resources("abc"):
        if resource["type"] == "Microsoft.Insights/scheduledQueryRules":
            (criterion,) = resource["properties"]["criteria"]["allOf"]
            split[resource["name"].split("-")[1]] = columns = [
                each["name"] for each in criterion["dimensions"]
            ]
            by = criterion["query"].rpartition(" by ")[2].partition("\n")[0] if columns else ""
            assert [each.partition("=")[0].strip() for each in by.split(",")] == (columns or [""])
            assert all(each["values"] == ["*"] for each in criterion["dimensions"])

    assert split == {
        "behind": ["destination"],
        "failing": ["destination"],
        "pulling": ["pulled_from"],
        "unpulled": ["pulled_from"],
        "poison": [],
        "rejected": ["destination"],
        "expiring": ["destination"],
        "unreadable": ["stored_in", "row_key"],
        "stopped": [],
    }
