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
from exporter.storage.accounts import Account
from exporter.storage.landing import LandingContainer
from exporter.storage.ledger import LedgerTable
from exporter.storage.queues import ExportQueue
account = Account("UseDevelopmentStorage=true")
LandingContainer(account), LedgerTable(account), ExportQueue(account)
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
