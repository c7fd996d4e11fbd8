"""Backfills: hours that a person wants again."""
