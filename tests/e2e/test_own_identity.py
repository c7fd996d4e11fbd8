"""Our own storage without a key: host and app sign in with an identity, and hours are exported."""

from pathlib import Path

import pytest
from azure.storage.blob import BlobServiceClient

from infra.local import azurite
from infra.local.certificates import make_certificate
from infra.local.entra import Directory, entra_running
from infra.local.sample import DataType, Sample, to_container
from tests.support.api_calls import ended
from tests.support.customer_files import contents
from tests.support.installation import Installation, key_of

TENANT = "11111111-1111-4111-8111-111111111111"
CLIENT = "22222222-2222-4222-8222-222222222222"
SECRET = "secret~of-8Q+/="  # noqa: S105  made up
SAMPLE = Sample(events_per_hour=100, merges_per_hour=0, blobs_per_hour=1)


@pytest.mark.slow
def test_an_hour_travels_though_no_setting_holds_a_key(tmp_path: Path, installation: Installation) -> None:
    """Our own queues, tables and blobs accept tokens, of the host and of the app."""
    certificate = make_certificate(tmp_path / "tls")
    with (
        entra_running(certificate, Directory(TENANT, {CLIENT: SECRET})) as entra,
        azurite.running(tls=certificate) as endpoints,
        BlobServiceClient.from_connection_string(
            endpoints.connection_string, connection_verify=str(certificate.authority)
        ) as own,
    ):
        (start,) = installation.newest_hours(1)
        landing = own.create_container("landing")
        to_container(landing, SAMPLE.hour(start).files(DataType.EVENTS))
        ports = {"blob": endpoints.blob_port, "queue": endpoints.queue_port, "table": endpoints.table_port}
        settings = {
            # An empty one would count as a connection string.
            "AzureWebJobsStorage": None,
            **{
                f"AzureWebJobsStorage__{service}ServiceUri": f"https://127.0.0.1:{port}/devstoreaccount1"
                for service, port in ports.items()
            },
            **certificate.trusted_by,
            "LANDING_CONTAINER": "landing",
            "ENTRA_AUTHORITY": entra.url,
            "AZURE_TENANT_ID": TENANT,
            "AZURE_CLIENT_ID": CLIENT,
            "AZURE_CLIENT_SECRET": SECRET,
        }
        # The customer's storage is the installation's, with its own key.
        destination = installation.destination("keyless", SAMPLE, start, (DataType.EVENTS,))
        with installation.app(**settings) as app:
            app.activate(destination)
            hour = {"start": key_of(start), "end": key_of(start)}
            asked = app.api.post("/destinations/keyless/backfills", hour)
            where = asked.headers["location"].partition("/api")[2]
            assert ended(app, where)["status"] == "succeeded"

    found = contents(installation.container("keyless"))
    assert any(name.endswith(f"_{start.hour}#1.json.gz") for name in found)
    assert SECRET not in app.log
    assert endpoints.connection_string not in app.log
