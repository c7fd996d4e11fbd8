"""The queries of the alerts, the workbook and the guide, as Azure runs them."""

import re
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from pycep import BicepParser

PROJECT = Path(__file__).resolve().parents[2]
AZURE = PROJECT / "infra" / "azure"
WINDOWS = {
    "PT15M": timedelta(minutes=15),
    "PT30M": timedelta(minutes=30),
    "PT1H": timedelta(hours=1),
}


@dataclass(frozen=True, slots=True)
class Alert:
    """A rule: every few minutes it counts the rows that its query finds in the window before."""

    name: str
    title: str
    query: str
    window: timedelta
    operator: str

    def fires(self, count: int) -> bool:
        """Whether it fires at so many rows: at one or more, or, where none is the incident, at none."""
        return {"GreaterThan": count > 0, "LessThan": count < 1}[self.operator]


def alerts() -> list[Alert]:
    """Return the alerts, with the defaults of their parameters put in."""
    template = _template("alerts.bicep")
    rules: list[dict[str, Any]] = template["variables"]["rules"]["value"]
    limits = {
        f"{{{name}}}": str(found["default"])
        for name, found in template["parameters"].items()
        if found["type"] == "int"
    }
    return [
        Alert(
            rule["name"],
            _plain(rule["title"]),
            _filled(rule["query"], limits),
            WINDOWS[rule["window"]],
            rule["operator"],
        )
        for rule in rules
    ]


def charts() -> dict[str, str]:
    """Return the queries of the workbook, by title."""
    variables = _template("workbook.bicep")["variables"]
    beginning = {"${exported}": variables["exported"]["value"]}
    return {each["title"]: _filled(each["query"], beginning) for each in variables["charts"]["value"]}


def examples() -> list[str]:
    """Return the queries of the guide."""
    guide = (PROJECT / "docs" / "monitoring.md").read_text()
    return re.findall(r"```kusto\n(.*?)```", guide, re.DOTALL)


def queries_of_resource_logs() -> list[str]:
    """Return the queries of the logs of vault and storage, which the guide for the deployment has."""
    guide = (PROJECT / "docs" / "deploy.md").read_text()
    return [
        query
        for block in re.findall(r"```kusto\n(.*?)```", guide, re.DOTALL)
        for query in block.split("\n\n")
    ]


def _template(name: str) -> dict[str, Any]:
    return dict(BicepParser().parse(text=(AZURE / name).read_text()))


def _filled(query: str, values: dict[str, str]) -> str:
    for place, value in values.items():
        query = query.replace(place, value)
    assert not re.search(r"[{]\w+[}]", query), query
    return query


def _plain(text: str) -> str:
    return text.replace("\\'", "'")
