"""Writes ``local.settings.json``, the settings of ``make start``, with a fresh key for secrets."""

import json
import secrets
import sys
from base64 import b64encode
from pathlib import Path

SECRETS_KEY_BYTES = 32
# As in Azure: docs/operations.md says why.
THREADS_SETTING, THREADS = "PYTHON_THREADPOOL_THREAD_COUNT", "96"


def local_settings() -> dict[str, str]:
    """Return settings that work with ``make azurite`` on its usual ports."""
    return {
        "FUNCTIONS_WORKER_RUNTIME": "python",
        THREADS_SETTING: THREADS,
        "AzureWebJobsStorage": "UseDevelopmentStorage=true",
        "SECRETS_KEY": new_secrets_key(),
        "DESTINATION_HOSTS": "127.0.0.1:10000,localhost:10000,*.blob.core.windows.net",
    }


def new_secrets_key() -> str:
    """Return random bytes, as ``SECRETS_KEY`` wants them."""
    return b64encode(secrets.token_bytes(SECRETS_KEY_BYTES)).decode()


def main() -> None:
    """Write the file that is named on the command line; one that is there is left alone."""
    path = Path(sys.argv[1])
    if not path.exists():
        text = json.dumps({"IsEncrypted": False, "Values": local_settings()}, indent=2)
        path.touch(mode=0o600)
        path.write_text(f"{text}\n")
        print(f"Made {path}: storage on this machine (make azurite), and a key of its own for secrets.")


if __name__ == "__main__":
    main()
