#!/bin/sh
# Creates the key that encrypts stored credentials, before the first deployment. azd passes it on once; after that it is
# in the vault, and forget-secrets-key.sh removes it. If azd's environment has the output keyVault, the deployment is not
# the first, and the key in the vault stays.
set -eu
if [ -n "$(azd env get-value keyVault 2>/dev/null | grep -v ERROR || true)" ]; then
    azd env set NEW_SECRETS_KEY ""
else
    azd env set NEW_SECRETS_KEY "$(openssl rand -base64 32)"
fi
