"""Certificates for servers on this machine's loopback, signed by an authority that is thrown away."""

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme

# Longer than a demo is left running. The authority's own key is never stored.
LIFETIME = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Certificate:
    """The files of a server's certificate and key, and of the authority that its clients have to trust."""

    authority: Path
    certificate: Path
    key: Path

    @property
    def trusted_by(self) -> dict[str, str]:
        """The environment in which Python programs trust it, those that use the Azure SDKs included."""
        return {"REQUESTS_CA_BUNDLE": str(self.authority), "SSL_CERT_FILE": str(self.authority)}

    def server_context(self) -> ssl.SSLContext:
        """Return what a server needs to speak TLS."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        return context


def make_certificate(folder: Path) -> Certificate:
    """Write a new authority and a certificate for localhost and 127.0.0.1 into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    files = Certificate(folder / "authority.pem", folder / "certificate.pem", folder / "key.pem")
    now = datetime.now(UTC)  # noqa: TID251  certificates are checked against the real clock
    authority = trustme.CA()
    server = authority.issue_cert("localhost", "127.0.0.1", not_after=now + LIFETIME)
    authority.cert_pem.write_to_path(files.authority)
    server.cert_chain_pems[0].write_to_path(files.certificate)
    files.key.touch(mode=0o600)
    server.private_key_pem.write_to_path(files.key)
    return files
