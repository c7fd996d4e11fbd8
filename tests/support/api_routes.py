"""The routes of the API."""

ROUTES = {
    "health": ("GET", "health", "ANONYMOUS"),
    "openapi": ("GET", "openapi.json", "ANONYMOUS"),
    "schemas": ("GET", "schemas", "FUNCTION"),
    "test_upload": ("POST", "test-upload", "FUNCTION"),
    "list_destinations": ("GET", "destinations", "FUNCTION"),
    "get_destination": ("GET", "destinations/{id}", "FUNCTION"),
    "put_destination": ("PUT", "destinations/{id}", "FUNCTION"),
    "delete_destination": ("DELETE", "destinations/{id}", "FUNCTION"),
    "test_upload_of_destination": ("POST", "destinations/{id}/test-upload", "FUNCTION"),
    "pause_destination": ("POST", "destinations/{id}/pause", "FUNCTION"),
    "resume_destination": ("POST", "destinations/{id}/resume", "FUNCTION"),
    "activate_destination": ("POST", "destinations/{id}/activate", "FUNCTION"),
    "preview_destination": ("POST", "destinations/{id}/preview", "FUNCTION"),
    "create_backfill": ("POST", "destinations/{id}/backfills", "FUNCTION"),
    "list_backfills": ("GET", "destinations/{id}/backfills", "FUNCTION"),
    "get_backfill": ("GET", "destinations/{id}/backfills/{backfill_id}", "FUNCTION"),
    "cancel_backfill": ("POST", "destinations/{id}/backfills/{backfill_id}/cancel", "FUNCTION"),
    "retry_backfill": ("POST", "destinations/{id}/backfills/{backfill_id}/retry", "FUNCTION"),
    "verify_destination": ("POST", "destinations/{id}/verify", "FUNCTION"),
    "get_verification": ("GET", "destinations/{id}/verifications/{verification_id}", "FUNCTION"),
    "list_hours": ("GET", "destinations/{id}/hours", "FUNCTION"),
    "hours_summary": ("GET", "destinations/{id}/hours/summary", "FUNCTION"),
    "one_hour": ("GET", "destinations/{id}/hours/{hour}", "FUNCTION"),
    "landing": ("GET", "landing", "FUNCTION"),
}
"""Method, path below ``/api`` and authorization level of each function, by its name."""
