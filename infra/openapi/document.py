"""The OpenAPI document of the API as JSON: for its linters, and for the types in the code of the console."""

import json

import function_app  # noqa: F401  it registers the operations
from exporter.http.openapi import document


def as_json() -> str:
    """Return the document as JSON."""
    return json.dumps(document())
