#!/bin/sh
# Creates the key that encrypts stored credentials, before the first deployment. azd passes it on once; after that it is
# in the vault. If azd's environment has KEY_VAULT, the deployment is not the first.
set -eu
if [ -n "$(azd env get-value KEY_VAULT 2>/dev/null | grep -v ERROR || true)" ]; then
    azd env set NEW_SECRETS_KEY ""
else
    azd env set NEW_SECRETS_KEY "$(openssl rand -base64 32)"
fi
