"""The resources that a deployment makes, as the compiler predicts them: ``tests/infra/snapshots``.

``make bicep`` holds these files to the templates, and ``make bicep UPDATE=1`` writes them: a reader of a
change sees there what it changes in Azure. These tests need no compiler.
"""

import json
import re
from dataclasses import asdict
from functools import cache
from typing import Any

from tests.infra.queries import WINDOWS, Alert, alerts
from tests.infra.templates import ROLES, ROLES_OF_PEOPLE, SNAPSHOTS

BLOB_CONTRIBUTOR = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"
SECRETS_OFFICER = "b86a8fe4-44ce-4948-aee5-eccb2c155cd7"
OPERATOR = "00000000-0000-4000-8000-000000000001"
WRITER = "00000000-0000-4000-8000-000000000002"
CUSTOMERS_EXPORTER = "00000000-0000-4000-8000-000000000003"


@cache
def resources(name: str) -> list[dict[str, Any]]:
    """Return the resources of a snapshot: ``open``, ``nat``, ``private`` (all there is) or ``customer``."""
    found: list[dict[str, Any]] = json.loads((SNAPSHOTS / f"{name}.snapshot.json").read_text())[
        "predictedResources"
    ]
    return found


def test_the_outputs_are_in_order() -> None:
    """So that a change shows only what it changes."""
    for path in SNAPSHOTS.glob("*.snapshot.json"):
        outputs = list(json.loads(path.read_text())["outputs"])
        assert outputs == sorted(outputs), path.name


def kinds(name: str) -> set[str]:
    """Return the kinds of the resources of a snapshot."""
    return {each["type"] for each in resources(name)}


def test_each_network_adds_what_it_needs_and_nothing_else() -> None:
    """Fixed addresses, then private endpoints; vault and storage are open to roles without them."""
    addresses = {f"Microsoft.Network/{each}" for each in ("publicIPAddresses", "natGateways")}
    network = {f"Microsoft.Network/{each}" for each in ("networkSecurityGroups", "virtualNetworks")}
    private = {
        f"Microsoft.Network/{each}"
        for each in (
            "privateDnsZones",
            "privateDnsZones/virtualNetworkLinks",
            "privateEndpoints",
            "privateEndpoints/privateDnsZoneGroups",
        )
    }
    of_network = {
        name: {each for each in kinds(name) if each.startswith("Microsoft.Network/")}
        for name in ("open", "nat", "private")
    }
    access = {
        name: {
            each["properties"]["publicNetworkAccess"]
            for each in resources(name)
            if each["type"] in {"Microsoft.KeyVault/vaults", "Microsoft.Storage/storageAccounts"}
        }
        for name in of_network
    }

    assert of_network == {"open": set(), "nat": addresses | network, "private": addresses | network | private}
    assert access == {"open": {"Enabled"}, "nat": {"Enabled"}, "private": {"Disabled"}}


def test_storage_is_copied_to_other_zones_unless_the_region_has_none() -> None:
    """Everything else of the account is the same."""
    accounts = {
        name: next(each for each in resources(name) if each["type"] == "Microsoft.Storage/storageAccounts")
        for name in ("open", "nat")
    }

    assert {name: each.pop("sku") for name, each in accounts.items()} == {
        "open": {"name": "Standard_LRS"},
        "nat": {"name": "Standard_ZRS"},
    }
    assert accounts["open"] == accounts["nat"]


def test_a_deployment_without_a_new_key_leaves_the_key_in_the_vault() -> None:
    """The secret is a resource of the deployment that brings one; and the vault cannot be purged."""
    for name in ("open", "nat", "private"):
        (secret,) = (each for each in resources(name) if each["type"] == "Microsoft.KeyVault/vaults/secrets")
        assert secret["condition"] == "[not(empty(parameters('newSecretsKey')))]"
        (vault,) = (each for each in resources(name) if each["type"] == "Microsoft.KeyVault/vaults")
        assert vault["properties"]["enablePurgeProtection"]


def test_a_deployment_sets_all_settings_anew_those_of_the_operator_too() -> None:
    """It replaces them as one resource, so the operator's are in a parameter; none hides one of the app."""
    (deployed,) = (each for each in resources("private") if each["type"] == "Microsoft.Web/sites/config")
    settings = deployed["properties"]

    assert settings["SETTLE_MINUTES"] == "20"
    of_operator, _, of_app = settings["SECRETS_KEY"].partition("'not this one', ")
    assert of_operator.endswith("null()), ")
    assert of_app.startswith("format('@Microsoft.KeyVault(")


def test_a_customer_gives_three_actions_on_one_container() -> None:
    """To the service principal of the exporter."""
    (role,) = (each for each in resources("customer") if each["type"].endswith("/roleDefinitions"))
    (given,) = (each for each in resources("customer") if each["type"].endswith("/roleAssignments"))
    (permissions,) = role["properties"]["permissions"]

    assert [each.rpartition("/")[2] for each in permissions.pop("dataActions")] == ["read", "write", "delete"]
    assert not any(permissions.values())
    assert given["id"].partition("/providers/Microsoft.Authorization")[0].endswith("/containers/raw")
    assert given["properties"]["principalId"] == CUSTOMERS_EXPORTER


def test_vault_and_storage_log_to_the_workspace_which_has_a_daily_limit() -> None:
    """Who read the key, and what was written or deleted in blobs and tables; of queues nothing."""
    found = {}
    for resource in resources("private"):
        properties = resource.get("properties", {})
        if resource["type"] == "Microsoft.Insights/diagnosticSettings":
            assert "/Microsoft.OperationalInsights/workspaces/log-abc-" in properties["workspaceId"]
            of = resource["id"].partition("/providers/Microsoft.Insights")[0].split("/")[-2]
            found[of if of != "vaults" else "vault"] = [
                each.get("category") or each["categoryGroup"]
                for each in properties["logs"]
                if each["enabled"]
            ]
        if resource["type"] == "Microsoft.OperationalInsights/workspaces":
            assert properties["workspaceCapping"] == {"dailyQuotaGb": 7}

    requests = ["StorageWrite", "StorageDelete"]
    assert found == {"vault": ["audit"], "blobServices": requests, "tableServices": requests}


def test_instances_that_always_run_are_those_of_the_parameter() -> None:
    """Of the functions that share instances (http), or of one."""
    (app,) = (each for each in resources("private") if each["type"] == "Microsoft.Web/sites")

    ready = app["properties"]["functionAppConfig"]["scaleAndConcurrency"]["alwaysReady"]
    assert ready == [{"name": "http", "instanceCount": 1}]


def test_what_differs_between_clouds_is_what_the_cloud_says() -> None:
    """No suffix of the public cloud is in any resource."""
    zones = {each["name"] for each in resources("private") if each["type"].endswith("/privateDnsZones")}

    assert zones == {
        "[format('privatelink{0}', replace(environment().suffixes.keyvaultDns, '.vault.', '.vaultcore.'))]",
        *(
            f"[format('privatelink.{each}.{{0}}', environment().suffixes.storage)]"
            for each in ("blob", "queue", "table")
        ),
    }
    assert not re.search(r"windows\.net|azure\.net|microsoftonline", json.dumps(resources("private")))


def test_the_names_of_all_role_assignments_are_known_beforehand() -> None:
    """So that ``az deployment sub what-if`` shows them."""
    names = [each["name"] for each in resources("private") if each["type"].endswith("/roleAssignments")]

    assert len(names) == len(set(names)) == len(ROLES) + len(ROLES_OF_PEOPLE) + 1
    assert not [each for each in names if "[" in each]


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
    for resource in resources("private"):
        properties = resource["properties"] if resource["type"].endswith("/roleAssignments") else {}
        if (principal := properties.get("principalId")) in found:
            kind = resource["id"].partition("/providers/Microsoft.Authorization")[0].split("/")[-2]
            role = properties["roleDefinitionId"].rpartition("/")[2]
            found[principal].setdefault(kind, set()).add(role)

    assert found == scopes


def test_the_alerts_that_the_other_tests_run_are_those_that_are_deployed() -> None:
    """Query by query, with the numbers put in."""
    deployed = []
    for resource in resources("private"):
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
    for resource in resources("private"):
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
        "expiring": ["destination"],
        "poison": [],
        "rejected": ["destination"],
        "unreadable": ["stored_in", "row_key"],
        "stopped": [],
    }
