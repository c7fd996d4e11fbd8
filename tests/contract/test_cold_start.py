"""What an instance imports before it does anything: not the storage SDKs."""

import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
BUILD_AND_TELL = """
import importlib, pkgutil, sys
import exporter.storage
for module in pkgutil.iter_modules(exporter.storage.__path__, "exporter.storage."):
    importlib.import_module(module.name)
from exporter.storage.clients import Account
from exporter.storage.own.landing import LandingContainer
from exporter.storage.own.ledger import LedgerTable
from exporter.messages import EXPORT_HOURS
from exporter.storage.own.queues import Queue
account = Account("UseDevelopmentStorage=true")
LandingContainer(account), LedgerTable(account), Queue(account, EXPORT_HOURS)
account.close()
print([name for name in ("azure.storage.blob", "azure.storage.queue", "azure.data.tables", "azure.identity")
       if name in sys.modules])
"""


def test_building_the_gateways_imports_no_sdk() -> None:
    """Each is imported with the first call that needs it: an instance that starts need not wait for all."""
    told = subprocess.run(  # noqa: S603  our own text, in our own Python
        [sys.executable, "-c", BUILD_AND_TELL], cwd=PROJECT, capture_output=True, text=True, check=True
    )

    assert told.stdout.strip() == "[]"


INDEX_AND_TELL = """
import sys
import function_app
print([name for name in ("azure.core", "requests", "urllib3", "pydantic", "re2", "cryptography")
       if name in sys.modules])
"""


def test_indexing_the_functions_imports_nothing_that_only_some_of_them_need() -> None:
    """Neither connections nor models: the host waits for this before it gives out any work."""
    told = subprocess.run(  # noqa: S603  our own text, in our own Python
        [sys.executable, "-c", INDEX_AND_TELL], cwd=PROJECT, capture_output=True, text=True, check=True
    )

    assert told.stdout.strip() == "[]"
