"""Pages of jobs, the newest first."""

from dataclasses import replace
from datetime import timedelta

import pytest

from exporter.domain.errors import Invalid
from exporter.domain.job import page_of_jobs
from exporter.domain.verification import Verification
from exporter.domain.versioned import Rows, Unreadable
from tests.contract.samples import BEGUN

COUNT = 7
# Two of them were created at the same moment.
JOBS = [
    replace(BEGUN, id=f"{number:032x}", created_at=BEGUN.created_at + timedelta(hours=max(number, 1)))
    for number in range(COUNT)
]
BAD = Unreadable("verifications", "acme / x", "v", "why")


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
def test_the_pages_together_have_every_job_once(limit: int) -> None:
    """A row that cannot be read is left out, and stops no page."""
    found: list[Verification] = []
    after: str | None = ""
    while after is not None:
        page = page_of_jobs(Rows(JOBS, [BAD]), after, limit)
        assert len(page) == limit or page.next_after is None
        assert page.unreadable == (BAD,)
        found += page
        after = page.next_after

    assert [job.id for job in found] == [f"{number:032x}" for number in reversed(range(COUNT))]


def test_a_page_after_an_unknown_job_is_refused() -> None:
    """It is no empty page: the caller would take it for the end."""
    with pytest.raises(Invalid) as raised:
        page_of_jobs(Rows(JOBS), "f" * 32, 1)

    assert [problem.field for problem in raised.value.problems] == ["after"]
    assert page_of_jobs(Rows[Verification](), "", 1) == []
