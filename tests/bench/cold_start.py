"""The CPU time of a new instance before its first work, by stage and by package."""

import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from itertools import pairwise
from statistics import median

from infra.local.azurite import Endpoints
from infra.local.stack import PROJECT, settings_for
from tests.bench.goals import Goal
from tests.bench.tables import show

# The worker imports its own library before an app. The SDKs are imported at their first use.
PYTHON = "Python itself"
STAGES = {
    PYTHON: "",
    "Microsoft's worker library": "import azure_functions_runtime",
    "function_app": "import function_app",
    "wiring.app()": "from exporter import wiring; wiring.app()",
    "SDKs, with the first hour": "import azure.storage.blob, azure.storage.queue, azure.data.tables",
}
# A health check and an invalid request need no more than this.
READY = (PYTHON, "Microsoft's worker library", "function_app", "wiring.app()")
# Only with a managed identity or a service principal.
IDENTITY = {"azure.identity": "import azure.identity"}
_PRINT_EACH = "import time, json\nmarks = [time.process_time()]\n{}\nprint(json.dumps(marks))"
_IMPORT = re.compile(r"import time:\s+(?P<own>\d+) \|\s+\d+ \| +(?P<name>\S+)")
_PACKAGES_SHOWN = 12
# Namespaces that several packages share, and how many parts of a module's name identify the package.
_SHARED = {("azure", "storage"): 3, ("azure", "data"): 3}
_STANDARD_LIBRARY = "standard library"


def run(count: int) -> list[Goal]:
    """Measure several starts, print the tables and return the goals."""
    print(f"Cold start, {count} rounds ...", flush=True)
    stages = stages_of(count)
    whole, python = sum(stages.values()), stages[PYTHON]
    show(
        "Cold start: CPU time",
        ("what", "ms", "share", "to Python itself"),
        [
            (name, f"{cost * 1000:.0f}", f"{cost / whole:.0%}", f"{cost / python:.1f}")
            for name, cost in (stages | {"all": whole}).items()
        ],
        f"Medians of {count} fresh processes, with compiled bytecode.",
    )
    packages = packages_of(count)
    total = sum(packages.values())
    show(
        "Cold start: whose modules take it",
        ("package", "share"),
        [(name, f"{cost / total:.0%}") for name, cost in packages.most_common(_PACKAGES_SHOWN)],
        "Each package's own modules, all stages above together, by Python's own import timer.",
    )
    ready = sum(stages[name] for name in READY)
    return [Goal(7, "CPU seconds until the first function is ready", ready, most=1)]


def stages_of(count: int) -> dict[str, float]:
    """Return the CPU seconds of each stage: medians of several starts."""
    steps = [*STAGES.values(), *IDENTITY.values()][1:]
    script = _PRINT_EACH.format("\n".join(f"{step}\nmarks.append(time.process_time())" for step in steps))
    _python(["-c", script])  # the first start compiles
    rounds: list[list[float]] = [json.loads(_python(["-c", script]).stdout) for _ in range(count)]
    costs = [[after - before for before, after in pairwise([0.0, *marks])] for marks in rounds]
    names = (*STAGES, *IDENTITY)
    return {name: median(each[place] for each in costs) for place, name in enumerate(names)}


def packages_of(count: int) -> Counter[str]:
    """Return the import time of each package's modules in microseconds: medians of several starts."""
    script = "\n".join([*STAGES.values(), *IDENTITY.values()])
    rounds = [_own_times(_python(["-X", "importtime", "-c", script]).stderr) for _ in range(count)]
    return Counter({name: int(median(each[name] for each in rounds)) for name in rounds[0]})


def package(module: str) -> str:
    """Return the package of a module: ``azure.storage.blob`` for ``azure.storage.blob._generated.models``."""
    words = module.split(".")
    if words[0] in sys.stdlib_module_names:
        return _STANDARD_LIBRARY
    depth = _SHARED.get((words[0], words[1] if words[1:] else ""), 2 if words[0] == "azure" else 1)
    return ".".join(words[:depth])


def _own_times(importtime: str) -> Counter[str]:
    found: Counter[str] = Counter()
    for line in importtime.splitlines():
        if match := _IMPORT.match(line):
            found[package(match["name"])] += int(match["own"])
    return found


def _python(arguments: list[str]) -> subprocess.CompletedProcess[str]:
    environ: Mapping[str, str] = settings_for(Endpoints(1, 2, 3))
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=PROJECT,
        env=dict(environ),
        check=True,
        capture_output=True,
        text=True,
    )
