"""Worlds that broke a promise once in thousands, told step by step."""

from collections.abc import Callable

import pytest

from exporter.domain.backfill import BackfillStatus
from exporter.domain.data_types import DataType
from exporter.domain.file_names import PathLayout
from exporter.export import whole_hour
from exporter.export.moved import STAYS_ELSEWHERE
from tests.simulation import happenings
from tests.simulation.happenings import live, unland
from tests.simulation.life import FIRST, LAST
from tests.simulation.scripts import Script
from tests.simulation.truth import BrokenPromise
from tests.support.worlds import EVENTS

SEEDS = (65478, 83191, 83727, 87104, 91331, 98035, 100219)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_world_keeps_what_is_promised(seed: int) -> None:
    """As chance told it when it broke."""
    live(seed)


@pytest.mark.parametrize(
    "change",
    [{"path_layout": PathLayout.BY_PROJECT}, {"path_layout": PathLayout.HIVE}, {"prefix": "new"}],
)
def test_a_destination_made_again_remembers_its_place_though_it_is_changed_before_it_is_activated(
    change: dict[str, object],
) -> None:
    """Its files of then are its own, though no table tells of them: no row is there twice."""
    life = Script()
    life.landed(201)
    life.pass_busily(0.1)
    life.delete()
    happenings.tables_and_state_lost(life)
    life.refuse(on=True)
    assert not life.make_again()
    life.refuse(on=False)
    life.edit(**change)
    assert life.make_again()
    life.end()


def test_an_hour_that_comes_back_to_a_container_is_not_what_it_was_there() -> None:
    """Late rows were exported elsewhere meanwhile: they are in the container of now, too."""
    life = Script()
    life.landed(201)
    life.pass_busily(0.02)
    life.edit(container="raw2")
    life.landed(202)
    life.pass_busily(3)
    life.edit(container="raw")
    life.end()


@pytest.mark.parametrize("markers", [True, False])
def test_an_hour_that_comes_back_is_adopted_though_landing_does_not_hold_it(*, markers: bool) -> None:
    """Its files are in the container of now as in that of then; what lands late is added to them."""
    life = Script()
    if not markers:
        happenings.no_markers(life)
    gone = life.landed(201)
    life.landed(202)
    life.pass_busily(0.02)
    life.edit(container="raw2")
    life.pass_busily(0.1)
    unland(life, gone)
    life.edit(container="raw")
    life.pass_busily(0.1)
    life.landed(203)
    life.end()
    assert {201, 202, 203} <= set(life.truth.seen("raw")[DataType.EVENTS])


def test_an_hour_that_comes_back_is_owed_until_a_tick_has_looked_for_it() -> None:
    """Nothing else is said of it before."""
    life = Script()
    life.landed(201)
    life.pass_busily(0.02)
    life.edit(container="raw2")
    life.pass_busily(0.1)
    life.edit(container="raw")
    life.judge()
    life.end()


def test_malformed_lines_stay_though_a_late_blob_repeats_every_row_of_the_files() -> None:
    """Their landing blob is gone, and had no proper row that would be missed."""
    life = Script()
    life.landed(201)
    life.pass_busily(0.02)
    malformed = life.land_blob(EVENTS, LAST, (), malformed=2)
    life.pass_busily(0.3)
    unland(life, malformed)
    life.landed(201, 202)
    life.pass_busily(0.5)
    life.ask((LAST, LAST))
    life.end()


def _adopted() -> Script:
    """Return a world whose tables were lost: which landing blobs an adopted hour was made of is not known."""
    life = Script()
    life.landed_in_order((101,), (102,))
    life.pass_busily(0.02)
    happenings.tables_lost(life)
    life.pass_busily(0.02)
    return life


def _back(life: Script) -> bool:
    return life.edit(container="raw")


@pytest.mark.parametrize("since", [happenings.ledger_lost, _back])
def test_a_refusal_is_right_if_it_was_when_it_was_written(since: Callable[[Script], bool]) -> None:
    """The hour stayed in its former container then; its record was lost since, or it is back there."""
    life = _adopted()
    life.edit(container="raw2")
    life.ask((FIRST, FIRST))
    life.pass_busily(0.1)
    assert [each.status for each in life.world.backfills.of("acme")] == [BackfillStatus.FAILED]
    since(life)
    life.end()


def test_a_refusal_is_wrong_though_the_hour_stays_elsewhere_since(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hour was in the container of then, and landing held all of it."""
    life = _adopted()
    with monkeypatch.context() as patch:
        patch.setattr(whole_hour, "missing_rows", lambda *_arguments: STAYS_ELSEWHERE)
        life.ask((FIRST, FIRST))
        life.pass_busily(0.1)
    life.edit(container="raw2")
    with pytest.raises(BrokenPromise, match="refuses an hour of which landing holds all"):
        life.end()
