"""An hour is pulled on the real gateways; the Export API alone is in memory."""

import gzip
from dataclasses import replace

from exporter.domain.pulls import PullTask
from exporter.export.lease import background_heartbeat
from exporter.sources.pull_hour import PullContext, PullOutcome, pull_hour
from tests.contract.backends import AzuriteBackend
from tests.support.fakes.export_api import FakeExportApi
from tests.support.pulling import HOUR, Pulling, a_source, answer, event, lines


def test_an_hour_is_pulled_and_pulled_again(azurite: AzuriteBackend) -> None:
    """With rows of a neighbouring hour, by several workers, and after the tables were lost."""
    api = FakeExportApi()
    gateways = replace(azurite.gateways, pulls=replace(azurite.gateways.pulls, api=api))
    gateways.landing.create()
    gateways.pulls.sources.put(a_source(start=HOUR.plus(-1)), None)
    many = [event(number) for number in range(3000)]
    api.answers[HOUR] = [
        answer(many[:2000], [event(1, HOUR.plus(-1)), *many[1500:]]),
        answer([*many, event(9999)]),
    ]
    clock = Pulling()

    def pull() -> PullOutcome:
        worker = PullContext(
            clock=lambda: clock.now,
            claim_id=f"worker-{clock.now:%H%M}",
            heartbeat=background_heartbeat(),
            slots_max=2,
        )
        return pull_hour(PullTask("acme", HOUR), gateways, worker)

    assert [pull(), pull()] == [PullOutcome.SETTLED, PullOutcome.NOT_DUE]
    clock.wait(hours=24)
    assert pull() is PullOutcome.SETTLED
    azurite.account.tables.delete_table(azurite.own_name("pullhours"))
    clock.wait(hours=1)
    assert pull() is PullOutcome.SETTLED
    assert len(api.requests) == 3

    found = {
        blob.name.rpartition("/")[2]: gzip.decompress(b"".join(gateways.landing.read(blob)))
        for blob in gateways.landing.blobs(a_source().stream, HOUR)
    }
    assert found == {
        "amplitude-187520_2026-11-01_5-627.json.gz": lines(many[:2000]),
        "amplitude-187520_2026-11-01_5-70.json.gz": lines(many[2000:]),
        "amplitude-again-2026-11-01T05-2-1.json.gz": lines([event(9999)]),
    }
    before = list(gateways.landing.blobs(a_source().stream, HOUR.plus(-1)))
    assert [blob.name.rpartition("/")[2] for blob in before] == ["amplitude-187520_2026-11-01_5-70.json.gz"]
    assert gateways.pulls.answers.names("acme/") == []
