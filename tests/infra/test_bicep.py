"""The templates for Azure, held to the code: as far as that can be told without a compiler."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pycep import BicepParser

from exporter.messages import WORK_QUEUES
from exporter.notify.log_events import Event
from exporter.settings import SERVICES, Settings
from exporter.storage.customer.entra import exchange_scope
from infra.local.settings_file import local_settings
from tests.infra.templates import AZURE, PROJECT, ROLES, ROLES_OF_PEOPLE, text

# The parser reads no types of our own; they are used in the others.
TEMPLATES = sorted(set(AZURE.rglob("*.bicep")) - {AZURE / "types.bicep"})
PARAMETERS = sorted(AZURE.glob("*.bicepparam"))
# What Flex Consumption refuses, or has elsewhere.
FORBIDDEN_ON_FLEX = {
    "FUNCTIONS_WORKER_RUNTIME",
    "FUNCTIONS_EXTENSION_VERSION",
    "WEBSITE_RUN_FROM_PACKAGE",
    "WEBSITE_CONTENTSHARE",
    "WEBSITE_CONTENTAZUREFILECONNECTIONSTRING",
    "SCM_DO_BUILD_DURING_DEPLOYMENT",
    "ENABLE_ORYX_BUILD",
    "WEBSITE_TIME_ZONE",
    "TZ",
}
THREADS = "PYTHON_THREADPOOL_THREAD_COUNT"
# For requests, the tick and what is taken from poison queues.
THREADS_LEFT_MIN = 30


@dataclass(frozen=True, slots=True)
class Cloud:
    """What ``environment()`` says in a cloud of Azure, and the audience of exchanged tokens there.

    Source: https://learn.microsoft.com/azure/azure-resource-manager/bicep/bicep-functions-deployment#environment
    and, for the audience, exporter/storage/customer/entra.py.
    """

    name: str
    storage: str
    login: str
    portal: str
    exchange: str


CLOUDS = (
    Cloud(
        "AzureCloud",
        "core.windows.net",
        "https://login.microsoftonline.com/",
        "https://portal.azure.com",
        "api://AzureADTokenExchange",
    ),
    Cloud(
        "AzureUSGovernment",
        "core.usgovcloudapi.net",
        "https://login.microsoftonline.us/",
        "https://portal.azure.us",
        "api://AzureADTokenExchangeUSGov",
    ),
    Cloud(
        "AzureChinaCloud",
        "core.chinacloudapi.cn",
        "https://login.chinacloudapi.cn/",
        "https://portal.azure.cn",
        "api://AzureADTokenExchangeChina",
    ),
)
COMPONENT = (
    "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/rg-exporter"
    "/providers/Microsoft.Insights/components/appi-exporter"
)
GUID = re.compile(r"'([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})' // ([^:\n]+):")


def parsed(template: Path) -> dict[str, Any]:
    """Return a template as the parser sees it."""
    return dict(BicepParser().parse(text=template.read_text()))


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda each: str(each.relative_to(AZURE)))
def test_every_template_is_bicep_and_says_what_its_parameters_are(template: Path) -> None:
    """Each parameter and each output has a description, and is used."""
    found = parsed(template)

    for name, parameter in found.get("parameters", {}).items():
        assert [each for each in parameter["decorators"] if each["type"] == "description"], name
        assert len(re.findall(rf"\b{name}\b", template.read_text())) > 1, f"{name} is not used"
    for name, output in found.get("outputs", {}).items():
        assert [each for each in output["decorators"] if each["type"] == "description"], name


@pytest.mark.parametrize("parameters", PARAMETERS, ids=lambda each: each.name)
def test_parameter_files_name_parameters_that_there_are(parameters: Path) -> None:
    """And all that have no default."""
    declared = parsed(AZURE / "main.bicep")["parameters"]
    given = set(re.findall(r"^param (\w+) =", parameters.read_text(), re.MULTILINE))

    assert given <= declared.keys()
    assert {name for name, each in declared.items() if each["default"] is None} <= given
    assert "using 'main.bicep'" in parameters.read_text()


def test_azd_sets_parameters_that_there_are_to_values_of_their_types() -> None:
    """Those that have no default too. azd makes numbers and truth values of the texts in its environment."""
    declared = parsed(AZURE / "main.bicep")["parameters"]
    given = json.loads((AZURE / "main.parameters.json").read_text())["parameters"]
    defaults = {name: re.fullmatch(r"\$\{\w+(?:=(.*))?\}", each["value"]) for name, each in given.items()}
    forms = {"string": r".*", "bool": r"true|false", "int": r"-?\d+"}

    assert given.keys() <= declared.keys()
    assert {name for name, each in declared.items() if each["default"] is None} <= given.keys()
    for name, found in defaults.items():
        assert found, name
        assert found[1] is None or re.fullmatch(forms[declared[name]["type"]], found[1]), name
    named = set(re.findall(r"`(?:azd env set )?(EXPORTER_[A-Z_]+)", (PROJECT / "docs/deploy.md").read_text()))
    assert named
    assert named <= set(re.findall(r"\{(\w+)", (AZURE / "main.parameters.json").read_text()))


@pytest.mark.parametrize("parameters", PARAMETERS, ids=lambda each: each.name)
def test_an_installation_fits_into_the_quota_of_a_new_subscription(parameters: Path) -> None:
    """The memory of all instances in a region; the guide says how much that is."""
    numbers = dict(re.findall(r"^param (instance\w+) = (\d+)$", parameters.read_text(), re.MULTILINE))
    quota = re.search(r"([\d,]+) MB of memory for all instances", (PROJECT / "docs/deploy.md").read_text())
    assert quota

    memory = int(numbers["instanceMemoryMB"]) * int(numbers["instanceCountMax"])
    assert memory <= int(quota[1].replace(",", "")) == 512_000


def test_functions_that_may_always_run_are_functions_of_the_app() -> None:
    """Or the group of those that answer requests."""
    described = re.search(r"(Instances that always run .*)'", text("main.bicep"))
    assert described
    named = re.findall(r"function:(\w+)", described[1])
    app = "".join(path.read_text() for path in (PROJECT / "exporter/queues").glob("*.py"))
    assert named
    assert set(named) <= set(re.findall(r'@on_message\(blueprint, "(\w+)"', app))


def test_modules_are_given_exactly_the_parameters_that_they_have() -> None:
    """A misspelt one would only be noticed in Azure."""
    for name in ("main.bicep", "exporter.bicep"):
        for module in re.finditer(
            r"module \w+ '([\w.]+)' = (?:if \([^\n]*\) )?\{(.*?)\n\}", text(name), re.DOTALL
        ):
            declared = parsed(AZURE / module[1])["parameters"]
            body = re.search(r"\n  params: \{\n(.*?)\n  \}", module[2], re.DOTALL)
            assert body, module[1]
            given = set(re.findall(r"^    (\w+):", body[1], re.MULTILINE))
            needed = {each for each, found in declared.items() if found["default"] is None}
            assert given <= declared.keys(), module[1]
            assert needed <= given, module[1]


def settings_of_the_app() -> dict[str, str]:
    """Return the app settings that the template sets."""
    blocks = re.findall(r"var (?:default|own)Settings = \{\n(.*?)\n\}", text("app.bicep"), re.DOTALL)
    assert len(blocks) == 2
    return dict(re.findall(r"^  (\w+): (.+)$", "\n".join(blocks), re.MULTILINE))


@pytest.mark.parametrize("cloud", CLOUDS, ids=lambda each: each.name)
def test_the_app_starts_with_the_settings_that_the_template_gives_it(cloud: Cloud) -> None:
    """With values in place of what Azure fills in; none of them is one that Flex Consumption refuses.

    In each cloud the storage, the token service and the audience of exchanged tokens are those of the cloud.
    """
    given = settings_of_the_app()
    values = {
        "SECRETS_KEY": "A" * 43 + "=",
        "ENTRA_AUTHORITY": cloud.login,
        "AZURE_PORTAL": cloud.portal,
        "LOG_ANALYTICS_RESOURCE_ID": COMPONENT,
    } | {
        f"AzureWebJobsStorage__{service}ServiceUri": f"https://ours.{service}.{cloud.storage}/"
        for service in SERVICES
    }

    settings = Settings.from_environ({name: values.get(name, "given") for name in given})

    assert settings.own_storage.urls == {each: f"https://ours.{each}.{cloud.storage}" for each in SERVICES}
    assert settings.own_storage.urls.keys() == set(re.findall(r"storageUrls\.(\w+)", text("app.bicep")))
    assert exchange_scope(settings.entra_authority) == f"{cloud.exchange}/.default"
    assert settings.destination_hosts.objection(f"https://acme.blob.{cloud.storage}") is None
    assert given["ENTRA_AUTHORITY"] == "environment().authentication.loginEndpoint"
    assert (settings.azure_portal, given["AZURE_PORTAL"]) == (cloud.portal, "environment().portal")
    assert settings.log_resource_id == COMPONENT
    assert settings.own_storage.client_id == "given"
    assert not FORBIDDEN_ON_FLEX & given.keys()
    host_only = {name for name in given if name.startswith(("APPLICATIONINSIGHTS_", "AzureWebJobsStorage__"))}
    of_the_exporter = {"SECRETS_KEY", "ENTRA_AUTHORITY", "AZURE_PORTAL", "LOG_ANALYTICS_RESOURCE_ID"}
    assert given.keys() - host_only == of_the_exporter | {THREADS}
    assert given["SECRETS_KEY"].startswith("'@Microsoft.KeyVault(")


def test_a_message_that_the_host_hands_over_finds_a_thread() -> None:
    """On plans where all functions share a process, too, and with some left for requests and the tick.

    A message that waits for a thread counts against its function's time, and a request would wait behind it.
    """
    queues = json.loads((PROJECT / "host.json").read_text())["extensions"]["queues"]
    at_once = (queues["batchSize"] + queues["newBatchThreshold"]) * len(WORK_QUEUES)

    for threads in (settings_of_the_app()[THREADS].strip("'"), local_settings()[THREADS]):
        assert int(threads) >= at_once + THREADS_LEFT_MIN


def test_all_queues_are_in_the_template() -> None:
    """The same as those that a tick makes."""
    block = re.search(r"var queueNames = \[\n(.*?)\n\]", text("storage.bicep"), re.DOTALL)
    assert block

    names = re.findall(r"'([\w-]+)'", block[1])
    assert names == [name for queue in WORK_QUEUES for name in (queue.name, queue.poison)]


def test_everything_that_must_be_there_before_the_exporter_is() -> None:
    """It makes its tables and other containers by itself; landing is filled before it ever looks."""
    made = set(
        re.findall(r"containers@[\d-]+' = \{\n  parent: blobs\n  name: '?([\w-]+)", text("storage.bicep"))
    )

    assert made == {Settings.__dataclass_fields__["landing_container"].default, "deploymentContainerName"}


def test_the_roles_are_those_that_the_code_needs_and_no_more() -> None:
    """Each by its GUID, with its name beside it."""
    assert dict(GUID.findall(text("roles.bicep"))) == ROLES
    assert dict(GUID.findall(text("access.bicep"))) == ROLES_OF_PEOPLE
    customer = text("customer/main.bicep")
    actions = re.findall(r"'(Microsoft\.Storage/[\w/]+/blobs/\w+)'", customer)
    prefix = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs"
    assert actions == [f"{prefix}/{each}" for each in ("read", "write", "delete")]
    assert "scope: container" in customer


def test_nothing_lies_open() -> None:
    """No key of our storage, no password for publishing, no secret in an output."""
    storage, vault, app = text("storage.bicep"), text("vault.bicep"), text("app.bicep")

    assert "allowSharedKeyAccess: false" in storage
    assert "minimumTlsVersion: 'TLS1_2'" in storage
    assert "allowBlobPublicAccess: false" in storage
    assert "enablePurgeProtection: true" in vault
    assert "allow: false" in app
    assert "httpsOnly: true" in app
    for template in TEMPLATES:
        assert not re.search(r"listKeys|listAccountSas|connectionStrings", template.read_text()), template


def queries() -> Iterator[str]:
    """Yield the queries of alerts and workbook."""
    for name in ("alerts.bicep", "workbook.bicep"):
        yield from re.findall(r"'''\n(traces.*?)'''", text(name), re.DOTALL)


def test_alerts_and_workbook_ask_for_lines_that_the_exporter_writes() -> None:
    """Each query begins with the words of one, or with what lines of poison begin with."""
    words = {str(each) for each in Event} | {"poison"}
    asked = {
        found.rstrip(" {")
        for query in queries()
        for found in re.findall(r'message startswith "([^"]+)"', query)
    }

    assert asked <= words
    assert words - {"poison"} <= asked


def test_queries_ask_for_facts_that_the_lines_have() -> None:
    """Those that ``tell`` is given somewhere in the code."""
    sources = [path.read_text() for path in (PROJECT / "exporter").rglob("*.py")]
    both = text("alerts.bicep") + text("workbook.bicep")
    for fact in set(re.findall(r"\b(?:facts|rows|seconds)\.(\w+)", both)) - {"rows", "seconds"}:
        known = re.compile(rf'\b{fact}=|"{fact}":|timed\("{fact}"\)')
        assert any(known.search(source) for source in sources), fact
