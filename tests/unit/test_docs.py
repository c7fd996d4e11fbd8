"""The documents agree with the code."""

import json
import logging
import re
from datetime import timedelta
from pathlib import Path

import pytest

import function_app  # noqa: F401  registers the operations
from exporter.destinations.overview import Overview
from exporter.domain.allowed_hosts import EXPORT_API, AllowedHosts
from exporter.domain.backfill import STALLED
from exporter.domain.claims import LEASE, RENEW_EVERY
from exporter.domain.clocks import CLOCKS_APART_MAX
from exporter.domain.destination import MIB
from exporter.domain.file_names import NameStyle, Naming, PathLayout
from exporter.domain.hour import Hour
from exporter.domain.hour_record import RUN_AGAIN, HourRecord
from exporter.domain.marker import Marker
from exporter.domain.row_schema import EVENT_FIELDS, MERGED_ID_FIELDS, Field, Reason, RejectedRow, Rejection
from exporter.domain.streams import IDENTITIES_MAX
from exporter.domain.transient_failures import FAILED_MIN, FAILED_TIME_MIN, SHOWN_MIN
from exporter.domain.verification import Code
from exporter.domain.work_item import WRITTEN_FOR_MAX
from exporter.export.attempt import DAY_BLOBS_MAX
from exporter.export.completeness import ROWS_COMPARED_MAX
from exporter.export.foreign_blocks import STAGINGS_MAX
from exporter.export.recent import DAY_RECENT, RECENT
from exporter.export.stage_slice import KEYS_BEFORE_MAX
from exporter.export.work_slots import LARGE_BYTES, SMALL_BYTES_MAX, WAIT_MAX
from exporter.http.backfills import BackfillView
from exporter.http.destination_model import DestinationModel, parse_draft
from exporter.http.destination_view import DestinationView, destination_view
from exporter.http.hours import hour_view
from exporter.http.openapi import possible_problems
from exporter.http.problem_docs import API_CODES, DOCS_URL, SOURCES_PAGE, problem_type
from exporter.http.pulls import PullView
from exporter.http.routing import OPERATIONS
from exporter.http.source_model import SourceModel, parse_source
from exporter.http.source_view import READ_ONLY, PulledHourView, SourceView
from exporter.http.verify import VerifiedView
from exporter.pipeline.chain import rejected_line
from exporter.pipeline.content_sniffing import NAMES
from exporter.pipeline.gunzip import UNFOLDED_BYTES_MIN, UNFOLDING_RATIO_MAX
from exporter.pipeline.lines import BLOB_KEPT_BYTES_MAX, LINE_BYTES_MAX, LINE_KEPT_BYTES_MAX
from exporter.pipeline.normalize import RULES
from exporter.pipeline.sanitize import NESTING_MAX
from exporter.queues import pull
from exporter.settings import SERVICE_NAME_DEFAULT, Settings
from exporter.verify import runner
from exporter.wiring import COMPUTING_MAX
from infra.local.host.timespan import parse_timespan
from infra.local.settings_file import THREADS, THREADS_SETTING
from tests.support.documents import table
from tests.support.worlds import ACME, EVENTS, HOUR, MERGED_IDS

PROJECT = Path(__file__).resolve().parents[2]
DOCUMENTS = [*sorted(PROJECT.glob("*.md")), *sorted((PROJECT / "docs").rglob("*.md"))]
# The formats that a blob of reason not_ndjson may have.
LOOKS_LIKE = [re.sub("^(?:an? |text in )", "", name) for name in NAMES]
# Between two ticks, by default.
TICK = timedelta(minutes=5)
# A page of a decision record, in lines.
PAGE = 60
PROMISES = 12
PAGES_OF_CODES = ("api.md", "destinations.md", "sources.md")
# Readers cannot remember more.
TERMS_MAX = 20
TEST_NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def text(name: str) -> str:
    """Return a document."""
    return (PROJECT / name).read_text()


def examples(document: str) -> list[dict[str, object]]:
    """Return the JSON examples of a document."""
    return [json.loads(block) for block in re.findall(r"```json\n(.*?)```", document, re.DOTALL)]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(PROJECT)))
def test_every_link_leads_somewhere(document: Path) -> None:
    """Links within the project; those to the web are not followed."""
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", document.read_text()):
        if "://" not in target:
            assert (document.parent / target).exists(), target


def test_the_commands_of_the_readme_are_there() -> None:
    """Each make target exists, and the first two commands are run and test."""
    readme = text("README.md")
    targets = set(re.findall(r"^([a-z-]+):", text("Makefile"), re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z-]+)", readme.replace("and make", "")))

    assert named <= targets
    assert re.findall(r"^make (\S+)", readme, re.MULTILINE)[:2] == ["run", "test"]


def test_the_folders_of_the_readme_are_there() -> None:
    """Each path of the map of the code exists."""
    for path in re.findall(
        r"^((?:function_app|exporter|infra|tests)\S*) {2,}", text("README.md"), re.MULTILINE
    ):
        assert (PROJECT / path).exists(), path


def test_every_route_is_documented_and_every_documented_route_is_there() -> None:
    """Method and path, as they are registered."""
    registered = [f"{declared.method} /{declared.route}" for declared, _ in OPERATIONS.values()]
    documented = [cells[0].strip("`") for cells in table(text("docs/api.md"), "| Route | What it does |")]

    assert sorted(documented) == sorted(registered)


def test_every_status_of_a_problem_is_documented_with_its_codes() -> None:
    """And each documented code is in the source."""
    rows = table(text("docs/api.md"), "| Status | `code` | When |")
    possible = {status for declared, _ in OPERATIONS.values() for status in possible_problems(declared)}
    code = "".join(path.read_text() for path in (PROJECT / "exporter").rglob("*.py"))

    assert {int(cells[0]) for cells in rows} == {405, *map(int, possible)}
    for cells in rows:
        assert all(f'"{each}"' in code for each in re.findall(r"`(\w+)`", cells[1])), cells


def test_every_code_has_an_anchor_to_which_its_problems_link() -> None:
    """``type`` of a problem: each page of the documentation names its codes once."""
    rows = table(text("docs/api.md"), "| Status | `code` | When |")
    of_the_api = [code for cells in rows for code in re.findall(r"`(\w+)`", cells[1])]
    rows = table(text("docs/destinations.md"), "| Code | What it means |")
    faults = [cells[0].strip("`") for cells in rows]
    rows = table(text("docs/sources.md"), "| `code` | What it means | What happens, and what to do |")
    of_sources = [cells[0].strip("`") for cells in rows]

    assert set(of_the_api) == API_CODES
    anchors = {name: re.findall(r'<a id="(\w+)"></a>', text(f"docs/{name}")) for name in PAGES_OF_CODES}
    assert anchors == {"api.md": of_the_api, "destinations.md": faults, "sources.md": of_sources}
    types = [
        *map(problem_type, (*API_CODES, *faults)),
        *(problem_type(code, SOURCES_PAGE) for code in of_sources),
    ]
    for each in types:
        page, _, anchor = each.removeprefix(f"{DOCS_URL}/").partition("#")
        assert anchor in anchors[page]


def test_the_document_of_the_api_shows_sources_as_they_are() -> None:
    """The body of a request, the fields of answers, and the progress of a requested pull."""
    shown = examples(text("docs/api.md"))
    body = next(each for each in shown if "lag_minutes" in each)
    hour = next(each for each in shown if "next_pull_at" in each)
    pull = next(each for each in shown if "new_rows" in each and "clamped_to" in each)
    read_only = [cells[0] for cells in table(text("docs/api.md"), "| Only in answers | What it says |")]

    assert parse_source("acme", {**body, "secret_key": "a"}, EXPORT_API).start == Hour.parse("2026-11-01T00")
    assert body.keys() == SourceModel.model_fields.keys() - {"id"}
    assert {name for cell in read_only for name in re.findall(r"`(\w+)`", cell)} == READ_ONLY
    assert SourceView.__annotations__.keys() == {"id", *body, *READ_ONLY} - {"secret_key"}
    assert hour.keys() == PulledHourView.__annotations__.keys()
    assert pull.keys() == PullView.__annotations__.keys()
    counts = pull["hours"]
    assert isinstance(counts, dict)
    assert counts.pop("total") == sum(counts.values())


def test_every_finding_of_a_verification_is_documented() -> None:
    """In the order of the code."""
    rows = table(text("docs/api.md"), "| Finding | What it says |")

    assert [cells[0].strip("`") for cells in rows] == [code.value for code in Code]


def test_every_field_that_is_read_only_is_documented() -> None:
    """The fields of a destination that answers have and requests must not have."""
    rows = table(text("docs/api.md"), "| Read only | What it says |")
    documented = {name for cells in rows for name in re.findall(r"`(\w+)`", cells[0])}

    assert documented == DestinationView.__annotations__.keys() - DestinationModel.model_fields.keys()


def test_every_setting_is_documented_with_its_default() -> None:
    """And each documented setting is read."""
    rows = table(text("docs/settings.md"), "| Setting | Default | What it is |")
    code = text("exporter/settings.py")
    read = set(re.findall(r'"([A-Z]+_[A-Z_]+)"', code)) | {
        "AzureWebJobsStorage",
        "AzureWebJobsStorage__accountName",
        "AzureWebJobsStorage__…ServiceUri",
        "AzureWebJobsStorage__clientId",
    }
    defaults = {cells[0].strip("`"): cells[1].strip("`") for cells in rows}
    settings = Settings.from_environ(
        {"AzureWebJobsStorage": "UseDevelopmentStorage=true", "SECRETS_KEY": "A" * 43 + "="}
    )

    assert set(defaults) == read
    assert {name: default for name, default in defaults.items() if default != "none"} == {
        "LANDING_CONTAINER": settings.landing_container,
        "EXPORT_SCHEDULE": settings.export_schedule,
        "SETTLE_MINUTES": str(int(settings.settle.total_seconds() // 60)),
        "LATE_CHECK_HOURS": ",".join(str(after // timedelta(hours=1)) for after in settings.late_checks),
        "DESTINATION_HOSTS": "Azure's blob hosts",
        "ENTRA_AUTHORITY": settings.entra_authority,
        "AZURE_PORTAL": settings.azure_portal,
        "NATIVE_CODE": "on" if settings.native_code else "off",
        "OTEL_SERVICE_NAME": SERVICE_NAME_DEFAULT,
        "SDK_LOG_LEVEL": logging.getLevelName(settings.sdk_log_level),
        "WHOLE_BLOB_MIB_MIN": str((settings.whole_bytes_min or 0) // MIB),
        "PULL_SCHEDULE": settings.pull_schedule,
        "PULL_HOSTS": ",".join(settings.pull_hosts.patterns),
        "PULL_CONCURRENCY": str(settings.pull_concurrency),
    }


@pytest.mark.parametrize(("number", "fields"), [(0, EVENT_FIELDS), (1, MERGED_ID_FIELDS)])
def test_the_tables_of_keys_are_those_of_the_records(number: int, fields: tuple[Field, ...]) -> None:
    """Key by key, with its kind, in the order of the files."""
    documents = text("docs/files.md").split("| Key | Kind | |\n")
    rows = table("| Key | Kind | |\n" + documents[number + 1], "| Key | Kind | |")

    assert [(cells[0].strip("`"), cells[1], cells[2] == "required") for cells in rows] == [
        (field.name, re.sub("^an? ", "", field.kind), field.required) for field in fields
    ]


def test_every_reason_of_a_rejection_is_documented_with_its_limits() -> None:
    """Readers of rejected rows select on it."""
    rows = table(text("docs/files.md"), "| `reason` | Why |")
    why = {cells[0].strip("`"): cells[1] for cells in rows}

    assert list(why) == [reason.value for reason in Reason]
    assert f"{NESTING_MAX} levels" in why["too_deep"]
    assert f"{LINE_BYTES_MAX // MIB} MiB" in why["too_long"]
    assert f"{LINE_KEPT_BYTES_MAX // MIB} MiB" in why["too_long"]
    assert f"{BLOB_KEPT_BYTES_MAX // MIB} MiB" in why["not_ndjson"]
    assert all(name in why["not_ndjson"] for name in LOOKS_LIKE), why["not_ndjson"]
    assert f"{UNFOLDING_RATIO_MAX} times" in why["unreadable"]
    assert f"{UNFOLDED_BYTES_MIN // MIB} MiB" in why["unreadable"]


def test_the_table_of_mistyped_values_is_that_of_the_code() -> None:
    """Every rule, with its examples."""
    rows = table(text("docs/files.md"), "| Kind | Value | becomes | Examples |")

    assert rows == [
        [
            re.sub("^an? ", "", rule.kind),
            rule.given,
            rule.becomes,
            ", ".join(f"`{given}` → `{becomes}`" for given, becomes in rule.examples),
        ]
        for rule in RULES
    ]


def test_the_names_in_the_documents_are_those_that_are_written() -> None:
    """Part, merged ids and marker in every layout."""
    rows = table(text("docs/files.md"), "| Layout | Events | Merged ids | Marker |")
    hour = HOUR.parse("2020-01-25T17")
    options = [{}, {"style": NameStyle.SAFE}, {"layout": PathLayout.BY_PROJECT}, {"layout": PathLayout.HIVE}]

    for cells, option in zip(rows, options, strict=True):
        events, merged = (Naming(key.stream, **option) for key in (EVENTS, MERGED_IDS))  # type: ignore[arg-type]  # one each
        expected = [events.part(hour, 1), merged.part(hour, 1), events.marker(hour)]
        written = [cell.strip("`") for cell in cells[1:]]
        assert [name if name != "the same" else None for name in written] == [
            name if cell != "the same" else None for name, cell in zip(expected, written, strict=True)
        ]


def test_the_examples_have_the_shape_of_the_real_thing() -> None:
    """A destination that the API accepts, an hour, a backfill, a verification, a marker, a rejected row."""
    destination, *_, hour, backfill, verified = examples(text("docs/api.md"))
    secret = "AccountName=acme;AccountKey=a2V5"  # noqa: S105  made up for this test
    credentials = {"type": "connection_string", "connection_string": secret}
    draft = parse_draft("acme", destination | {"credentials": credentials}, AllowedHosts())
    marker, rejected = examples(text("docs/files.md"))

    assert draft.name == destination["name"]
    assert backfill.keys() == BackfillView.__annotations__.keys()
    counts = dict(backfill["hours"])  # type: ignore[call-overload]  # JSON
    assert counts.pop("total") == sum(counts.values())
    assert verified.keys() == VerifiedView.__annotations__.keys()
    assert hour.keys() == hour_view(HourRecord(EVENTS, HOUR)).keys()
    shown = destination_view(Overview(ACME, [], None))
    assert destination.keys() <= shown.keys()
    assert json.loads(Marker.from_json(json.dumps(marker).encode()).to_json()) == marker
    row = RejectedRow("a", 1, Rejection(Reason.WRONG_TYPE, "why", ("event_time",)), b"x", 1)
    assert list(rejected) == list(json.loads(rejected_line(row)))


def test_the_limits_of_what_runs_at_the_same_time_are_those_of_the_code() -> None:
    """The limits of host.json and of the work slots."""
    limits = {cells[0]: cells[1] for cells in table(text("docs/operations.md"), "| Limit | Value | Why |")}
    queues = json.loads(text("host.json"))["extensions"]["queues"]
    size, rest = queues["batchSize"], queues["newBatchThreshold"]
    messages, computing, large, small, pulls, wait, threads = limits.values()

    assert messages.startswith(f"up to {size + rest} of each queue: `batchSize` {size} and")
    assert f"`newBatchThreshold` {rest} in" in messages
    assert computing.startswith(f"{COMPUTING_MAX} a process")
    assert any(f" of {LARGE_BYTES // MIB} MiB landed and more" in name for name in limits)
    assert large == "1 a process"
    assert small == f"{SMALL_BYTES_MAX // MIB} MiB landed together"
    assert pulls.startswith(f"{pull.PULLS_MAX} a process")
    assert f"answers of more than {pull.SMALL_BYTES_MAX // MIB} MiB are unpacked one at a time" in pulls
    assert wait.startswith(f"{WAIT_MAX // timedelta(minutes=1)} minutes")
    assert threads.startswith(f"{THREADS}: `{THREADS_SETTING}`")


def test_healing_takes_no_longer_than_the_documents_say() -> None:
    """By lease, tick and queue; for backfills and verifications, by the time until they count as stalled."""
    queues = json.loads(text("host.json"))["extensions"]["queues"]
    poll = parse_timespan(queues["maxPollingInterval"])
    again = parse_timespan(queues["visibilityTimeout"])
    header = "| Event during an hour | Who takes the hour over | At most | Measured |"
    limits = [cells[2] for cells in table(text("docs/delivery.md"), header)]
    minutes = [timedelta(minutes=int(limit.partition(" ")[0])) for limit in limits if limit[0].isdigit()]
    dead_worker, dead_host, alone, delayed, a_slice, backfill, verification = minutes

    assert max(LEASE, again) + poll <= dead_worker == delayed
    assert max(LEASE, RUN_AGAIN) + TICK + poll <= dead_host == alone == a_slice
    assert backfill >= STALLED + TICK
    assert verification >= runner.STALLED + TICK
    assert f"delivers the message again after {again.seconds} s" in text("docs/delivery.md")


def test_every_promise_names_tests_that_are_there() -> None:
    """Each promise names at least one test, by file and function."""
    document = text("docs/delivery.md")
    promised = document.partition("## What is promised\n")[2].partition("## What is not promised\n")[0]
    promises = re.findall(r"^(\d+)\. (.*?)(?=^\d+\. |\Z)", promised, re.DOTALL | re.MULTILINE)

    assert [int(number) for number, _ in promises] == list(range(1, PROMISES + 1))
    for _, promise in promises:
        assert TEST_NAMED.search(promise), promise
    for path, name in TEST_NAMED.findall(document):
        assert f"def {name}(" in text(path), name


def test_the_promises_begin_with_a_table_of_terms_that_is_short() -> None:
    """And every term has a synonym of the field and a meaning."""
    terms = table(text("docs/delivery.md"), "| Term | Also called | Meaning |")

    assert len(terms) <= TERMS_MAX
    assert all(all(cells) for cells in terms)


def test_the_limits_of_the_promises_are_those_of_the_code() -> None:
    """Each limit by the name of its constant."""
    rows = table(text("docs/delivery.md"), "| Limit | Value | If it is exceeded |")
    seconds, minutes, hours = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)

    assert {cells[0].strip("`"): cells[1] for cells in rows} == {
        "LEASE": f"{LEASE // seconds} s, renewed every {RENEW_EVERY // seconds} s",
        "RUN_AGAIN": f"{RUN_AGAIN // seconds} s",
        "RECENT": f"{RECENT // seconds} s",
        "DAY_RECENT": f"{DAY_RECENT // seconds} s",
        "DAY_BLOBS_MAX": f"{DAY_BLOBS_MAX:,} blobs a day",
        "IDENTITIES_MAX": f"{IDENTITIES_MAX:,} landing blobs an hour",
        "ROWS_COMPARED_MAX": f"{ROWS_COMPARED_MAX:,} rows in landing",
        "KEYS_BEFORE_MAX": f"{KEYS_BEFORE_MAX:,} keys",
        "WRITTEN_FOR_MAX": f"{WRITTEN_FOR_MAX} requests",
        "CLOCKS_APART_MAX": f"{CLOCKS_APART_MAX // minutes} minutes",
        "STAGINGS_MAX": f"{STAGINGS_MAX} times",
        "SHOWN_MIN": f"{SHOWN_MIN} broken attempts in a row",
        "FAILED_MIN": f"{FAILED_MIN} broken attempts in a row, over {FAILED_TIME_MIN // hours} hours",
    }


def test_a_decision_record_is_a_page_at_most_and_numbered() -> None:
    """Numbers have no gap; a page is what people read."""
    records = sorted((PROJECT / "docs/decisions").glob("[0-9]*.md"))

    assert [int(path.name[:4]) for path in records] == list(range(1, len(records) + 1))
    assert all(len(path.read_text().splitlines()) <= PAGE for path in records)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(PROJECT)))
def test_no_document_speaks_of_what_is_not_there(document: Path) -> None:
    """Paths in code style exist."""
    for name in re.findall(r"`((?:exporter|infra|tests|docs)/[\w./-]+)`", document.read_text()):
        assert (PROJECT / name).exists(), name


def test_every_decision_record_is_in_the_list() -> None:
    """Once, by its number."""
    listed = re.findall(r"^\| \[(\d+)\]\((\S+)\) \|", text("docs/decisions/README.md"), re.MULTILINE)
    records = sorted(path.name for path in (PROJECT / "docs/decisions").glob("[0-9]*.md"))

    assert [name for _, name in listed] == records
    assert [int(number) for number, _ in listed] == list(range(1, len(records) + 1))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(PROJECT)))
def test_every_link_into_a_page_leads_to_a_heading(document: Path) -> None:
    """Anchors as GitHub makes them: lower case, hyphens for spaces, no other signs."""
    for target, anchor in re.findall(r"\]\(([^)#:]*)#([^)]+)\)", document.read_text()):
        page = (document.parent / target) if target else document
        headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
        anchors = {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings}
        assert anchor in anchors, f"{target}#{anchor}"


def test_the_figures_of_the_readme_are_those_of_the_guides() -> None:
    """Costs are measured in one place."""
    rows = table(text("README.md"), "| What is paid for | Measured | A month of it |")
    guides = "".join(text(f"docs/{name}.md") for name in ("operations", "monitoring", "performance"))
    guides += text("docs/decisions/0010-metrics-are-lines.md")

    figures = {each for cells in rows for each in re.findall(r"\d[\d.,]*\d|\d", " ".join(cells[1:]))}
    assert {
        each for each in figures if not re.search(rf"(?<![\d.,]){re.escape(each)}(?![\d])", guides)
    } == set()


def test_the_readme_says_in_its_first_screen_that_it_has_not_run_in_azure() -> None:
    """Before anything that a reader could mistake for experience."""
    first = text("README.md").partition("\n## ")[0]

    assert "has not run in Azure itself yet" in first
    assert "20,000 simulated worlds" in first
    assert "Of 20,000 simulated worlds" in text("docs/delivery.md")
