"""What the demo prints: tables of what it reads back from the customers' containers, and a progress bar.

On a terminal, rich draws them. A pipe or a file gets plain lines, none of them broken or cut off.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from infra.local.demo import customers
from infra.local.demo.readback import File, differences
from infra.local.sample import LandingHour

type Ledger = dict[str, list[dict[str, Any]]]

# Wider than any line of the demo: a pipe has no width of its own, and rich would assume 80 columns.
_PIPE_COLUMNS = 400
_COUNTS = ("read", "exported", "amended", "duplicate", "rejected")


def _console() -> Console:
    """Return the console on stdout. Texts are printed as they are: a bracket in one is no markup."""
    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = _PIPE_COLUMNS
    return console


class Report:
    """The demo's output."""

    def __init__(self) -> None:
        self._console = _console()

    @contextmanager
    def progress(self) -> Iterator[Callable[[int, int], None]]:
        """Yield a function that shows how many of how many hours are exported; a pipe gets the last line."""
        columns = (
            TextColumn("  Exported hours"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=self._console, disable=not self._console.is_terminal) as bar:
            task = bar.add_task("", total=None)
            shown = 0

            def show(done: int, total: int) -> None:
                nonlocal shown
                shown = done
                bar.update(task, completed=done, total=total or None)

            yield show
        if not self._console.is_terminal:
            self._console.print(f"  {shown} hours exported")

    def test_upload(self, answer: dict[str, Any]) -> None:
        """Show how each step of a test upload ended."""
        for step in answer["steps"]:
            why = f": {step['code']}: {step['message']} {step['fix']}" if step["code"] else ""
            self._console.print(f"    {step['step']:<8} {step['status']}{why}")

    def show(self, hours: tuple[LandingHour, ...], ledger: Ledger, accounts: customers.Accounts) -> list[str]:
        """Print the files, an event, the counts and the verdict; return everything that is wrong."""
        self._console.print("\nRead back from the customers' containers:\n")
        table = self._table(("hour", "data type", "file"), ("rows", "bytes"))
        problems: list[str] = []
        sample: File | None = None
        for customer in customers.ALL:
            for hour in hours:
                files, markers = customer.files(accounts, hour)
                key = f"{hour.start:%Y-%m-%dT%H}"
                for file in files:
                    table.add_row(key, customer.data_type, file.name, str(len(file.rows)), f"{file.size:,}")
                sample = sample or next(iter(files), None)
                problems += differences(hour, customer.data_type, files)
                if not markers:
                    problems.append(f"{key} {customer.data_type}: no completion marker")
        self._console.print(table)
        if sample:
            self._console.print(f"\nThe first event of {sample.name}:")
            self._console.print(json.dumps(sample.rows[0], indent=2, ensure_ascii=False))
        problems += self._show_counts(hours, ledger)
        self._show_verdict(problems)
        return problems

    def _show_counts(self, hours: tuple[LandingHour, ...], ledger: Ledger) -> list[str]:
        """Print the sums of each destination; return which of them differ from what was landed."""
        self._console.print("\nRows, as the ledger counts them:\n")
        table = self._table(("data type",), _COUNTS)
        table.add_column("rejected because of")
        problems: list[str] = []
        for customer in customers.ALL:
            rows = ledger[customer.id]
            counts = {name: sum(row["rows"][name] for row in rows) for name in _COUNTS if name != "amended"}
            counts["amended"] = sum(row["amended"] for row in rows)
            reasons: Counter[str] = sum((Counter(row["rejected_by_reason"]) for row in rows), Counter())
            because = ", ".join(f"{reason} {count:,}" for reason, count in sorted(reasons.items()))
            table.add_row(customer.data_type, *(f"{counts[name]:,}" for name in _COUNTS), because)
            truths = [hour.truth(customer.data_type).counts() for hour in hours]
            expected = {name: sum(getattr(truth, name) for truth in truths) for name in _COUNTS}
            if counts != expected:
                problems.append(f"{customer.data_type}: the ledger says {counts}, landed was {expected}")
        self._console.print(table)
        return problems

    def _show_verdict(self, problems: list[str]) -> None:
        if problems:
            self._console.print("\nRows or markers are missing or wrong:", *problems, sep="\n  ")
        else:
            self._console.print(
                "\nEvery row that was landed is accounted for, and every row to export is there, once."
            )

    def _table(self, texts: tuple[str, ...], numbers: tuple[str, ...]) -> Table:
        """Return an empty table: columns of text first, then columns of numbers."""
        terminal = self._console.is_terminal
        table = Table(box=box.SIMPLE_HEAD if terminal else None, pad_edge=terminal)
        for text in texts:
            table.add_column(text)
        for number in numbers:
            table.add_column(number, justify="right")
        return table
