#!/bin/sh
# Builds the native code for Azure before azd packages the app. Without it, the app does the same more slowly, so a
# failure is a warning.
for python in .venv/bin/python python3.13 python3; do
  if command -v "$python" >/dev/null 2>&1; then
    "$python" -m infra.local.native --strict && exit 0
    break
  fi
done
echo "warning: the package has no native code: the app works, but takes longer. Run make setup, then deploy again." >&2
exit 0
