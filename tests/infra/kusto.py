"""The language service of KQL, which the portal uses, too: where it is, and which tests need it."""

import shutil
from pathlib import Path

import pytest

from tests.infra.templates import PROJECT

SERVICE = PROJECT / "node_modules" / "@kusto" / "language-service-next"
SCRIPT = Path(__file__).with_name("language_service.js")
needs_the_service = pytest.mark.skipif(
    shutil.which("node") is None or not SERVICE.is_dir(),
    reason="the KQL language service is not installed: run npm ci, with Node.js 20 or newer on the PATH",
)
