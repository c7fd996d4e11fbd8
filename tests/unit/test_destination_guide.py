"""The guide for customers agrees with the code."""

import json
import re
from pathlib import Path

from pydantic import BaseModel

from exporter.domain.allowed_hosts import AllowedHosts
from exporter.domain.breaker import WAIT_FIRST, WAIT_MAX
from exporter.domain.destination import CredentialsType
from exporter.domain.errors import ForeignBlocks, LandingArchived, Scope
from exporter.http.credentials_model import (
    ConnectionStringModel,
    ManagedIdentityModel,
    SasModel,
    ServicePrincipalModel,
    WorkloadIdentityModel,
)
from exporter.http.destination_model import parse_draft
from exporter.storage.customer.credentials import CUSTOMER_PATIENCE
from exporter.storage.customer.fault_table import FAULTS, Action
from exporter.storage.customer.webhook_client import CALL_SECONDS_MAX
from exporter.storage.transport import FIRST_ANSWER_SECONDS, SILENT_SECONDS
from tests.support.documents import table

PROJECT = Path(__file__).resolve().parents[2]
GUIDE = (PROJECT / "docs/destinations.md").read_text()


def codes_in_the_code() -> set[str]:
    """Return the codes of all faults but those of sources, which have a guide of their own."""
    found: set[str] = set()
    for path in sorted((PROJECT / "exporter").rglob("*.py")):
        if path.parent.name not in {"http", "queues", "sources"} and path.name != "export_api.py":
            text = path.read_text()
            found |= set(re.findall(r'\bFault\(\s*(?:code=)?"(\w+)"', text))
            if re.search(r"^class \w+Row:", text, re.MULTILINE):
                found |= set(re.findall(r'^\s+code="(\w+)"', text, re.MULTILINE))
    return found


def test_exactly_the_existing_codes_are_documented() -> None:
    """Each once: programs select on them."""
    rows = [cells[0].strip("`") for cells in table(GUIDE, "| Code | What it means |")]

    assert len(rows) == len(set(rows)) > 30
    assert set(rows) == codes_in_the_code()


def test_the_role_of_the_guide_has_exactly_the_needed_permissions() -> None:
    """Its definition is valid JSON."""
    definition = re.search(r'--role-definition "(\{.*?\n\})"', GUIDE, re.DOTALL)
    assert definition is not None
    text = re.sub(r"\$\([^)]*\)", "the group", definition[1])
    role = json.loads(text.replace('\\"', '"'))

    assert role["DataActions"] == [action.value for action in Action]
    assert role["Actions"] == []


def test_the_request_of_the_guide_is_accepted() -> None:
    """With ids and a secret filled in."""
    request = re.search(r"-d '(\{.*?\n\})'", GUIDE, re.DOTALL)
    assert request is not None
    body = json.loads(request[1].replace("…", "3f0c1e6a-0000-4000-8000-000000000000"))

    draft = parse_draft("acme", body, AllowedHosts())

    assert draft.credentials_type is CredentialsType.SERVICE_PRINCIPAL


def test_every_type_of_credentials_is_documented_with_its_fields() -> None:
    """With the fields of the request models."""
    rows = {cells[0].strip("`"): cells[1] for cells in table(GUIDE, "| `type` | Fields | |")}
    models: dict[CredentialsType, type[BaseModel]] = {
        CredentialsType.SERVICE_PRINCIPAL: ServicePrincipalModel,
        CredentialsType.MANAGED_IDENTITY: ManagedIdentityModel,
        CredentialsType.WORKLOAD_IDENTITY: WorkloadIdentityModel,
        CredentialsType.SAS: SasModel,
        CredentialsType.CONNECTION_STRING: ConnectionStringModel,
    }

    assert {name: re.findall(r"`(\w+)`", fields) for name, fields in rows.items()} == {
        kind.value: [field for field in model.model_fields if field != "type"]
        for kind, model in models.items()
    }


def test_the_waits_of_the_guide_are_those_of_the_code() -> None:
    """In minutes."""
    waits = [WAIT_FIRST.seconds // 60 << doublings for doublings in range(4)]

    assert f"after {', '.join(map(str, waits))}, then every {WAIT_MAX.seconds // 60} minutes" in GUIDE


def test_the_codes_of_one_blob_in_the_guide_are_those_of_the_code() -> None:
    """The codes whose scope is one blob."""
    listed = re.search(r"What is wrong with a single blob \((.*?)\)", GUIDE, re.DOTALL)
    assert listed is not None

    of_one_blob = {row.code for row in FAULTS if row.scope is Scope.BLOB}
    of_one_blob |= {error.fault.code for error in (ForeignBlocks("a"), LandingArchived("landing", "a"))}
    assert set(re.findall(r"`(\w+)`", listed[1])) == of_one_blob


def test_how_long_a_silent_storage_and_a_webhook_may_take_is_documented() -> None:
    """In seconds."""
    at_first = CUSTOMER_PATIENCE.connect_seconds + FIRST_ANSWER_SECONDS
    monitoring = (PROJECT / "docs/monitoring.md").read_text()

    assert f"costs an attempt {at_first} seconds at most" in GUIDE
    assert f"For {SILENT_SECONDS} seconds after that" in GUIDE
    assert f"within {CALL_SECONDS_MAX} seconds" in monitoring
