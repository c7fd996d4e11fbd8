# Removes the key from azd's environment, which is a file, once the deployment has put it into the vault.
azd env set NEW_SECRETS_KEY ""
