"""The answer to whoever asked for something that a test upload has shown not to work."""

from http import HTTPStatus

import azure.functions as func

from exporter.domain.connection_test import ConnectionReport
from exporter.http.responses import problem
from exporter.http.schemas import report_view


def upload_failed(report: ConnectionReport) -> func.HttpResponse:
    """Answer what is to be repaired first, with the whole report."""
    fault = report.first_fault
    detail = f"The test upload failed: {fault.message} {fault.fix}" if fault else "The test upload failed."
    code = fault.code if fault else "test_upload_failed"
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, code, detail, further=report_view(report))
