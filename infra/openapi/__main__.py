"""Write the OpenAPI document as JSON: ``python -m infra.openapi FILE``."""

import sys
from pathlib import Path

import orjson

import function_app  # noqa: F401  registers the operations
from exporter.http.openapi import document

Path(sys.argv[1]).write_bytes(orjson.dumps(document(), option=orjson.OPT_INDENT_2) + b"\n")
