import base64
import logging
from datetime import timedelta

import pytest

from exporter.domain.errors import NotConfigured
from exporter.settings import (
    Settings,
    TelemetryTarget,
    schedule_of_pull_timer,
    schedule_of_timer,
    sdk_log_level,
    telemetry_target,
)

KEY = base64.b64encode(bytes(range(32))).decode()
OTHER_KEY = base64.b64encode(b"\xff" * 32).decode()
ACCOUNT_KEY = "c2VjcmV0LW9mLXRoZS1hY2NvdW50"
GROUP = "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/rg-exporter/providers"
COMPONENT = f"{GROUP}/Microsoft.Insights/components/appi-exporter"
STORAGE = f"DefaultEndpointsProtocol=https;AccountName=ours;AccountKey={ACCOUNT_KEY}"


def settings(**environ: str) -> Settings:
    """Read settings: the two that must be there, and some others."""
    return Settings.from_environ({"AzureWebJobsStorage": STORAGE, "SECRETS_KEY": KEY} | environ)


def problems(**environ: str) -> dict[str, str]:
    """Return what is wrong with settings, by their names."""
    with pytest.raises(NotConfigured) as refused:
        settings(**environ)
    return {problem.field: problem.message for problem in refused.value.problems}


def test_only_storage_and_key_must_be_set() -> None:
    """Everything else has the default that the contract names."""
    read = settings()

    assert read.own_storage.connection_string == STORAGE
    assert read.own_storage.urls == {}
    assert read.secrets_keys == (bytes(range(32)),)
    assert read.landing_container == "landing"
    assert read.export_schedule == "0 */5 * * * *"
    assert read.settle == timedelta(minutes=10)
    assert read.destination_hosts.objection("https://acme.blob.core.windows.net") is None
    assert read.entra_authority == "https://login.microsoftonline.com"


def test_every_setting_can_be_set() -> None:
    """Spaces around a value do not matter, nor the case of hosts, nor a slash behind the authority."""
    read = settings(
        LANDING_CONTAINER=" raw-data ",
        EXPORT_SCHEDULE="0 0 * * * *",
        SETTLE_MINUTES="0",
        DESTINATION_HOSTS=" Storage.Example , *.blob.core.windows.net., ",
        ENTRA_AUTHORITY="https://login.microsoftonline.us/",
    )

    assert read.landing_container == "raw-data"
    assert read.export_schedule == "0 0 * * * *"
    assert read.settle == timedelta()
    assert read.destination_hosts.patterns == ("storage.example", "*.blob.core.windows.net")
    assert read.entra_authority == "https://login.microsoftonline.us"


def test_the_settings_in_effect_are_shown_as_they_are_set() -> None:
    """Those that are shown can be set again; secrets are not shown."""
    environ = {
        "LANDING_CONTAINER": "raw-data",
        "EXPORT_SCHEDULE": "0 0 * * * *",
        "SETTLE_MINUTES": "7",
        "LATE_CHECK_HOURS": "off",
        "NATIVE_CODE": "off",
        "PULL_SCHEDULE": "0 30 * * * *",
        "PULL_HOSTS": "amplitude.com",
        "PULL_CONCURRENCY": "3",
        "WHOLE_BLOB_MIB_MIN": "off",
        "DESTINATION_HOSTS": "storage.example,*.blob.core.windows.net",
        "ENTRA_AUTHORITY": "https://login.microsoftonline.us",
        "NOTIFY_HOSTS": "hooks.example.com",
        "NOTICE_QUEUE": "notices",
        "SDK_LOG_LEVEL": "ERROR",
        "OUTBOUND_ADDRESSES": "20.50.1.2,20.50.1.4/31,2001:db8::1",
        "LOG_ANALYTICS_RESOURCE_ID": COMPONENT,
        "AZURE_PORTAL": "https://portal.azure.us",
    }
    read = settings(**environ)
    shown = read.shown()

    assert {name: shown[name] for name in environ} == environ
    assert shown.keys() - environ.keys() == {"AzureWebJobsStorage", "SECRETS_KEY"}
    assert shown["AzureWebJobsStorage"] == "https://ours.blob.core.windows.net"
    assert (ACCOUNT_KEY in str(shown), KEY in str(shown)) == (False, False)
    by_default = {name: text for name, text in settings().shown().items() if text and name in environ}
    assert settings(**by_default) == settings()


def test_outbound_addresses_are_addresses() -> None:
    """Customers copy them into their firewalls."""
    assert problems(OUTBOUND_ADDRESSES="20.50.1.2,example.com").keys() == {"OUTBOUND_ADDRESSES"}
    assert settings(OUTBOUND_ADDRESSES=" ").outbound_addresses == ()


@pytest.mark.parametrize(
    "resource",
    [COMPONENT, f"{GROUP}/Microsoft.OperationalInsights/workspaces/log", f" {COMPONENT.lower()} "],
)
def test_the_log_may_be_in_a_component_or_in_a_workspace(resource: str) -> None:
    """Azure writes resource ids in any case."""
    assert settings(LOG_ANALYTICS_RESOURCE_ID=resource).log_resource_id == resource.strip()


@pytest.mark.parametrize(
    "resource",
    [
        "3f2a0c9e-0000-4000-8000-000000000001",
        f"{GROUP}/Microsoft.Storage/storageAccounts/ours",
        f"https://portal.azure.com{COMPONENT}",
        f'{COMPONENT}"',
    ],
    ids=["the id of a workspace's customer", "another resource", "an address", "a quotation mark"],
)
def test_what_is_no_resource_with_a_log_is_refused(resource: str) -> None:
    """With an example of what is asked for."""
    assert (
        "Microsoft.Insights/components"
        in problems(LOG_ANALYTICS_RESOURCE_ID=resource)["LOG_ANALYTICS_RESOURCE_ID"]
    )


@pytest.mark.parametrize(
    "url", ["http://portal.azure.com", "portal.azure.com", "https://portal.azure.com/#home", "https://"]
)
def test_the_portal_is_an_origin(url: str) -> None:
    """Links are built behind it."""
    assert problems(AZURE_PORTAL=url).keys() == {"AZURE_PORTAL"}


def test_a_slash_behind_the_portal_does_not_matter() -> None:
    """Without the setting it is that of the public cloud."""
    assert settings(AZURE_PORTAL="https://portal.azure.cn/").azure_portal == "https://portal.azure.cn"
    assert settings().azure_portal == "https://portal.azure.com"


def test_a_setting_that_is_empty_counts_as_missing() -> None:
    """Templates leave empty strings behind."""
    assert settings(LANDING_CONTAINER="", SETTLE_MINUTES=" ", DESTINATION_HOSTS="") == settings()
    assert problems(SECRETS_KEY=" ") == problems(SECRETS_KEY="")


def test_all_that_is_wrong_is_told_at_once() -> None:
    """One look at the health check is enough to correct everything."""
    wrong = problems(
        AzureWebJobsStorage="",
        SECRETS_KEY="short",
        LANDING_CONTAINER="Landing",
        EXPORT_SCHEDULE="*/5 * * *",
        SETTLE_MINUTES="1441",
        DESTINATION_HOSTS="https://acme.blob.core.windows.net",
        ENTRA_AUTHORITY="http://login.microsoftonline.com",
    )

    assert list(wrong) == [
        "AzureWebJobsStorage",
        "SECRETS_KEY",
        "LANDING_CONTAINER",
        "EXPORT_SCHEDULE",
        "SETTLE_MINUTES",
        "DESTINATION_HOSTS",
        "ENTRA_AUTHORITY",
    ]


def test_nothing_set_names_what_must_be() -> None:
    """The message of the error, which goes into the log, names each."""
    with pytest.raises(NotConfigured, match=r"AzureWebJobsStorage: is missing.*; SECRETS_KEY: is missing"):
        Settings.from_environ({})


def test_secrets_are_not_in_what_is_printed() -> None:
    """Settings end up in logs and tracebacks."""
    printed = repr(settings(SECRETS_KEY=f"{KEY},{OTHER_KEY}"))

    assert ACCOUNT_KEY not in printed
    assert KEY not in printed
    assert repr(bytes(range(32))) not in printed


def test_a_wrong_secret_is_not_repeated() -> None:
    """Half a key is still half a secret."""
    wrong = str(problems(AzureWebJobsStorage=f"AccountKey={ACCOUNT_KEY}", SECRETS_KEY=KEY[:-8]))

    assert ACCOUNT_KEY not in wrong
    assert KEY[:-8] not in wrong


@pytest.mark.parametrize("text", ["UseDevelopmentStorage=true", "UseDevelopmentStorage=true;", STORAGE])
def test_own_storage_may_be_named_by_a_connection_string(text: str) -> None:
    """Also by the emulator's short form."""
    assert settings(AzureWebJobsStorage=text).own_storage.connection_string == text


@pytest.mark.parametrize("text", ["ours", "UseDevelopmentStorage=false", f"AccountKey={ACCOUNT_KEY}"])
def test_a_connection_string_without_an_account_is_refused(text: str) -> None:
    """It would fail at the first tick otherwise, and nobody would look for it there."""
    assert "AzureWebJobsStorage" in problems(AzureWebJobsStorage=text)


def test_own_storage_may_be_named_by_its_account() -> None:
    """Then the app's identity signs in, and no connection string is needed."""
    environ = {"AzureWebJobsStorage__accountName": "ourstorage1", "SECRETS_KEY": KEY}
    storage = Settings.from_environ(environ).own_storage

    assert storage.connection_string is None
    assert storage.urls == {
        service: f"https://ourstorage1.{service}.core.windows.net" for service in ("blob", "queue", "table")
    }


def test_own_storage_may_be_named_by_the_addresses_of_its_services() -> None:
    """As for sovereign clouds; and an identity that was assigned by hand by its client id."""
    names = [f"AzureWebJobsStorage__{service}ServiceUri" for service in ("blob", "queue", "table")]
    urls = {name: f"https://ours.{name[21:26]}.example/" for name in names}
    environ = {**urls, "AzureWebJobsStorage__clientId": "an-id", "SECRETS_KEY": KEY}
    storage = Settings.from_environ(environ).own_storage

    assert list(storage.urls.values()) == [url.rstrip("/") for url in urls.values()]
    assert storage.client_id == "an-id"
    with pytest.raises(NotConfigured) as refused:
        Settings.from_environ({names[0]: "https://ours.example", "SECRETS_KEY": KEY})
    assert [problem.field for problem in refused.value.problems] == names[1:]
    with pytest.raises(NotConfigured):
        Settings.from_environ({**environ, names[0]: "http://ours.example"})


@pytest.mark.parametrize("account", ["ab", "a" * 25, "Our-Storage", "ours.blob.core.windows.net"])
def test_a_wrong_account_name_is_told_under_the_name_of_its_setting(account: str) -> None:
    """3 to 24 of a-z and 0-9."""
    with pytest.raises(NotConfigured) as refused:
        Settings.from_environ({"AzureWebJobsStorage__accountName": account, "SECRETS_KEY": KEY})
    assert [problem.field for problem in refused.value.problems] == ["AzureWebJobsStorage__accountName"]


@pytest.mark.parametrize("text", ["", STORAGE])
@pytest.mark.parametrize("name", ["AzureWebJobsStorage__accountName", "AzureWebJobsStorage__queueServiceUri"])
def test_a_connection_string_beside_an_identity_is_told(text: str, name: str) -> None:
    """The host takes it, even an empty one, and no queue's function would run."""
    wrong = problems(AzureWebJobsStorage=text, **{name: "ourstorage1"})

    assert name in wrong["AzureWebJobsStorage"]


def test_the_sdks_log_warnings_unless_asked_for_more() -> None:
    """INFO is the most there is: below it, they may write down secrets."""
    assert settings().sdk_log_level == logging.WARNING
    assert (
        settings(SDK_LOG_LEVEL="info").sdk_log_level
        == sdk_log_level({"SDK_LOG_LEVEL": "INFO"})
        == logging.INFO
    )
    for wrong in ("DEBUG", "20", "quiet"):
        assert "WARNING" in problems(SDK_LOG_LEVEL=wrong)["SDK_LOG_LEVEL"]
        assert sdk_log_level({"SDK_LOG_LEVEL": wrong}) == logging.WARNING


def test_native_code_can_be_switched_off() -> None:
    """By a word; everything else is an error, so that a typing error is noticed."""
    assert settings().native_code
    assert settings(NATIVE_CODE=" On ").native_code
    assert not settings(NATIVE_CODE="off").native_code
    for wrong in ("0", "false", "no"):
        assert "on or off" in problems(NATIVE_CODE=wrong)["NATIVE_CODE"]


def test_several_keys_keep_their_order() -> None:
    """The first encrypts, all decrypt; spaces, line breaks and a last comma do not matter."""
    assert settings(SECRETS_KEY=f"{OTHER_KEY},\n {KEY},").secrets_keys == (b"\xff" * 32, bytes(range(32)))


@pytest.mark.parametrize(
    "text",
    [
        "not base64!",
        "A" * 43,
        base64.b64encode(bytes(31)).decode(),
        base64.b64encode(bytes(33)).decode(),
        bytes(32).hex(),
        base64.urlsafe_b64encode(b"\xff" * 32).decode(),
        f"{KEY} {KEY}",
        "\N{SNOWMAN}" * 44,
    ],
)
def test_a_key_is_32_bytes_in_base64(text: str) -> None:
    """No other length, no other alphabet, no padding left out; one wrong key of several is enough."""
    assert "32 bytes in base64" in problems(SECRETS_KEY=text)["SECRETS_KEY"]
    assert "32 bytes in base64" in problems(SECRETS_KEY=f"{KEY},{text}")["SECRETS_KEY"]


@pytest.mark.parametrize("name", ["ab", "a" * 64, "Raw", "raw_data", "-raw", "raw-", "raw--data", "$logs"])
def test_the_landing_container_must_have_a_name_that_azure_takes(name: str) -> None:
    """3 to 63 of a-z, 0-9 and single hyphens."""
    assert "LANDING_CONTAINER" in problems(LANDING_CONTAINER=name)


@pytest.mark.parametrize("name", ["abc", "a" * 63, "0-9", "raw-data-1"])
def test_the_landing_container_may_have_any_such_name(name: str) -> None:
    """From the shortest to the longest."""
    assert settings(LANDING_CONTAINER=name).landing_container == name


@pytest.mark.parametrize("minutes", [0, 1, 10, 1439, 1440])
def test_hours_may_settle_for_up_to_a_day(minutes: int) -> None:
    """Both ends included."""
    assert settings(SETTLE_MINUTES=str(minutes)).settle == timedelta(minutes=minutes)


@pytest.mark.parametrize("text", ["-1", "1441", "10.5", "ten", "1e2", "1_0", "٣", "0x10", "9" * 5000])
def test_settling_is_a_whole_number_of_minutes(text: str) -> None:
    """A number too long to be read is told like any other wrong one."""
    assert problems(SETTLE_MINUTES=text) == {"SETTLE_MINUTES": "must be a whole number from 0 to 1440"}


@pytest.mark.parametrize(
    "hosts", ["127.0.0.1:10000,localhost,azurite:1", "[::1]", "[::1]:10000", "*.internal.example:443", "a"]
)
def test_hosts_may_be_names_addresses_and_wildcards(hosts: str) -> None:
    """The local stack adds its own."""
    assert settings(DESTINATION_HOSTS=hosts).destination_hosts.patterns == tuple(hosts.split(","))


def test_an_ipv6_address_that_is_set_is_allowed() -> None:
    """It is written with brackets in the setting, as it is in a URL."""
    assert settings(DESTINATION_HOSTS="[::1]").destination_hosts.objection("http://[::1]:10000/a") is None


@pytest.mark.parametrize(
    "host",
    [
        "*",
        "*.*.net",
        "a.*.net",
        "https://a",
        "a:",
        "a:0",
        "a:65536",
        "a:b",
        "a:1:2",
        "a/b",
        "::1",
        "-a",
        "a_b",
    ],
)
def test_a_wrong_host_is_named(host: str) -> None:
    """A name with a scheme, a path or no real port is none, and a wildcard stands at the beginning."""
    assert f"invalid host: {host};" in problems(DESTINATION_HOSTS=f"a,{host}")["DESTINATION_HOSTS"]


def test_every_wrong_host_is_named() -> None:
    """Not only the first."""
    with pytest.raises(NotConfigured, match=r"invalid host: a_1;.*invalid host: b_2;"):
        settings(DESTINATION_HOSTS="a_1,localhost,b_2")


@pytest.mark.parametrize(
    ("environ", "account"),
    [
        ({"AzureWebJobsStorage": "UseDevelopmentStorage=true"}, "http://localhost:10000/devstoreaccount1"),
        ({"AzureWebJobsStorage": "AccountName=own;AccountKey=k"}, "https://OWN.blob.core.windows.net"),
        (
            {"AzureWebJobsStorage__accountName": "own"},
            "https://own.blob.core.windows.net/",
        ),
        (
            {
                "AzureWebJobsStorage__blobServiceUri": "https://own.z1.blob.storage.azure.net/",
                "AzureWebJobsStorage__queueServiceUri": "https://own.z1.queue.storage.azure.net/",
                "AzureWebJobsStorage__tableServiceUri": "https://own.z1.table.storage.azure.net/",
            },
            "https://own.z1.blob.storage.azure.net",
        ),
    ],
    ids=["emulator", "connection string", "name", "addresses"],
)
def test_the_apps_own_containers_are_those_of_its_own_account(environ: dict[str, str], account: str) -> None:
    """In whatever way the account is given; landing has the name that is set."""
    given = {**environ, "LANDING_CONTAINER": "arrivals", "SECRETS_KEY": KEY}
    own = Settings.from_environ(given).own_containers

    assert own.hold(account, "arrivals")
    assert own.hold(account, "rejected")
    assert not own.hold(account, "landing")


def test_a_list_without_a_single_host_is_wrong() -> None:
    """It would refuse every destination."""
    assert "names no host" in problems(DESTINATION_HOSTS=" , ")["DESTINATION_HOSTS"]


@pytest.mark.parametrize(
    "url", ["login.microsoftonline.com", "http://login", "https://", "https://[::1", "x"]
)
def test_the_authority_is_an_https_url(url: str) -> None:
    """Secrets are sent there."""
    assert "https URL" in problems(ENTRA_AUTHORITY=url)["ENTRA_AUTHORITY"]


def test_the_timer_ticks_on_the_schedule_that_is_set() -> None:
    """Whatever else is missing."""
    assert schedule_of_timer({"EXPORT_SCHEDULE": "0 0 * * * *"}) == "0 0 * * * *"
    assert schedule_of_timer({}) == "0 */5 * * * *"


@pytest.mark.parametrize("schedule", ["every hour", "0 0 25 * * *", f"0 {'1' * 5000} * * * *"])
def test_the_timer_ticks_on_the_default_while_the_schedule_is_wrong(schedule: str) -> None:
    """The app must start, so that its health check can name the setting."""
    assert schedule_of_timer({"EXPORT_SCHEDULE": schedule}) == "0 */5 * * * *"
    assert "EXPORT_SCHEDULE" in problems(EXPORT_SCHEDULE=schedule)


def test_without_a_mapping_the_environment_of_the_process_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the app itself does."""
    monkeypatch.setenv("AzureWebJobsStorage", "UseDevelopmentStorage=true")
    monkeypatch.setenv("SECRETS_KEY", KEY)
    monkeypatch.setenv("LANDING_CONTAINER", "elsewhere")

    assert Settings.from_environ().landing_container == "elsewhere"


@pytest.mark.parametrize(
    ("text", "hours"),
    [("", (1, 6, 24, 72)), ("1", (1,)), (" 2 , 48 ", (2, 48)), ("720", (720,)), ("off", ()), ("OFF", ())],
)
def test_late_blobs_are_looked_for_at_these_distances(text: str, hours: tuple[int, ...]) -> None:
    """Rising numbers of hours, or never."""
    assert settings(LATE_CHECK_HOURS=text).late_checks == tuple(timedelta(hours=each) for each in hours)


@pytest.mark.parametrize(
    "text", ["0", "-1", "1.5", "soon", "6,1", "1,1", "721", "1,,2", "1,2,3,4,5,6,7,8,9", "1;2"]
)
def test_wrong_distances_are_told(text: str) -> None:
    """None of them is ever taken for something else."""
    assert list(problems(LATE_CHECK_HOURS=text)) == ["LATE_CHECK_HOURS"]


@pytest.mark.parametrize(("text", "mib"), [("", 8), ("1", 1), (" 32 ", 32)])
def test_blobs_of_some_size_may_be_sent_as_they_came(text: str, mib: int) -> None:
    """In MiB, and no larger than what is held in memory."""
    assert settings(WHOLE_BLOB_MIB_MIN=text).whole_bytes_min == mib * 1024 * 1024


def test_no_blob_is_sent_as_it_came_if_that_is_off() -> None:
    """Then all files are compressed by us."""
    assert settings(WHOLE_BLOB_MIB_MIN="Off").whole_bytes_min is None


@pytest.mark.parametrize("text", ["0", "33", "8.5", "-1", "8 MiB", "large"])
def test_a_wrong_size_of_blobs_that_are_sent_as_they_came_is_told(text: str) -> None:
    """None of them is ever taken for something else."""
    assert list(problems(WHOLE_BLOB_MIB_MIN=text)) == ["WHOLE_BLOB_MIB_MIN"]


def test_webhooks_go_nowhere_unless_hosts_are_allowed() -> None:
    """Exact hosts, or every host below a domain; not the domain itself, and no host that only ends alike."""
    assert "none" in str(settings().notify_hosts.objection("https://hooks.example.com/a"))
    hosts = settings(NOTIFY_HOSTS="hooks.example.com, *.example.net").notify_hosts

    assert hosts.objection("https://hooks.example.com/a/b") is None
    assert hosts.objection("https://a.b.example.net") is None
    for url in (
        "https://example.net",
        "https://evilexample.net",
        "http://hooks.example.com",
        "https://10.0.0.1",
    ):
        assert hosts.objection(url), url
    assert list(problems(NOTIFY_HOSTS="https://hooks.example.com")) == ["NOTIFY_HOSTS"]


def test_notices_are_queued_only_if_a_queue_is_named() -> None:
    """By a name that a queue may have."""
    assert settings().notice_queue is None
    assert settings(NOTICE_QUEUE="all-notices").notice_queue == "all-notices"
    assert list(problems(NOTICE_QUEUE="All Notices")) == ["NOTICE_QUEUE"]


def test_sources_are_pulled_from_the_export_api_two_at_a_time() -> None:
    """Unless the operator says otherwise; spaces and the case of hosts do not matter."""
    assert settings().pull_schedule == "30 */5 * * * *"
    assert settings().pull_concurrency == 2
    assert settings().pull_hosts.objection("https://amplitude.com") is None
    assert settings().pull_hosts.objection("https://analytics.eu.amplitude.com") is None
    assert "PULL_HOSTS" in (settings().pull_hosts.objection("https://evil.example") or "")

    read = settings(
        PULL_SCHEDULE="0 * * * * *", PULL_HOSTS=" Proxy.Example , 127.0.0.1", PULL_CONCURRENCY="4"
    )

    assert (read.pull_schedule, read.pull_concurrency) == ("0 * * * * *", 4)
    assert read.pull_hosts.objection("https://proxy.example/x") is None
    assert read.pull_hosts.objection("http://127.0.0.1:4711") is None


@pytest.mark.parametrize("number", ["0", "5", "two", "-1", "1.5"])
def test_a_source_is_asked_one_to_four_times_at_once(number: str) -> None:
    """The API allows five requests, over all of its clients."""
    assert problems(PULL_CONCURRENCY=number) == {"PULL_CONCURRENCY": "must be a whole number from 1 to 4"}


def test_wrong_settings_of_sources_are_told_and_the_timer_ticks() -> None:
    """The schedule is read when the app is indexed."""
    assert set(problems(PULL_SCHEDULE="soon", PULL_HOSTS="a b")) == {"PULL_SCHEDULE", "PULL_HOSTS"}
    assert "names no host" in problems(PULL_HOSTS=",")["PULL_HOSTS"]
    assert schedule_of_pull_timer({"PULL_SCHEDULE": "soon"}) == "30 */5 * * * *"
    assert schedule_of_pull_timer({"PULL_SCHEDULE": "0 * * * * *"}) == "0 * * * * *"


@pytest.mark.parametrize("url", ["collector:4318", "ftp://collector", "https://", "http://[::1"])
def test_a_wrong_address_of_a_collector_is_no_collector(url: str) -> None:
    """The app starts without it; the health check reports it."""
    assert telemetry_target({"OTEL_EXPORTER_OTLP_ENDPOINT": url}) is None
    assert problems(OTEL_EXPORTER_OTLP_ENDPOINT=url).keys() == {"OTEL_EXPORTER_OTLP_ENDPOINT"}


def test_a_collector_may_want_headers() -> None:
    """As OpenTelemetry writes them."""
    assert telemetry_target({}) is None
    found = telemetry_target(
        {
            "OTEL_EXPORTER_OTLP_ENDPOINT": "https://otlp.example.com/",
            "OTEL_EXPORTER_OTLP_HEADERS": "api-key=a%20key, x=1",
            "OTEL_SERVICE_NAME": "ours",
        }
    )
    assert found == TelemetryTarget("https://otlp.example.com", {"api-key": "a key", "x": "1"}, "ours")
    assert "a key" not in repr(found)
