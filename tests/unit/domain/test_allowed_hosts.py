import re
from pathlib import Path

import pytest

from exporter.domain.allowed_hosts import (
    HOST_CONTAINERS_PREFIX,
    NO_OWN_CONTAINERS,
    OWN_CONTAINERS,
    AllowedHosts,
    OwnContainers,
    account_of,
    blob_endpoint,
)
from exporter.storage.own.blob_store import REJECTED, STATE
from infra.local.host.timer_storage import CONTAINER as TIMER_CONTAINER

AZURE = AllowedHosts()
LOCAL = AllowedHosts(
    ("localhost", "127.0.0.1", "[::1]", "[2001:db8::10]", "azurite", "*.blob.core.windows.net")
)


@pytest.mark.parametrize(
    "url",
    [
        "https://acme.blob.core.windows.net",
        "https://acme.blob.core.windows.net/",
        "https://acme.blob.core.windows.net:443",
        "https://acme.z12.blob.storage.azure.net",
        "https://acme.blob.core.usgovcloudapi.net",
        "https://acme.blob.core.chinacloudapi.cn",
        "HTTPS://ACME.Blob.Core.Windows.Net",
        "https://acme.blob.core.windows.net.",
    ],
)
def test_azures_blob_hosts_are_allowed_from_the_start(url: str) -> None:
    """The public cloud and the sovereign ones, in any case, with or without a port."""
    assert AZURE.objection(url) is None


@pytest.mark.parametrize(
    "host",
    [
        "blob.core.windows.net",
        "evilblob.core.windows.net",
        "acme.blob.core.windows.net.evil.example",
        "acme.file.core.windows.net",
        "evil.example",
        "169.254.169.254",
        "127.0.0.1",
        "localhost",
        "[::1]",
        "xn--blob.core.windows.net",
    ],
)
def test_any_other_host_is_refused_without_repeating_it(host: str) -> None:
    """A wildcard stands for something before its dot: neither for nothing nor for part of a word."""
    objection = AZURE.objection(f"https://{host}")

    assert objection is not None
    assert objection == (f"names a host that is not allowed here; allowed are (DESTINATION_HOSTS): {AZURE}")


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example\\.blob.core.windows.net",
        "https://evil.example\\@acme.blob.core.windows.net",
        "https://evil.example%2f.blob.core.windows.net",
        "https://evil.example\x00.blob.core.windows.net",
        "https://evil.example\n.blob.core.windows.net",
        "https://evil.example\t.blob.core.windows.net",
        "https://evil.example .blob.core.windows.net",
        "https://evil.example\N{FULLWIDTH SOLIDUS}.blob.core.windows.net",
        "https://[evil.example].blob.core.windows.net",
        "https://_.blob.core.windows.net",
        "https://.blob.core.windows.net",
        "https://-.blob.core.windows.net",
    ],
)
def test_a_host_that_is_no_plain_name_is_refused(url: str) -> None:
    """What one parser takes for a name below Azure's, another may take for a path."""
    assert AZURE.objection(url) is not None


@pytest.mark.parametrize(
    "url",
    [
        "https://user@acme.blob.core.windows.net",
        "https://user:password@acme.blob.core.windows.net",
        "https://@acme.blob.core.windows.net",
        "https://acme.blob.core.windows.net@evil.example",
        "https://acme.blob.core.windows.net?sv=2024&sig=c2VjcmV0",
        "https://acme.blob.core.windows.net/?",
        "https://acme.blob.core.windows.net#part",
        "https://acme.blob.core.windows.net/#",
        "https://",
        "https:///raw",
        "acme.blob.core.windows.net",
        "//",
        "",
    ],
)
def test_a_url_with_more_or_less_than_an_account_is_refused(url: str) -> None:
    """No password, no query, no fragment; what was in them is not repeated."""
    objection = AZURE.objection(url)

    assert objection is not None
    assert objection.startswith("must look like https://ACCOUNT.blob.core.windows.net")


@pytest.mark.parametrize(
    "url", ["https://acme.blob.core.windows.net:99999", "https://acme:x", "https://[::1"]
)
def test_a_url_that_cannot_be_read_is_none(url: str) -> None:
    """A port or an address that cannot exist."""
    assert AZURE.objection(url) == "is not a URL"


@pytest.mark.parametrize("scheme", ["http", "ftp", "file", "ws"])
def test_a_public_host_must_be_reached_by_https(scheme: str) -> None:
    """Credentials are not sent in the clear."""
    assert AZURE.objection(f"{scheme}://acme.blob.core.windows.net") == "must begin with https://"


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:10000/devstoreaccount1",
        "http://localhost:10000/devstoreaccount1",
        "http://[::1]:10000/devstoreaccount1",
        "https://127.0.0.1:10000/devstoreaccount1",
        "https://[2001:DB8::10]/devstoreaccount1",
    ],
)
def test_a_host_that_is_listed_is_allowed_and_a_loopback_one_with_http(url: str) -> None:
    """The local stack; and only if it is listed."""
    assert LOCAL.objection(url) is None
    assert AZURE.objection(url) is not None


@pytest.mark.parametrize("url", ["http://azurite:10000/a", "http://acme.blob.core.windows.net"])
def test_a_listed_host_elsewhere_must_not_use_http(url: str) -> None:
    """That it is allowed does not make the way there safe."""
    assert LOCAL.objection(url) == "must begin with https://"


def test_a_loopback_host_that_is_not_listed_is_refused() -> None:
    """127.0.0.2 is this machine too."""
    assert LOCAL.objection("http://127.0.0.2:10000/a") is not None


def test_a_host_without_a_wildcard_stands_for_itself() -> None:
    """Neither for what is below it nor for what ends like it."""
    hosts = AllowedHosts(("storage.example",))

    assert hosts.objection("https://storage.example") is None
    assert hosts.objection("https://a.storage.example") is not None
    assert hosts.objection("https://mystorage.example") is not None


@pytest.mark.parametrize("port", [1, 80, 442, 8443, 10000, 65535])
def test_a_port_that_is_not_the_default_one_is_refused(port: int) -> None:
    """Behind an allowed host may stand more services than its storage."""
    objection = AZURE.objection(f"https://acme.blob.core.windows.net:{port}")

    assert objection is not None
    assert objection.startswith("names a port that is not allowed here")


def test_a_port_that_is_listed_with_its_host_is_allowed() -> None:
    """With that host alone, and no other port; a wildcard may have one, too."""
    hosts = AllowedHosts(("storage.example:10000", "*.other.example:8443", "[::1]:10000", "plain.example"))

    assert hosts.objection("https://storage.example:10000/acme") is None
    assert hosts.objection("https://a.other.example:8443") is None
    assert hosts.objection("http://[::1]:10000/acme") is None
    assert hosts.objection("https://storage.example:10001/acme") is not None
    assert hosts.objection("https://plain.example:10000") is not None
    assert hosts.objection("http://[::1]:10001/acme") is not None


@pytest.mark.parametrize(
    "urls",
    [
        (
            "https://acme.blob.core.windows.net",
            "HTTPS://ACME.Blob.Core.Windows.Net:443/",
            "https://acme.blob.core.windows.net.",
            "https://acme-secondary.blob.core.windows.net",
            "https://acme.privatelink.blob.core.windows.net",
            blob_endpoint("AccountName=Acme;AccountKey=k"),
            blob_endpoint("BlobEndpoint=https://acme.blob.core.windows.net/;SharedAccessSignature=s"),
        ),
        (
            "http://127.0.0.1:10000/devstoreaccount1",
            "http://localhost:10000/devstoreaccount1/",
            "http://[::1]:10000/DevStoreAccount1",
            "https://127.0.0.2:10000//devstoreaccount1-secondary",
        ),
        ("http://127.0.0.1/acme", "http://localhost:80/acme", "https://localhost:443/acme"),
    ],
    ids=["by name", "by path", "default ports"],
)
def test_every_name_of_an_account_is_told_to_be_the_same(urls: tuple[str, ...]) -> None:
    """As storage sees it, in any spelling of the URL."""
    assert len(set(map(account_of, urls))) == 1


def test_other_accounts_are_told_apart() -> None:
    """By host, by zone, by cloud, by port, and by the path where that is what names the account."""
    urls = [
        "https://acme.blob.core.windows.net",
        "https://acme2.blob.core.windows.net",
        "https://acme.blob.core.chinacloudapi.cn",
        "https://acme.z1.blob.storage.azure.net",
        "https://acme.z2.blob.storage.azure.net",
        "http://127.0.0.1:10000/acme",
        "http://127.0.0.1:10000/other",
        "http://127.0.0.1:10001/acme",
        "https://azurite:10000/acme",
    ]

    assert len(set(map(account_of, urls))) == len(urls)


@pytest.mark.parametrize(
    "container", ["landing-zone", "rejected", "export-state", "pulled", "deployments", "azure-webjobs-hosts"]
)
def test_the_exporters_own_containers_are_known_by_any_name_of_the_account(container: str) -> None:
    """The same container of another account is not one of them, nor is another one of the same account."""
    own = OwnContainers.at("https://own.blob.core.windows.net", "landing-zone")

    assert own.hold("https://OWN-secondary.blob.core.windows.net:443/", container)
    assert not own.hold("https://acme.blob.core.windows.net", container)
    assert not own.hold("https://own.blob.core.windows.net", "raw")
    assert not NO_OWN_CONTAINERS.hold("https://own.blob.core.windows.net", container)


def test_the_containers_of_the_code_and_of_the_deployment_are_the_exporters_own() -> None:
    """As the gateways and the template name them."""
    template = (Path(__file__).parents[3] / "infra/azure/storage.bicep").read_text()

    assert {REJECTED, STATE} | set(
        re.findall(r"deploymentContainerName = '(.*)'", template)
    ) == OWN_CONTAINERS - {"pulled"}
    assert TIMER_CONTAINER.startswith(HOST_CONTAINERS_PREFIX)


KEY = "c2VjcmV0c2VjcmV0c2VjcmV0"


@pytest.mark.parametrize(
    ("connection_string", "endpoint"),
    [
        (
            f"DefaultEndpointsProtocol=https;AccountName=acme;AccountKey={KEY}==;EndpointSuffix=core.windows.net",
            "https://acme.blob.core.windows.net",
        ),
        (f"AccountName=acme;AccountKey={KEY}==", "https://acme.blob.core.windows.net"),
        (
            f"AccountName=acme;AccountKey={KEY};EndpointSuffix=core.chinacloudapi.cn;",
            "https://acme.blob.core.chinacloudapi.cn",
        ),
        (
            f"DefaultEndpointsProtocol=http;AccountName=dev;AccountKey={KEY};BlobEndpoint=http://127.0.0.1:10000/dev",
            "http://127.0.0.1:10000/dev",
        ),
        (
            f"BlobEndpoint=https://acme.z1.blob.storage.azure.net/;SharedAccessSignature=sv=2024&sig={KEY}%3D",
            "https://acme.z1.blob.storage.azure.net",
        ),
        (f"accountname=acme;ACCOUNTKEY={KEY}", "https://acme.blob.core.windows.net"),
    ],
)
def test_a_connection_string_leads_to_a_blob_endpoint(connection_string: str, endpoint: str) -> None:
    """An endpoint that is named wins over the account's name; cases and the last semicolon do not matter."""
    assert blob_endpoint(connection_string) == endpoint


@pytest.mark.parametrize("text", ["", ";", f"AccountKey={KEY}", f"AccountName=;AccountKey={KEY}", KEY])
def test_a_connection_string_without_an_account_is_refused_without_repeating_it(text: str) -> None:
    """It holds a key, and the message goes into an answer."""
    with pytest.raises(ValueError, match="neither BlobEndpoint nor AccountName") as refused:
        blob_endpoint(text)

    assert KEY not in str(refused.value)


@pytest.mark.parametrize(
    "connection_string",
    [
        f"AccountName=evil.example/;AccountKey={KEY}",
        f"AccountName=evil.example\\;AccountKey={KEY}",
        f"AccountName=evil.example#;AccountKey={KEY}",
        f"AccountName=evil.example?;AccountKey={KEY}",
        f"AccountName=me@evil.example/;AccountKey={KEY}",
        f"AccountName=acme;AccountKey={KEY};EndpointSuffix=evil.example",
        f"AccountName=acme;AccountKey={KEY};BlobEndpoint=https://evil.example",
        f"AccountName=acme;AccountKey={KEY};BlobEndpoint=https://acme.blob.core.windows.net?sig={KEY}",
        f"AccountName=acme;AccountKey={KEY};DefaultEndpointsProtocol=http",
    ],
)
def test_no_part_of_a_connection_string_leads_around_the_guard(connection_string: str) -> None:
    """Names, suffixes, endpoints and protocols are all the customer's to write; the key is not repeated."""
    objection = AZURE.objection(blob_endpoint(connection_string))

    assert objection is not None
    assert KEY not in objection
