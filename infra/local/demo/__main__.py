"""Land a day of sample data, let the running app export it, and print what a customer then finds."""

import argparse
import contextlib
import secrets
import signal
import socket
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

from azure.storage.blob import BlobServiceClient

from infra.local import azurite, stack
from infra.local.api import Api
from infra.local.certificates import make_certificate
from infra.local.demo import customers, history
from infra.local.demo.expected import DemoError, expect
from infra.local.demo.report import Ledger, Report
from infra.local.demo.source import FAILING_ID, LAG, SOURCE_ID, DemoSource, demo_source
from infra.local.entra import Directory, entra_running
from infra.local.sample import DataType, Fault, LandingHour, Sample, to_container
from infra.local.sample.times import last_closed_hours

HOURS = 24
# The tenant and the application of the demo's customer. Each run generates another secret.
TENANT_ID = "5c0f7a3e-1111-4000-8000-000000000001"
CLIENT_ID = "5c0f7a3e-2222-4000-8000-000000000002"
EVENTS_PER_HOUR_DEFAULT = 500
# Two workers export about ten such hours a second. A busy machine needs longer.
EXPORT_SECONDS_MAX = 600
# How late a signal may be noticed.
SIGNAL_SECONDS = 0.5
# Faults that every real source has now and then. The table shows that no row is lost or doubled.
# The same of an Export API, whose files are whole, and whose doubled rows do not land.
SOURCE_FAULTS = frozenset({Fault.NOT_JSON, Fault.AMENDED_FIELD})
FAULTS = frozenset(
    {
        Fault.DUPLICATES_ACROSS_BLOBS,
        Fault.NOT_JSON,
        Fault.MISSING_FIELD,
        Fault.AMENDED_FIELD,
        Fault.CRLF,
        Fault.NOT_NDJSON,
    }
)


@dataclass(frozen=True, slots=True)
class Demo:
    """One run. The account with a key is a customer's and our own, too."""

    accounts: customers.Accounts
    api: Api
    hours: tuple[LandingHour, ...]
    report: Report
    source: DemoSource | None = None

    def land(self) -> None:
        """Write the sample into the landing container, without the events if a source pulls them."""
        landing = self.accounts.by_key.create_container("landing")
        kinds = (DataType.MERGED_IDS,) if self.source else tuple(DataType)
        written = [each for hour in self.hours for each in to_container(landing, hour.files(*kinds))]
        size = sum(each.size for each in written)
        kind = "made-up rows, some of them invalid on purpose"
        print(
            f"Landed {len(self.hours)} hours of {kind}: {len(written)} blobs, {size / 1e6:.1f} MB", flush=True
        )

    def pull(self, source: DemoSource) -> None:
        """Create and test the source, and run its timer until all of its hours are in landing."""
        expect(self.api.put(f"/sources/{SOURCE_ID}", source.request), 201)
        print(f"Created the source {SOURCE_ID} of project {source.request['project_id']}. Its test:")
        self.report.test_upload(expect(self.api.post(f"/sources/{SOURCE_ID}/test"), 200))
        print("Running the timer of the sources: it pulls hour by hour", flush=True)
        pulled = source.pull(self.api, EXPORT_SECONDS_MAX)
        if len(pulled) < len(self.hours):
            raise DemoError(f"only {len(pulled)} of {len(self.hours)} hours were pulled")
        rows, size = sum(hour["rows"] for hour in pulled), sum(hour["bytes"] for hour in pulled)
        blobs, requests = sum(hour["blobs"] for hour in pulled), len(source.export_api.requests())
        print(
            f"  {len(pulled)} hours pulled with {requests} requests, the test included:"
            f" {rows:,} rows, {blobs} blobs, {size / 1e6:.1f} MB",
            flush=True,
        )

    def make_destinations(self) -> None:
        """Create one destination for events and one for merged ids, through the API."""
        for customer in customers.ALL:
            self.accounts.of(customer).create_container(customer.container)
            body = customer.request(self.hours[0], self.accounts)
            expect(self.api.put(f"/destinations/{customer.id}", body), 201)
            kind = self.accounts.credentials(customer)["type"].replace("_", " ")
            print(f"Test upload of {customer.id}, by {kind}:")
            self.report.test_upload(expect(self.api.post(f"/destinations/{customer.id}/test-upload"), 200))
            answer = expect(self.api.post(f"/destinations/{customer.id}/activate"), 200)
            print(f"Created and activated the destination {customer.id} ({answer['status']})", flush=True)

    def export(self) -> Ledger:
        """Run the tick and wait until no hour is owed; return the ledger of each destination."""
        print("Running the timer: it finds the owed hours, and the queue function exports each", flush=True)
        fired = self.api.fire("tick")
        if fired.status != 202:  # noqa: PLR2004  accepted
            raise DemoError(f"the tick could not be run: {fired}")
        deadline = time.monotonic() + EXPORT_SECONDS_MAX
        with self.report.progress() as show:
            while time.monotonic() < deadline:
                ledger = {customer.id: self.ledger(customer.id) for customer in customers.ALL}
                rows = [row for rows in ledger.values() for row in rows]
                done = sum(row["status"] in {"exported", "empty"} for row in rows)
                show(done, len(rows))
                if rows and done == len(rows):
                    return ledger
                if failed := [row for row in rows if row["status"] == "failed"]:
                    raise DemoError(f"an hour failed: {failed[0]}")
                time.sleep(0.5)
        raise DemoError(f"not all hours were exported after {EXPORT_SECONDS_MAX} seconds")

    def make_history(self) -> None:
        """Give the console something to show: earlier weeks, a backfill, destinations that need a person."""
        first, landing = self.hours[0], self.accounts.by_key.get_container_client("landing")
        history.make_a_failing_destination(self.api, first, self.accounts)
        history.make_a_paused_destination(self.api, first, self.accounts)
        history.land(landing, first.start)
        history.start_backfills(self.api, first.start)
        print(
            f"It shows {history.DAYS} earlier days, which backfills export now, a failing destination and a"
        )
        print(f"paused one. The container of the failing one is called {customers.MOVED} now.", flush=True)
        if self.source:
            self.source.make_a_failing_source(self.api, EXPORT_SECONDS_MAX)
            print(f"It shows a source with a wrong secret key, {FAILING_ID}. The right one, for its page:")
            print(f"  {self.source.failing.secret_key}", flush=True)
        self.accounts.by_key.create_container(customers.OWN)
        print(f"For a destination of your own: the container {customers.OWN}, by the connection string")
        print(f"  {self.accounts.connection_string}", flush=True)

    def ledger(self, destination_id: str) -> list[dict[str, Any]]:
        """Return the hours of the demo from the API's ledger."""
        first, last = (f"{hour.start:%Y-%m-%dT%H}" for hour in (self.hours[0], self.hours[-1]))
        answer = self.api.get(f"/destinations/{destination_id}/hours?from={first}&to={last}")
        return list(expect(answer, 200)["hours"])


def run(options: argparse.Namespace, folder: Path) -> int:
    """Run the demo and return the exit code: 0 if every row was found where it belongs, once."""
    # Fixed at the start: an hour that closes during the demo is not part of it.
    sample = Sample(
        events_per_hour=options.events_per_hour,
        merges_per_hour=20,
        faults=SOURCE_FAULTS if options.source else FAULTS,
        real_shaped=True,
    )
    now = datetime.now(UTC)  # noqa: TID251  a demo of "the last 24 hours" starts from the clock
    if options.source:
        # An hour is pulled later than it closes otherwise.
        now -= LAG
    hours = tuple(sample.hour(start) for start in last_closed_hours(now, HOURS))
    with contextlib.ExitStack() as running:
        print("Starting the storage emulators, the token service and the app", flush=True)
        certificate = make_certificate(folder / "tls")
        endpoints = running.enter_context(azurite.running())
        secured = running.enter_context(azurite.running(tls=certificate))
        secret = secrets.token_urlsafe(30)
        directory = Directory(TENANT_ID, {CLIENT_ID: secret})
        entra = running.enter_context(entra_running(certificate, directory))
        settings = stack.settings_for(endpoints, secured) | certificate.trusted_by
        settings["ENTRA_AUTHORITY"] = entra.url
        source = running.enter_context(demo_source(hours)) if options.source else None
        if source:
            settings["PULL_HOSTS"] = source.allowed_host
        app = running.enter_context(stack.running_app(settings, port=options.port, log=folder / "app.log"))
        accounts = customers.Accounts(
            by_key=running.enter_context(
                BlobServiceClient.from_connection_string(endpoints.connection_string)
            ),
            connection_string=endpoints.connection_string,
            by_token=running.enter_context(
                BlobServiceClient.from_connection_string(
                    secured.connection_string, connection_verify=str(certificate.authority)
                )
            ),
            account_url=secured.account_url,
            principal={"tenant_id": TENANT_ID, "client_id": CLIENT_ID, "client_secret": secret},
        )
        demo = Demo(accounts, app.api, hours, Report(), source)
        demo.land()
        if source:
            demo.pull(source)
        # Before the destinations exist: from then on the real timer may run at any moment.
        customers.pretend_activated_before(hours[0], endpoints.connection_string)
        demo.make_destinations()
        ledger = demo.export()
        problems = demo.report.show(hours, ledger, accounts)
        if options.once:
            return 1 if problems else 0
        print(f"\nThe console: {app.api.url}/console/", flush=True)
        demo.make_history()
        _serve(app, *([f"sources/{SOURCE_ID}", f"sources/{SOURCE_ID}/hours"] if source else []))
    return 0


def _serve(app: stack.RunningApp, *others: str) -> None:
    print(f"The app serves {app.api.url}/api until Ctrl-C. Try:")
    print(f"  curl {app.api.url}/api/health")
    for customer in customers.ALL:
        print(f"  curl {app.api.url}/api/destinations/{customer.id}")
    print(f"  curl '{app.api.url}/api/destinations/{customers.ALL[0].id}/hours'")
    for path in others:
        print(f"  curl {app.api.url}/api/{path}")
    print(f"Its log: {app.log}", flush=True)
    # In short steps, so that a signal that another thread receives is noticed, too.
    while app.process.poll() is None:
        time.sleep(SIGNAL_SECONDS)


def _check_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise DemoError(
                f"port {port} is in use: choose another one, such as make run PORT=7072"
            ) from None


def main() -> int:
    """Return the exit code: 0 if every row was found, 1 if not or if the demo could not run."""
    parser = argparse.ArgumentParser(description="Export a day of sample data and show the exported files.")
    parser.add_argument("--port", type=int, default=7071)
    parser.add_argument("--once", action="store_true", help="stop after printing")
    parser.add_argument("--source", action="store_true", help="pull the events from an Export API")
    parser.add_argument("--events-per-hour", type=int, default=EVENTS_PER_HOUR_DEFAULT)
    options = parser.parse_args()

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    with tempfile.TemporaryDirectory(prefix="blob-exporter-demo-") as folder:
        try:
            _check_port(options.port)
            return run(options, Path(folder))
        except (DemoError, stack.NotStartedError) as error:
            print(f"\nerror: {error}", file=sys.stderr)
            log = Path(folder, "app.log")
            if log.exists():
                print(f"The app's log ends with:\n{log.read_text(errors='replace')[-4000:]}", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            print("\nStopped.")
            return 130 if options.once else 0


if __name__ == "__main__":
    sys.exit(main())
