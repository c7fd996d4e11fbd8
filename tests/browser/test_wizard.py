"""A new destination by the wizard: to the end, and through the mistakes that people make."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from azure.storage.blob import AccountSasPermissions, BlobServiceClient, ResourceTypes, generate_account_sas
from playwright.sync_api import Browser, Page, expect

from infra.local import azurite
from infra.local.certificates import make_certificate
from infra.local.entra import Directory, entra_running
from tests.browser.accessibility import check_accessibility
from tests.browser.landscape import SAMPLE
from tests.browser.tab import Tab, opened
from tests.contract.servers import Answer, answering
from tests.support.installation import App, Installation, Json, now, ok

TENANT, CLIENT = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
RIGHT, OLD, WRONG = "right~secret.of-8Q", "old~secret.of-8Q", "wrong~secret.of-8Q"
TEST_MILLISECONDS_MAX = 60_000
STEPS = ("Data", "Filter", "Schema", "Credentials", "Container", "Test upload", "Activate")


class Wizard:
    """The wizard in a tab."""

    def __init__(self, tab: Tab) -> None:
        self.tab = tab
        self.page: Page = tab.page

    def at(self, step: str) -> None:
        """Wait for a step."""
        self.tab.title(f"New destination: {step}")

    def go(self, step: str) -> None:
        """Go to a step by the list of steps."""
        self.page.get_by_role("navigation", name="Steps").get_by_role("link", name=step).click()
        self.at(step)

    def next(self, step: str) -> None:
        """Go on."""
        self.page.get_by_role("button", name=f"Next: {step}").click()
        self.at(step)

    def begin(self, name: str, project: int) -> None:
        """Open the wizard, and say what is exported."""
        self.tab.open()
        self.page.get_by_role("link", name="New destination").click()
        self.at("Data")
        self.page.get_by_label("Name").fill(name)
        self.page.get_by_label("Project").fill(str(project))

    def fill(self, **fields: str) -> None:
        """Fill fields, by the first letters of their labels."""
        for label, text in fields.items():
            self.page.get_by_label(label.replace("_", " "), exact=False).first.fill(text)

    def wrong(self) -> set[str]:
        """Return the steps that are marked as wrong."""
        links = self.page.get_by_role("navigation", name="Steps").get_by_role("link").all_inner_texts()
        return {step for step in STEPS for text in links if step in text and "something is wrong" in text}

    def test(self) -> None:
        """Run the test upload, and wait for its end."""
        self.go("Test upload")
        # An address without an answer is tried several times.
        expect(self.page.get_by_text("Testing…")).to_be_hidden(timeout=TEST_MILLISECONDS_MAX)


@pytest.fixture
def wizard(tab: Tab) -> Wizard:
    """Return the wizard of the app."""
    return Wizard(tab)


def choose_files(wizard: Wizard) -> None:
    """Choose names of files, and look at an example and at the columns."""
    page = wizard.page
    page.get_by_label("Folders").select_option("hive")
    page.get_by_label("Number of a part").select_option("safe")
    folder = f"project_id={SAMPLE.project_id}/date=2026-01-31/hour=17"
    expect(page.get_by_text(f"{folder}/{SAMPLE.project_id}_2026-01-31_17_1.json.gz")).to_be_visible()
    page.get_by_text("Columns of events: 49").click()
    expect(page.get_by_role("row", name="event_type string no")).to_be_visible()
    check_accessibility(page)


def test_a_destination_is_made_tested_and_activated(wizard: Wizard, app: App, shared: Installation) -> None:
    """Step by step, each without a broken rule of accessibility; Back loses nothing."""
    shared.container("globex")
    page = wizard.page
    wizard.begin("Globex & Söhne", SAMPLE.project_id)
    expect(page.get_by_label("Id", exact=True)).to_have_value("globex-sohne")
    expect(page.locator(".hint").filter(has_text="landed from")).to_be_visible()
    check_accessibility(page)
    wizard.next("Filter")
    page.get_by_role("button", name="Add a condition").click()
    page.keyboard.type("event_type")
    page.get_by_label("Operator").select_option(label="is set")
    expect(page.get_by_role("region", name="Preview")).to_contain_text("keeps")
    wizard.next("Schema")
    choose_files(wizard)
    wizard.next("Credentials")
    page.get_by_text("What the customer runs for it").click()
    expect(page.get_by_text("az ad sp create")).to_be_visible()
    page.get_by_label("How the exporter signs in").select_option("connection_string")
    page.get_by_label("Connection string", exact=True).last.fill(shared.connection_string)
    check_accessibility(page)
    wizard.next("Container")
    wizard.fill(Container="globex")
    check_accessibility(page)
    page.get_by_role("link", name="Back").click()
    wizard.at("Credentials")
    expect(page.get_by_label("Connection string", exact=True).last).to_have_value(shared.connection_string)
    wizard.next("Container")
    wizard.next("Test upload")
    expect(page.get_by_text("The container is ready.")).to_be_visible()
    assert wizard.wrong() == set()
    check_accessibility(page)
    assert app.api.get("/destinations/globex-sohne").status == 404
    wizard.next("Activate")
    expect(page.get_by_text("event_type is set")).to_be_visible()
    day = f"{now() - timedelta(days=3):%Y-%m-%d}"
    page.get_by_label("Events from").fill(day)
    check_accessibility(page)
    page.get_by_role("button", name="Activate").click()
    wizard.tab.title("Globex & Söhne")

    made = app.destination("globex-sohne")
    assert (made["status"], made["name"]) == ("active", "Globex & Söhne")
    assert made["events"] == {
        "project_id": SAMPLE.project_id,
        "filter": {"all": [{"property": "event_type", "operator": "is_set"}]},
    }
    assert (made["output"]["path_layout"], made["output"]["name_style"]) == ("hive", "safe")
    assert ok(
        app.api.call("POST", "/api/destinations/globex-sohne/activate", f'{{"from": "{day}"}}'.encode())
    )
    # Nothing of it is left in the wizard.
    wizard.tab.open("#/new")
    expect(page.get_by_label("Name")).to_have_value("")


def test_a_draft_is_saved_without_a_test_and_wrong_fields_lead_to_their_steps(
    wizard: Wizard, app: App
) -> None:
    """What the API refuses is at its step, with its own words."""
    page = wizard.page
    wizard.begin("Initech", 7)
    expect(page.get_by_text("Nothing of 7 has landed yet")).to_be_visible()
    wizard.go("Credentials")
    page.get_by_label("How the exporter signs in").select_option("managed_identity")
    page.get_by_label("Client ID").fill("nobody")
    wizard.go("Container")
    wizard.fill(Account="https://example.com/x", Container="No container")
    wizard.test()
    expect(page.get_by_role("alert")).to_contain_text("credentials.client_id")
    assert wizard.wrong() == {"Credentials", "Container"}
    check_accessibility(page)
    page.get_by_role("link", name="storage.container").click()
    wizard.at("Container")
    expect(page.get_by_text("Container must be a container name")).to_be_visible()
    url = app.destination("well")["storage"]["account_url"]
    wizard.fill(Account=url, Container="initech")
    wizard.go("Credentials")
    page.get_by_label("Client ID").fill("")
    wizard.go("Activate")
    page.get_by_role("button", name="Save as draft").click()
    wizard.tab.title("Initech")
    assert app.destination("initech")["status"] == "draft"


@pytest.mark.slow
def test_the_step_at_fault_is_marked_and_shows_the_fix_of_the_api(
    wizard: Wizard, app: App, shared: Installation
) -> None:
    """A container that is missing, a signature without delete, no answer, and a firewall that blocks."""
    shared.container("umbrella")
    page, account = wizard.page, shared.endpoints
    wizard.begin("Umbrella", SAMPLE.project_id)
    wizard.go("Credentials")
    page.get_by_label("How the exporter signs in").select_option("sas")

    def verdict(code: str, step: str) -> None:
        wizard.test()
        expect(page.get_by_text(code, exact=True)).to_be_visible()
        assert wizard.wrong() == {step, "Test upload"}
        page.get_by_role("link", name=f"Correct it in {step}").click()
        wizard.at(step)

    def signature(*, delete: bool) -> str:
        parts = dict(part.partition("=")[::2] for part in shared.connection_string.split(";") if part)
        token = generate_account_sas(
            parts["AccountName"],
            parts["AccountKey"],
            ResourceTypes(container=True, object=True),
            AccountSasPermissions(read=True, write=True, list=True, delete=delete),
            datetime.now(UTC) + timedelta(hours=1),  # noqa: TID251  the signature has to be valid now
        )
        # As Azure's portal and tool write it; the library leaves a slash as it is.
        return token.replace("/", "%2F")

    page.get_by_label("SAS token").fill(signature(delete=True))
    wizard.go("Container")
    wizard.fill(Account=account.account_url, Container="umbrella-2")
    verdict("container_not_found", "Container")
    wizard.fill(Container="umbrella")
    wizard.go("Credentials")
    page.get_by_label("SAS token").fill(signature(delete=False))
    verdict("missing_action", "Credentials")
    page.get_by_label("SAS token").fill(signature(delete=True))
    wizard.go("Container")
    port = azurite.free_ports(1)[0]
    wizard.fill(Account=account.account_url.replace(str(urlsplit(account.account_url).port), str(port)))
    verdict("unreachable", "Container")
    with answering(Answer(403, "AuthorizationFailure", "This request is not authorized.")) as firewall:
        wizard.fill(Account=f"{firewall.url}/devstoreaccount1")
        verdict("network_blocked", "Container")
    wizard.fill(Account=account.account_url)
    wizard.test()
    expect(page.get_by_text("The container is ready.")).to_be_visible()
    assert app.api.get("/destinations/umbrella").status == 404


@pytest.mark.slow
def test_a_role_that_is_on_its_way_is_waited_for_with_a_countdown(wizard: Wizard) -> None:
    """A storage that refuses the first request and accepts the next; then the page tests by itself again."""
    page = wizard.page
    page.clock.install()
    refusal = Answer(403, "AuthorizationPermissionMismatch", "This request is not authorized.")
    created = Answer(201, headers={"ETag": '"0x1"', "Last-Modified": "Fri, 31 Jan 2020 13:00:00 GMT"})
    with answering(refusal) as storage:
        wizard.begin("Stark", SAMPLE.project_id)
        wizard.go("Credentials")
        page.get_by_label("How the exporter signs in").select_option("sas")
        page.get_by_label("SAS token").fill("sv=2026-01-01&sig=c2lnbmF0dXJl")
        wizard.go("Container")
        wizard.fill(Account=f"{storage.url}/devstoreaccount1", Container="stark")
        wizard.go("Test upload")
        expect(page.get_by_text("Testing…")).to_be_visible()
        while not storage.asked:
            page.wait_for_timeout(50)
        storage.answer = created
        expect(page.get_by_text("role_not_effective_yet")).to_be_visible(timeout=TEST_MILLISECONDS_MAX)
        expect(page.get_by_text("The test runs again in")).to_be_visible()
        check_accessibility(page)

        asked = len(storage.asked)
        page.clock.run_for(60_000)
        expect(page.get_by_text("The test runs again in")).to_be_hidden()
        while len(storage.asked) == asked:
            page.wait_for_timeout(50)
        expect(page.get_by_text("Testing…")).to_be_hidden(timeout=TEST_MILLISECONDS_MAX)


@pytest.mark.slow
def test_wrong_and_expired_secrets_are_faults_of_the_credentials(
    browser: Browser, shared: Installation, tmp_path: Path
) -> None:
    """A service principal on storage over https; the fix is the one that the API answers."""
    certificate = make_certificate(tmp_path / "tls")
    directory = Directory(TENANT, {CLIENT: RIGHT}, expired={OLD})
    with (
        entra_running(certificate, directory) as entra,
        azurite.running(tls=certificate) as customer,
        BlobServiceClient.from_connection_string(
            customer.connection_string, connection_verify=str(certificate.authority)
        ) as account,
        shared.app(**certificate.trusted_by, ENTRA_AUTHORITY=entra.url) as app,
        opened(browser, app.api.url) as tab,
    ):
        account.create_container("raw")
        wizard = Wizard(tab)
        wizard.begin("Hooli", SAMPLE.project_id)
        wizard.go("Credentials")
        wizard.fill(Directory=TENANT, Application=CLIENT)
        wizard.go("Container")
        wizard.fill(Account=customer.account_url, Container="raw")
        for secret, code in ((WRONG, "secret_wrong"), (OLD, "secret_expired")):
            wizard.go("Credentials")
            wizard.fill(Client_secret=secret)
            wizard.test()
            expect(tab.page.get_by_text(code, exact=True)).to_be_visible()
            assert wizard.wrong() == {"Credentials", "Test upload"}
            expect(tab.page.get_by_text(fix_of(app, customer.account_url, secret))).to_be_visible()
        wizard.go("Credentials")
        wizard.fill(Client_secret=RIGHT)
        wizard.test()
        expect(tab.page.get_by_text("The container is ready.")).to_be_visible()
        tab.check()


def fix_of(app: App, account_url: str, secret: str) -> str:
    """Return the fix that the API answers."""
    credentials = {
        "type": "service_principal",
        "tenant_id": TENANT,
        "client_id": CLIENT,
        "client_secret": secret,
    }
    storage = {"account_url": account_url, "container": "raw"}
    body: Json = {"name": "x", "events": {"project_id": 1}, "storage": storage, "credentials": credentials}
    steps = ok(app.api.post("/test-upload", body))["steps"]
    return next(str(step["fix"]) for step in steps if step["fix"])
