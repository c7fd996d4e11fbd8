# Builds the native code for Azure before azd packages the app. Without it, the app does the same more slowly, so a
# failure is a warning.
foreach ($python in ".venv/Scripts/python.exe", ".venv/bin/python", "python") {
    if (Get-Command $python -ErrorAction SilentlyContinue) {
        & $python -m infra.local.native --strict
        if ($LASTEXITCODE -eq 0) { exit 0 }
        break
    }
}
Write-Warning "The package has no native code: the app works, but takes longer. Install the dev group of pyproject.toml in .venv, then deploy again."
exit 0
