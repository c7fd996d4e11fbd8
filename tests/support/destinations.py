"""The draft of a destination for unit tests."""

from exporter.destinations.edit import Draft
from exporter.domain.destination import CredentialsType, Output, StorageTarget

DRAFT = Draft(
    id="acme",
    name="Acme",
    storage=StorageTarget("raw"),
    credentials_type=CredentialsType.CONNECTION_STRING,
    secret="hunter2",  # noqa: S106  a made-up one
    project_id=187520,
    org_id=189524,
    output=Output(),
)
