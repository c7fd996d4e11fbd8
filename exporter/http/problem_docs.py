"""Where the documentation of this exporter is published: problems link to it."""

# The one place that names it. docs/api.md and docs/destinations.md have an anchor for each code.
DOCS_URL = "https://blob-exporter.example/docs"
# Codes of the API itself; all others are faults of a customer's storage.
API_CODES = frozenset(
    {
        "activated_before",
        "backfill_ended",
        "backfill_not_ended",
        "backfill_not_found",
        "body_too_large",
        "conflict",
        "destination_changed",
        "destination_deleted",
        "destination_exists",
        "destination_not_active",
        "destination_not_found",
        "hour_not_found",
        "hours_lost",
        "idempotency_key_used",
        "internal_error",
        "invalid_json",
        "invalid_request",
        "method_not_allowed",
        "names_taken",
        "no_events",
        "no_webhook",
        "not_configured",
        "not_json",
        "nothing_landed",
        "nothing_to_retry",
        "project_fixed",
        "project_taken",
        "pull_ended",
        "pull_not_found",
        "route_not_found",
        "source_changed",
        "source_deleted",
        "source_exists",
        "source_not_found",
        "try_again",
        "verification_not_found",
    }
)


def problem_type(code: str) -> str:
    """Return the ``type`` of a problem document: the URL of the documentation of its code."""
    page = "api.md" if code in API_CODES else "destinations.md"
    return f"{DOCS_URL}/{page}#{code}"
