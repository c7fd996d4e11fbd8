"""Why an hour was not pulled, or a source fails, in words for the owner of the source."""

from http import HTTPStatus

from exporter.domain.errors import Fault

_BY_ITSELF = "It is tried again automatically; if it goes on, look at the status page of the API."


def credentials(status: int) -> Fault:
    """Return the fault of a source whose keys are refused."""
    return Fault(
        code="credentials",
        message=f"The Export API refuses the api_key and the secret_key (HTTP {status}).",
        fix=(
            "Save the source with the keys of the project (Amplitude: Settings > Projects > the project >"
            " General); it then goes on by itself."
        ),
    )


TOO_LARGE = Fault(
    code="too_large",
    message="The Export API refuses this hour (HTTP 400): its data is larger than the API exports.",
    fix=(
        "An hour cannot be split: ask Amplitude's support for the data of this hour and put it into landing,"
        " or have the hour pulled again (POST /api/sources/{id}/pulls)."
    ),
)


def wrong_project(app: int, project_id: int) -> Fault:
    """Return the fault of an answer with rows of another project."""
    return Fault(
        code="wrong_project",
        message=f"The answer has rows of the project {app}, not of {project_id}; none of it has landed.",
        fix=(
            "Save the source with the keys of its own project, then have the hour pulled again"
            " (POST /api/sources/{id}/pulls)."
        ),
    )


def status_fault(status: int) -> Fault:
    """Return the fault of an answer with any other status."""
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return Fault(
            code="rate_limited",
            message="The Export API answers that it is asked too often (HTTP 429).",
            fix="It is tried again automatically; if it goes on, let other programs ask this project less.",
        )
    return Fault(
        code="export_api_unavailable", message=f"The Export API answers HTTP {status}.", fix=_BY_ITSELF
    )


def unreachable(why: str) -> Fault:
    """Return the fault of a request without an answer, or with one that was cut off."""
    return Fault(
        code="export_api_unreachable", message=f"The Export API cannot be asked: {why}.", fix=_BY_ITSELF
    )


def no_zip(what: str) -> Fault:
    """Return the fault of an answer that is no whole zip."""
    return Fault(code="no_zip", message=f"The Export API has sent {what} in place of a zip.", fix=_BY_ITSELF)


def damaged(why: str) -> Fault:
    """Return the fault of a zip that cannot be read."""
    return Fault(
        code="damaged_answer",
        message=f"The zip of this hour is damaged: {why}. None of it has landed.",
        fix="It is asked for again automatically, a few times; then with POST /api/sources/{id}/pulls.",
    )


def interrupted(error_id: str) -> Fault:
    """Return the fault of an hour at which workers failed unexpectedly, or died."""
    return Fault(
        code="internal_error",
        message="An unexpected error stopped the pull of this hour; it is tried again automatically.",
        fix=f"If this stays, ask the operator of this exporter to look for {error_id} in the log.",
    )
