"""Print the OpenAPI document of the API: ``python -m infra.openapi``.

The types of the API in the code of the console are made of it.
"""

import json
import sys

import function_app  # noqa: F401  it registers the operations
from exporter.http.openapi import document


def as_json() -> str:
    """Return the document as JSON."""
    return json.dumps(document())


if __name__ == "__main__":
    sys.stdout.write(as_json())
