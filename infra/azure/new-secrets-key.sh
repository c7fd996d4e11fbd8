#!/bin/sh
# Before the first deployment: makes the key that encrypts stored credentials. azd passes it on once, and then the
# vault has it. A deployment that finds KEY_VAULT in azd's environment is not the first one.
set -eu
if [ -n "$(azd env get-value KEY_VAULT 2>/dev/null | grep -v ERROR || true)" ]; then
    azd env set NEW_SECRETS_KEY ""
else
    azd env set NEW_SECRETS_KEY "$(openssl rand -base64 32)"
fi
