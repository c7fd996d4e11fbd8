"""Worlds that broke a promise once in thousands, told step by step."""

import pytest

from exporter.domain.file_names import PathLayout
from tests.simulation import happenings
from tests.simulation.happenings import live, unland
from tests.simulation.life import LAST
from tests.simulation.scripts import Script
from tests.support.worlds import EVENTS

SEEDS = (65478, 83191, 83727, 87104, 91331, 98035)


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
