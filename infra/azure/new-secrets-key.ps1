# Creates the key that encrypts stored credentials, before the first deployment. See new-secrets-key.sh.
$vault = azd env get-value keyVault 2>$null
if ($LASTEXITCODE -eq 0 -and $vault) {
    azd env set NEW_SECRETS_KEY ""
}
else {
    $bytes = [System.Security.Cryptography.RandomNumberGenerator]::GetBytes(32)
    azd env set NEW_SECRETS_KEY ([Convert]::ToBase64String($bytes))
}
