"""Where the documentation of this exporter is published: problems link to it."""

# The one place that names it. Each page has an anchor for each of its codes.
DOCS_URL = "https://blob-exporter.example/docs"
API_PAGE = "api.md"
# Faults of a customer's storage, and of a source: some codes are the same.
STORAGE_PAGE = "destinations.md"
SOURCES_PAGE = "sources.md"
# Codes of the API itself; all others are faults.
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
        "source_deleted",
        "source_exists",
        "source_modified",
        "source_not_found",
        "try_again",
        "verification_not_found",
    }
)


def problem_type(code: str, page: str | None = None) -> str:
    """Return the ``type`` of a problem document: the URL of the documentation of its code.

    ``page`` is that of a fault; None: the code is one of the API, or else of a customer's storage.
    """
    return f"{DOCS_URL}/{page or (API_PAGE if code in API_CODES else STORAGE_PAGE)}#{code}"
