"""What the demo prints: a table of what is in the customers' containers, read back from there."""

import json
import sys
from collections import Counter
from typing import Any

from infra.local.demo import customers
from infra.local.demo.readback import File, differences
from infra.local.sample import LandingHour

type Ledger = dict[str, list[dict[str, Any]]]

_COLUMNS = "{:<14} {:<11} {:<40} {:>7} {:>11}"
_COUNTS = "{:<14} {:>8} {:>9} {:>8} {:>10} {:>9}"


def progress(done: int, total: int) -> None:
    """Show how far it is: in place on a terminal, else only at the end."""
    if sys.stdout.isatty():
        print(f"\r  {done} of {total} hours exported", end="\n" if done == total else "", flush=True)
    elif done == total:
        print(f"  {done} of {total} hours exported", flush=True)


def test_upload(answer: dict[str, Any]) -> None:
    """Show how each step of a test upload went."""
    for step in answer["steps"]:
        why = f": {step['code']}: {step['message']} {step['fix']}" if step["code"] else ""
        print(f"    {step['step']:<8} {step['status']}{why}", flush=True)


def show(hours: tuple[LandingHour, ...], ledger: Ledger, accounts: customers.Accounts) -> list[str]:
    """Print the table, an event, the counts and the verdict; return everything that is wrong."""
    print("\nRead back from the customers' containers:\n")
    print(_COLUMNS.format("hour", "data type", "file", "rows", "bytes"))
    problems: list[str] = []
    sample: File | None = None
    for customer in customers.ALL:
        for hour in hours:
            files, markers = customer.files(accounts, hour)
            for file in files:
                key = f"{hour.start:%Y-%m-%dT%H}"
                print(_COLUMNS.format(key, customer.data_type, file.name, len(file.rows), f"{file.size:,}"))
            sample = sample or next(iter(files), None)
            problems += differences(hour, customer.data_type, files)
            if not markers:
                problems.append(f"{hour.start:%Y-%m-%dT%H} {customer.data_type}: no completion marker")
    if sample:
        print(
            f"\nThe first event of {sample.name}:\n{json.dumps(sample.rows[0], indent=2, ensure_ascii=False)}"
        )
    print("\nRows, as the ledger accounts for them:\n")
    print(_COUNTS.format("", "read", "exported", "amended", "duplicate", "rejected"))
    for customer in customers.ALL:
        problems += _count(customer, hours, ledger[customer.id])
    _verdict(problems)
    return problems


def _count(
    customer: customers.Customer, hours: tuple[LandingHour, ...], rows: list[dict[str, Any]]
) -> list[str]:
    """Print the sums of one destination; return whether they differ from what the generator made."""
    names = ("read", "exported", "duplicate", "rejected")
    counts = {name: sum(row["rows"][name] for row in rows) for name in names}
    counts["amended"] = sum(row["amended"] for row in rows)
    shown = ("read", "exported", "amended", "duplicate", "rejected")
    print(_COUNTS.format(customer.data_type, *(f"{counts[name]:,}" for name in shown)))
    reasons: Counter[str] = sum((Counter(row["rejected_by_reason"]) for row in rows), Counter())
    print(f"  rejected: {', '.join(f'{reason} {count:,}' for reason, count in sorted(reasons.items()))}")
    truths = [hour.truth(customer.data_type).counts() for hour in hours]
    expected = {name: sum(getattr(truth, name) for truth in truths) for name in shown}
    return (
        []
        if counts == expected
        else [f"{customer.data_type}: the ledger says {counts}, landed was {expected}"]
    )


def _verdict(problems: list[str]) -> None:
    if problems:
        print("\nNOT all is there:", *problems, sep="\n  ")
    else:
        print("\nEvery row that was landed is accounted for, and every row to export is there, once.")
