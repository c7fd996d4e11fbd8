"""``blob-exporter``: the commands.

Exit codes: 0, all is well; 1, something is not as it should be; 2, a wrong command line; 3, the exporter
refused; 4, it cannot be reached.
"""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from infra.cli import tables
from infra.cli.apply import Applied, apply_each
from infra.cli.client import NOT_AS_IT_SHOULD_BE, Client, CommandError
from infra.cli.configuration import Form, read, written
from infra.local.api import Api

LOCAL = "http://127.0.0.1:7071"

app = typer.Typer(
    name="blob-exporter",
    help="Destinations, hours, backfills and verifications of an exporter, over its HTTP API.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


class DataType(StrEnum):
    """What a stream is made of."""

    EVENTS = "events"
    MERGED_IDS = "merged_ids"


class ListedStatus(StrEnum):
    """The status of a destination in lists."""

    DRAFT = "draft"
    ACTIVE = "active"
    PAUSED = "paused"
    FAILING = "failing"


# Plain names: typer does not see through aliases of `type`.
AsJson = Annotated[bool, typer.Option("--json", help="Write JSON, for programs.")]
Id = Annotated[str, typer.Argument(metavar="DESTINATION", help="The id of a destination.")]
Kind = Annotated[DataType | None, typer.Option("--data-type", help="Only this data type.")]
File = Annotated[Path, typer.Option("--file", "-f", help="A YAML file with a list `destinations`.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would change, and change nothing.")]


@app.callback()
def connect(
    context: typer.Context,
    url: Annotated[
        str, typer.Option(envvar="BLOB_EXPORTER_URL", help="The address of the exporter, without /api.")
    ] = LOCAL,
    key: Annotated[
        str,
        typer.Option(
            envvar="BLOB_EXPORTER_KEY",
            help="A function key. Prefer the variable: other users of a machine see command lines.",
        ),
    ] = "",
) -> None:
    """Know which exporter is meant."""
    context.obj = Client(Api(url.rstrip("/").removesuffix("/api"), key))


@app.command()
def destinations(
    context: typer.Context,
    status: Annotated[ListedStatus | None, typer.Option(help="Only destinations with this status.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """List all destinations, with what they owe."""
    found = list(_client(context).destinations(status))
    if as_json:
        tables.show_json(found)
    else:
        tables.show_destinations(found)


@app.command()
def hours(  # noqa: PLR0913  the options of a command
    context: typer.Context,
    destination: Id,
    *,
    first: Annotated[
        str | None, typer.Option("--from", help="The first hour, such as 2026-01-31T05.")
    ] = None,
    last: Annotated[str | None, typer.Option("--to", help="The last hour, inclusive.")] = None,
    data_type: Kind = None,
    status: Annotated[str | None, typer.Option(help="Only hours with this status.")] = None,
    as_json: AsJson = False,
) -> None:
    """List hours of a destination, by default the last 24 closed ones. Exit code 1 if one has failed."""
    query = {"from": first, "to": last, "data_type": data_type, "status": status}
    found = _client(context).get(f"/destinations/{destination}/hours", **query)["hours"]
    if as_json:
        tables.show_json(found)
    else:
        tables.show_hours(found)
    _end(any(each["status"] == "failed" for each in found))


@app.command()
def backfill(  # noqa: PLR0913  the options of a command
    context: typer.Context,
    destination: Id,
    start: Annotated[str, typer.Argument(help="The first day or hour: 2026-01-31 or 2026-01-31T05.")],
    end: Annotated[str, typer.Argument(help="The last day or hour, inclusive.")],
    data_type: Kind = None,
    *,
    allow_loss: Annotated[
        bool,
        typer.Option("--allow-loss", help="Replace hours of which landing holds less than was exported."),
    ] = False,
    dry_run: DryRun = False,
    wait: Annotated[bool, typer.Option(help="Wait for the end, and show the progress.")] = True,
    as_json: AsJson = False,
) -> None:
    """Export a past range again. Exit code 1 if an hour fails. Ctrl-C ends the waiting, not the backfill."""
    client = _client(context)
    body: dict[str, object] = {"start": start, "end": end, "allow_loss": allow_loss}
    body |= {"data_types": [data_type]} if data_type else {}
    path = f"/destinations/{destination}/backfills"
    if dry_run:
        planned = client.post(f"{path}?dry_run=true", body).body
        tables.show_json(planned)
        return
    found = client.post(path, body).body
    _follow(client, destination, found, wait=wait, as_json=as_json)


@app.command()
def follow(context: typer.Context, destination: Id, backfill_id: str, *, as_json: AsJson = False) -> None:
    """Show the progress of a backfill until it has ended. Exit code 1 if an hour failed."""
    client = _client(context)
    found = client.get(f"/destinations/{destination}/backfills/{backfill_id}")
    _follow(client, destination, found, wait=True, as_json=as_json)


def _follow(client: Client, destination: str, found: dict[str, object], *, wait: bool, as_json: bool) -> None:
    path = f"/destinations/{destination}/backfills/{found['id']}"
    if wait:
        try:
            found = tables.follow_backfill(client, found, path)
        except KeyboardInterrupt:
            command = f"blob-exporter follow {destination} {found['id']}"
            raise CommandError(f"the backfill continues; to see it: {command}", NOT_AS_IT_SHOULD_BE) from None
    if as_json:
        tables.show_json(found)
    else:
        tables.show_backfills([found])
    _end(found["status"] in {"failed", "cancelled"})


@app.command()
def verify(  # noqa: PLR0913  the options of a command
    context: typer.Context,
    destination: Id,
    first: Annotated[str, typer.Argument(metavar="FROM", help="The first day or hour.")],
    last: Annotated[str, typer.Argument(metavar="TO", help="The last day or hour, inclusive.")],
    data_type: Kind = None,
    *,
    repair: Annotated[bool, typer.Option("--repair", help="Export wrong hours again.")] = False,
    as_json: AsJson = False,
) -> None:
    """Compare a container with the ledger. Exit code 1 if an hour is wrong."""
    client = _client(context)
    body: dict[str, object] = {"from": first, "to": last, "repair": repair}
    body |= {"data_types": [data_type]} if data_type else {}
    answer = client.post(f"/destinations/{destination}/verify", body)
    found = answer.body
    if "status" in found:
        found = tables.follow_verification(client, answer.headers["location"])
    if as_json:
        tables.show_json(found)
    else:
        tables.show_verified(found)
    if error := found.get("error"):
        raise CommandError(f"{error['code']}: {error['message']} {error['fix']}", NOT_AS_IT_SHOULD_BE)
    _end(found["wrong"] > 0)


@app.command()
def apply(
    context: typer.Context,
    file: File,
    *,
    dry_run: DryRun = False,
    secrets: Annotated[
        bool, typer.Option("--secrets", help="Send the secrets again, for instance new ones.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make destinations as a file has them; those that it does not name stay as they are.

    What is to change is shown as a diff. A second run changes nothing. A secret is sent for a new destination
    and for new ids, a new account or a new URL, and otherwise only with --secrets. Exit code 1 if something
    could not be changed, or, with --dry-run, if something would change.
    """
    client = _client(context)
    form, wanted = Form(client.get("/openapi.json")), read(file)
    _report(
        apply_each(client, form, wanted, dry_run=dry_run, secrets=secrets), dry_run=dry_run, as_json=as_json
    )


@app.command()
def export(
    context: typer.Context,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file; without it, standard output.")
    ] = None,
) -> None:
    """Write all destinations to a YAML file, as a backup or to begin with `apply`.

    Secrets are not in it: the exporter never shows them. The file names a variable for each.
    """
    client = _client(context)
    form = Form(client.get("/openapi.json"))
    found = [client.get(f"/destinations/{each['id']}") for each in client.destinations()]
    text = written(form, found)
    if output is None:
        sys.stdout.write(text)
    else:
        output.write_text(text)
        tables.err().print(f"{len(found)} destinations, without their secrets: {output}", markup=False)


@app.command("import")
def import_(context: typer.Context, file: File, *, dry_run: DryRun = False, as_json: AsJson = False) -> None:
    """Create the destinations of a file that do not exist; those that exist stay as they are.

    The secrets come from the variables that the file names. Exit code 1 if one could not be created, or, with
    --dry-run, if one would be.
    """
    client = _client(context)
    form, wanted = Form(client.get("/openapi.json")), read(file)
    known = {each["id"] for each in client.destinations()}
    missing = [each for each in wanted if each.id not in known]
    _report(apply_each(client, form, missing, dry_run=dry_run), dry_run=dry_run, as_json=as_json)
    if not as_json:
        tables.err().print(f"{len(wanted) - len(missing)} exist already", markup=False)


def _report(applied: list[Applied], *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        tables.show_json([each.document() for each in applied])
    else:
        for each in applied:
            if each.differences:
                tables.show_differences(each.id, each.differences, new=each.new)
            if each.error:
                tables.err().print(f"{each.id}: {each.error}", style="red", markup=False, soft_wrap=True)
        changed = sum(each.changes and not each.error for each in applied)
        tables.err().print(f"{changed} to change" if dry_run else f"{changed} changed", markup=False)
    _end(any(each.error or (dry_run and each.changes) for each in applied))


def _client(context: typer.Context) -> Client:
    client = context.obj
    assert isinstance(client, Client)  # noqa: S101  the callback has set it
    return client


def _end(wrong: object) -> None:
    if wrong:
        raise typer.Exit(NOT_AS_IT_SHOULD_BE)


def main(arguments: list[str] | None = None) -> int:
    """Run a command, and return its exit code."""
    try:
        found = app(arguments, prog_name="blob-exporter", standalone_mode=False)
    except CommandError as error:
        tables.err().print(str(error), style="red", markup=False, soft_wrap=True)
        return error.exit_code
    except typer.Abort:
        return NOT_AS_IT_SHOULD_BE
    except Exception as error:
        # A wrong command line: the library's own error has the text and the code.
        show, code = getattr(error, "show", None), getattr(error, "exit_code", None)
        if show is None or code is None:
            raise
        show()
        return int(code)
    return found if isinstance(found, int) else 0


if __name__ == "__main__":
    sys.exit(main())
