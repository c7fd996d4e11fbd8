"""Write ``local.settings.json``, the settings of ``make start``, with a new ``SECRETS_KEY``."""

import json
import secrets
import sys
from base64 import b64encode
from pathlib import Path

SECRETS_KEY_BYTES = 32
# As in Azure: docs/operations.md says why.
THREADS_SETTING, THREADS = "PYTHON_THREADPOOL_THREAD_COUNT", "108"


def local_settings() -> dict[str, str]:
    """Return settings for ``make azurite`` on its default ports."""
    return {
        "FUNCTIONS_WORKER_RUNTIME": "python",
        THREADS_SETTING: THREADS,
        "AzureWebJobsStorage": "UseDevelopmentStorage=true",
        "SECRETS_KEY": new_secrets_key(),
        "DESTINATION_HOSTS": "127.0.0.1:10000,localhost:10000,*.blob.core.windows.net",
    }


def new_secrets_key() -> str:
    """Return a random value for ``SECRETS_KEY``: 32 bytes in base64."""
    return b64encode(secrets.token_bytes(SECRETS_KEY_BYTES)).decode()


def main() -> None:
    """Write the file that the command line names, unless it exists."""
    path = Path(sys.argv[1])
    if not path.exists():
        text = json.dumps({"IsEncrypted": False, "Values": local_settings()}, indent=2)
        path.touch(mode=0o600)
        path.write_text(f"{text}\n")
        print(f"Made {path}: storage on this machine (make azurite), and a new SECRETS_KEY.")


if __name__ == "__main__":
    main()
