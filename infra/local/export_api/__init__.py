"""The original's Export API on loopback: an HTTP server that answers with zips of made-up rows.

    with export_api_running(Project(187520, "key", "secret")) as api:
        api.publish(start, members_of(sample.hour(start), shards=(627, 70)))
        api.script(start, answers.not_found(), answers.too_many(retry_after=1))
        ...
        api.requests()      # what was asked, and how each request was answered

The form of requests, answers and zips is the one that the original documents, or that its clients have seen.
"""

from infra.local.export_api import answers
from infra.local.export_api.archive import Member, zipped
from infra.local.export_api.hours import members_of
from infra.local.export_api.server import Asked, ExportApi, Project, export_api_running

__all__ = ["Asked", "ExportApi", "Member", "Project", "answers", "export_api_running", "members_of", "zipped"]
