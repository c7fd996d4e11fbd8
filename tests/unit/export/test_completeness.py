"""What a refused hour says: what landing lacks, or that this is not known, and what helps."""

from dataclasses import replace
from datetime import timedelta

import pytest

from exporter.domain import streams
from exporter.domain.errors import Fault
from exporter.domain.streams import LandingFingerprint
from exporter.export import completeness
from exporter.export.attempt import Outcome
from tests.support.fakes.world import World
from tests.support.worlds import (
    EVENTS,
    HOUR,
    NOW,
    a_world,
    an_event,
    attempt,
    backfill,
    the_container,
    the_record,
    with_content,
)

LATER = NOW + timedelta(hours=1)


def exported() -> World:
    """Return a world with an exported hour, whose file another program has deleted since."""
    world = a_world()
    world.land(EVENTS.stream, HOUR, [an_event(1)], "a.json")
    world.land(EVENTS.stream, HOUR, [an_event(2)], "b.json")
    assert attempt(world) is Outcome.EXPORTED
    (part,) = the_record(world).content.parts
    del world.reader().committed[part.name]
    return world


def made_of(world: World, landing: LandingFingerprint | None) -> None:
    """Let the ledger say that the hour was made of other landing blobs, or that these are not known."""
    found = world.ledger.get(EVENTS, HOUR)
    assert found is not None
    origin = replace(found.value.content.origin, landing=landing)
    world.ledger.put(with_content(found.value, origin=origin), found.etag)


def tidied(world: World) -> None:
    """Delete a landing blob of the hour."""
    del world.landed.committed[f"{EVENTS.stream.landing_folder(HOUR)}a.json"]


def refusal(world: World) -> Fault:
    """Ask for the hour again, which is refused; return what it says. The container stays as it is."""
    before = the_container(world)
    assert attempt(world, LATER, "again", backfill(world, since=LATER)) is Outcome.REFUSED
    assert the_container(world) == before
    refused = the_record(world).work.refused
    assert refused is not None
    assert refused.fault.code == "landing_incomplete"
    return refused.fault


def test_an_hour_whose_landing_blobs_are_gone_asks_for_them() -> None:
    """Once they have landed again, the hour can be replaced."""
    world = exported()
    tidied(world)

    fault = refusal(world)

    assert "its landing blobs are not all there any more, so a new export would lose rows" in fault.message
    assert fault.fix.startswith("Land the missing data again")


@pytest.mark.parametrize("partly", [True, False])
def test_an_hour_whose_landing_blobs_are_not_known_does_not_say_that_some_are_gone(*, partly: bool) -> None:
    """It was adopted, so that no data that lands tells whether landing holds it. Its files would."""
    world = exported()
    known = the_record(world).content.origin.landing
    assert known is not None
    made_of(world, replace(known, partial=True) if partly else None)

    fault = refusal(world)

    assert "it is not known whether landing holds all that it was made of" in fault.message
    assert "may lose rows" in fault.message
    assert fault.fix.startswith("If files of it were deleted or changed, restore them")
    assert "Land" not in fault.fix
    assert "allow_loss" in fault.fix


@pytest.mark.parametrize("lacks", [True, False])
def test_of_more_landing_blobs_than_a_fingerprint_names_only_their_number_tells_that_some_are_gone(
    monkeypatch: pytest.MonkeyPatch, *, lacks: bool
) -> None:
    """One that is gone while another one landed goes unnoticed."""
    monkeypatch.setattr(streams, "IDENTITIES_MAX", 1)
    world = exported()
    tidied(world)
    if not lacks:
        world.land(EVENTS.stream, HOUR, [an_event(3)], "c.json")

    message = refusal(world).message

    assert ("are not all there any more" in message, "it is not known" in message) == (lacks, not lacks)


def test_an_hour_with_too_many_rows_to_compare_does_not_ask_for_data(monkeypatch: pytest.MonkeyPatch) -> None:
    """Landing may hold all of them."""
    monkeypatch.setattr(completeness, "ROWS_COMPARED_MAX", 1)
    world = a_world()
    world.land(EVENTS.stream, HOUR, [an_event(1), an_event(2)])
    assert attempt(world) is Outcome.EXPORTED
    made_of(world, None)

    fault = refusal(world)

    assert "landing has more than 1 rows to compare with its own, so a new export may lose" in fault.message
    assert fault.fix == 'To accept a loss, backfill with "allow_loss": true.'
