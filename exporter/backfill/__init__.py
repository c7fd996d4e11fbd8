"""Backfills: exporting past hours again on request."""
