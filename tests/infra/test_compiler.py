"""The templates under Bicep's own compiler, and the resources that a deployment would make, without Azure."""

import json
import os
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.infra.queries import AZURE
from tests.infra.templates import SNAPSHOTS

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

# Where a deployment is predicted: no Azure is asked.
PLACE = [
    *("--subscription-id", f"{1:032x}", "--tenant-id", f"{2:032x}"),
    *("--location", "westeurope", "--deployment-name", "exporter"),
]
UPDATE = os.environ.get("UPDATE_SNAPSHOTS") == "1"  # noqa: TID251  of make bicep
# Another version may warn of more, and format otherwise.
VERSION = "0.49.2"

pytestmark = [
    # Seconds each; make check and make bicep run them, make test does not.
    pytest.mark.slow,
    pytest.mark.skipif(
        BICEP is None,
        reason=f"no Bicep compiler: az bicep install --version v{VERSION}; put it on the PATH, or set BICEP",
    ),
]


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
    """Return what a deployment of that name would make: a private one, so with all kinds of names."""
    with TemporaryDirectory() as folder:
        shutil.copytree(AZURE, folder, dirs_exist_ok=True)
        parameters = Path(folder) / "named.bicepparam"
        parameters.write_text(
            "using 'main.bicep'\n"
            f"param environmentName = '{environment_name}'\n"
            "param location = 'westeurope'\n"
            "param network = 'private'\n"
        )
        bicep("snapshot", parameters, *PLACE)
        found: list[dict[str, Any]] = json.loads(parameters.with_suffix(".snapshot.json").read_text())[
            "predictedResources"
        ]
    return found


@pytest.mark.parametrize("template", ["main.bicep", "customer/main.bicep", "customer/account.bicep"])
def test_the_templates_compile_without_a_warning(template: str) -> None:
    """Neither of the compiler nor of its linter, with all their modules."""
    assert bicep("build", AZURE / template, "--stdout").stderr == ""


@pytest.mark.parametrize("name", ["open", "nat", "private", "customer"])
def test_the_snapshots_are_what_a_deployment_would_make(name: str) -> None:
    """``make bicep UPDATE=1`` writes them."""
    parameters = SNAPSHOTS / f"{name}.bicepparam"
    place = [*PLACE, "--resource-group", "theirs"] if name == "customer" else PLACE

    if UPDATE:
        bicep("snapshot", parameters, "--mode", "overwrite", *place)
        write_in_order(parameters.with_suffix(".snapshot.json"))
    bicep("snapshot", parameters, "--mode", "validate", *place)


def write_in_order(snapshot: Path) -> None:
    """Sort the outputs, which the compiler writes in another order each time."""
    found = json.loads(snapshot.read_text())
    found["outputs"] = dict(sorted(found["outputs"].items()))
    snapshot.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n")


def test_the_template_of_the_recipe_compiles_by_the_same_rules(tmp_path: Path) -> None:
    """A customer deploys it; it stands alone."""
    shutil.copy(AZURE / "bicepconfig.json", tmp_path)
    template = shutil.copy(AZURE.parents[1] / "docs/recipes/notify_event_grid.bicep", tmp_path)

    assert bicep("build", template, "--stdout").stderr == ""


def test_a_finding_of_the_linter_is_an_error(tmp_path: Path) -> None:
    """Such as an address that only the public cloud has. Every rule is named: some are off by default."""
    rules = json.loads(re.sub(r"^ *//.*$", "", (AZURE / "bicepconfig.json").read_text(), flags=re.MULTILINE))
    levels = {each["level"] for each in rules["analyzers"]["core"]["rules"].values()}
    assert levels == {"error"}

    shutil.copy(AZURE / "bicepconfig.json", tmp_path)
    wrong = tmp_path / "wrong.bicep"
    wrong.write_text("output login string = 'https://login.microsoftonline.com'\n")
    with pytest.raises(subprocess.CalledProcessError) as refused:
        bicep("build", wrong, "--stdout")
    assert "Error no-hardcoded-env-urls" in refused.value.stderr


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
