"""What people see: tables, differences and progress."""

import json
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from infra.cli.client import Client, Json
from infra.cli.configuration import Difference

POLL_SECONDS = 2.0


def out() -> Console:
    """Return the console of results."""
    return Console()


def err() -> Console:
    """Return the console of progress and errors, so that results can be redirected."""
    return Console(stderr=True, highlight=False)


def show_json(value: object) -> None:
    """Write JSON as it is, for programs."""
    out().print(
        json.dumps(value, indent=2, ensure_ascii=False), soft_wrap=True, markup=False, highlight=False
    )


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in columns:
        right = name in {"rows", "bytes", "owed", "rejected", "failed", "done", "left", "total"}
        table.add_column(name, justify="right" if right else "left", overflow="fold")
    return table


def show_destinations(destinations: Iterable[Json]) -> None:
    """Write a line for each destination."""
    table = _table("id", "status", "container", "owed", "behind since", "error")
    for each in destinations:
        behind = min((since for since in each["behind_since"].values() if since), default="")
        error = each["last_error"]
        owed = sum(each["owed_hours"].values())
        container = each["storage"]["container"]
        table.add_row(
            each["id"], each["status"], container, str(owed), behind, error["code"] if error else ""
        )
    out().print(table)


def show_hours(hours: Iterable[Json]) -> None:
    """Write a line for each hour."""
    table = _table("hour", "data type", "status", "rows", "rejected", "bytes", "error")
    for each in hours:
        error = each["error"] or each["refused"]
        table.add_row(
            each["hour"],
            each["data_type"],
            each["status"],
            f"{each['rows']['exported']:,}",
            f"{each['rows']['rejected']:,}",
            f"{sum(part['bytes'] for part in each['parts']):,}",
            error["code"] if error else "",
        )
    out().print(table)


def show_backfills(backfills: Iterable[Json]) -> None:
    """Write a line for each backfill, and one for each of its failed hours."""
    table = _table("backfill", "from", "to", "status", "done", "failed", "left", "rows")
    failed = []
    for each in backfills:
        hours = each["hours"]
        counts = (hours["done"] + hours["empty"], hours["failed"], hours["left"], each["rows_exported"])
        span = (each["start"], each["end"], each["status"])
        table.add_row(each["id"], *span, *(f"{count:,}" for count in counts))
        failed += each["failed_hours"]
        failed += [{"hour": each["id"], "data_type": "", "error": each["error"]}] if each["error"] else []
    out().print(table)
    for hour in failed:
        error = hour["error"]
        text = f"{hour['hour']} {hour['data_type']} {error['code']}: {error['message']} {error['fix']}"
        out().print(text, soft_wrap=True, markup=False, highlight=False)


def show_verified(verified: Json) -> None:
    """Write the counts of a verification, and a line for each finding."""
    counts = " ".join(f"{name} {verified[name]:,}" for name in ("checked", "whole", "wrong", "running"))
    out().print(f"{verified['from']} to {verified['to']}: {counts}", highlight=False)
    table = _table("hour", "data type", "finding", "file", "detail")
    for hour in verified["hours"]:
        for each in hour["findings"]:
            table.add_row(hour["hour"], hour["data_type"], each["code"], each["name"] or "", each["detail"])
    if verified["hours"]:
        out().print(table)
    if verified["repair"]:
        out().print(f"repaired by the backfill {verified['repair']}", highlight=False)


def show_differences(destination_id: str, differences: Iterable[Difference], *, new: bool) -> None:
    """Write what is to change, as a diff."""
    console = out()
    console.print(f"{destination_id}{' (new)' if new else ''}", style="bold", markup=False, highlight=False)
    for each in differences:
        for sign, value, colour in (("-", each.before, "red"), ("+", each.after, "green")):
            if value is not None:
                line = f"  {sign} {each.path}: {json.dumps(value, ensure_ascii=False)}"
                console.print(line, style=colour, soft_wrap=True, markup=False, highlight=False)


@contextmanager
def _bar() -> Iterator[Progress]:
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[text]}"))
    with Progress(*columns, TimeRemainingColumn(), console=err(), transient=True) as progress:
        yield progress


def follow_backfill(client: Client, backfill: Json, path: str) -> Json:
    """Show the progress of a backfill until it has ended; return it then."""
    with _bar() as progress:
        task = progress.add_task("backfill", total=None, text="")
        while True:
            hours = backfill["hours"]
            text = f"{hours['total'] - hours['left']}/{hours['total']} hours, {hours['failed']} failed"
            done = hours["total"] - hours["left"]
            progress.update(task, total=hours["total"], completed=done, text=text)
            if backfill["status"] not in {"queued", "running"}:
                return backfill
            time.sleep(POLL_SECONDS)
            backfill = client.get(path)


def follow_verification(client: Client, location: str) -> Json:
    """Show the progress of a verification until it has ended; return it then."""
    with _bar() as progress:
        task = progress.add_task("verification", total=None, text="")
        while True:
            verified = client.followed(location)
            progress.update(task, text=f"{verified['checked']} hours checked, {verified['wrong']} wrong")
            if verified["status"] != "running":
                return verified
            time.sleep(POLL_SECONDS)
