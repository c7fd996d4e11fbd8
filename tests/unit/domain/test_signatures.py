"""When credentials expire, as they say themselves."""

from datetime import UTC, datetime

import pytest

from exporter.domain.destination import CredentialsType
from exporter.domain.signatures import expiry_of

END = datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    ("signature", "expires"),
    [
        ("sv=2026-01-01&se=2026-12-31T23%3A59%3A59Z&sig=c2ln", END),
        ("?sv=2026-01-01&se=2026-12-31T23:59:59Z&sig=c2ln", END),
        ("se=2026-12-31T23:59:59.0000000Z&sig=c2ln", END),
        ("se=2026-12-31&sig=c2ln", datetime(2026, 12, 31, tzinfo=UTC)),
        ("se=2026-12-31T23:59Z&sig=c2ln", END.replace(second=0)),
        ("si=a-policy&sig=c2ln", None),
        ("se=soon&sig=c2ln", None),
        ("se=&sig=c2ln", None),
    ],
)
def test_a_signature_says_when_it_expires(signature: str, expires: datetime | None) -> None:
    """Alone, and in a connection string; with a policy, the account knows it."""
    string = f"BlobEndpoint=https://acme.blob.core.windows.net;SharedAccessSignature={signature.lstrip('?')}"

    assert expiry_of(CredentialsType.SAS, signature) == expires
    assert expiry_of(CredentialsType.CONNECTION_STRING, string) == expires


@pytest.mark.parametrize("kind", list(CredentialsType))
def test_keys_and_client_secrets_do_not_say_it(kind: CredentialsType) -> None:
    """Entra ID knows when a client secret expires, and tells only its own tenant."""
    assert expiry_of(kind, "AccountName=acme;AccountKey=c2U9MjAyNi0xMi0zMQ==") is None
