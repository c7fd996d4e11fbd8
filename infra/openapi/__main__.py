"""Write the OpenAPI document: ``python -m infra.openapi [FILE]``; without a file, to standard output."""

import sys
from pathlib import Path

from infra.openapi.document import as_json

if sys.argv[1:]:
    Path(sys.argv[1]).write_text(as_json())
else:
    sys.stdout.write(as_json())
