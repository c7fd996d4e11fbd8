"""Verifying a range of hours: which hours it has, what is answered at once, and what is repaired."""

from dataclasses import replace

import pytest

from exporter.domain.data_types import DataType
from exporter.domain.destination import Destination, Status
from exporter.domain.errors import Conflict, DestinationFault, Fault, Invalid, NotPossible, Scope
from exporter.domain.hour import Hour
from exporter.domain.stream_progress import StreamProgress
from exporter.domain.verification import Code, Counts, Span
from exporter.verify.range import (
    AT_ONCE_MAX,
    AT_ONCE_TIME,
    check_hours,
    fits_at_once,
    repairing,
    span_of,
    verify_at_once,
)
from tests.support.verifying import (
    AS_OF,
    MARKER,
    Repairs,
    a_merged_world,
    an_exported_world,
    verify,
)
from tests.support.worlds import (
    ACME,
    EVENTS,
    HOUR,
    NOW,
    TASK,
    a_world,
    acme,
    attempt,
)


def test_owed_hours_are_missing_and_open_hours_are_left_out() -> None:
    """The range goes from the first owed hour to the last closed one."""
    world = an_exported_world()
    day = (HOUR.first_of_day().plus(-48), HOUR.plus(3))

    found = verify(world, requested=day)

    assert found.span == Span(HOUR.first_of_day(), HOUR, (DataType.EVENTS,), open=3)
    assert found.counts == Counts(whole=1, wrong=12)
    assert [each.hour for each in found.wrong] == [HOUR.plus(-number) for number in range(12, 0, -1)]
    assert {finding.code for each in found.wrong for finding in each.findings} == {Code.HOUR_MISSING}


def test_hours_that_are_all_open_or_before_everything_are_none() -> None:
    """An empty range is not an error."""
    world = an_exported_world()

    later = verify(world, requested=(HOUR.plus(1), HOUR.plus(2)))
    before = verify(world, requested=(Hour.parse("0001-01-01T00"), HOUR.plus(-100)))

    assert (later.counts.checked, later.span.open) == (0, 2)
    assert (before.counts.checked, before.span.open) == (0, 0)


def test_a_container_that_is_gone_is_the_customers_to_repair() -> None:
    """The answer is the storage's error with its fix, not a list of hours."""
    world = an_exported_world()
    world.reader().faults["list"] = Fault("container_not_found", "gone", "create it")

    with pytest.raises(DestinationFault, match="container_not_found"):
        verify(world)


def test_a_repair_has_exactly_the_hours_that_are_wrong() -> None:
    """Each hour once, with its data type; without wrong hours there is no repair."""
    world, repairs = a_merged_world(), Repairs()

    assert verify(world, data_types=None, repair=repairs).backfill_id is None
    del world.reader().committed["-189524_2026-01-31_12.json.gz"]
    found = verify(world, data_types=None, requested=(HOUR.plus(-1), HOUR), repair=repairs)

    assert found.backfill_id == "b-r1"
    assert repairs.hours == [
        ("acme", [(DataType.EVENTS, HOUR.plus(-1)), (DataType.MERGED_IDS, HOUR)]),
    ]


def test_what_takes_too_long_is_not_answered_at_once() -> None:
    """The host's load balancer would close the request."""
    world = an_exported_world()
    span = Span(HOUR.plus(-11), HOUR, (DataType.EVENTS,))
    moments = iter(NOW + number * AT_ONCE_TIME / 20 for number in range(1000))

    found = verify_at_once(
        world.gateways, ACME, span, clock=lambda: next(moments), as_of=AS_OF, repair=None, request_id="r1"
    )

    assert found is None


def test_only_a_short_span_is_answered_at_once() -> None:
    """The limit is a week of one data type, or half a week of two."""
    week = Span(HOUR, HOUR.plus(AT_ONCE_MAX - 1), (DataType.EVENTS,))

    assert fits_at_once(week)
    assert not fits_at_once(replace(week, last=week.last.plus(1)))
    assert not fits_at_once(replace(week, data_types=(DataType.EVENTS, DataType.MERGED_IDS)))


def test_a_data_type_that_the_destination_does_not_get_is_refused() -> None:
    """It is not reported as whole."""
    with pytest.raises(Invalid) as caught:
        span_of(a_world().gateways, acme(org_id=None), (HOUR, HOUR), (DataType.MERGED_IDS,), AS_OF)

    assert [problem.field for problem in caught.value.problems] == ["data_types"]


def test_only_an_active_destination_is_repaired() -> None:
    """Its hours would not be exported."""
    repairs = Repairs()

    assert repairing(ACME, repairs) is repairs
    with pytest.raises(NotPossible, match="not active"):
        repairing(acme(status=Status.PAUSED), repairs)


class Refusing:
    """Containers in which one blob cannot be read; all else is passed on."""

    def __init__(self, inner: object, name: str, error: Exception) -> None:
        self._inner = inner
        self._name = name
        self._error = error

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)

    def open(self, destination: Destination) -> object:
        """Open one."""
        return Refusing(self._inner.open(destination), self._name, self._error)  # type: ignore[attr-defined]  # containers

    def read(self, name: str) -> object:
        """Read a blob, unless it is the one."""
        if name == self._name:
            raise self._error
        return self._inner.read(name)  # type: ignore[attr-defined]  # a container


@pytest.mark.parametrize(
    "error",
    [
        *(
            DestinationFault(Fault(code, f"The blob {MARKER} says {code}.", "See to it.", Scope.BLOB))
            for code in ("blob_archived", "blob_leased", "storage_refused")
        ),
        Conflict("the blob was changed by another writer"),
    ],
    ids=lambda error: error.fault.code if isinstance(error, DestinationFault) else "changed",
)
def test_a_file_that_cannot_be_read_is_a_finding_of_its_hour_alone(error: Exception) -> None:
    """A marker that is archived, leased or gone meanwhile says nothing about other hours."""
    world = an_exported_world()
    for hours in (1, 2):
        attempt(world, task=replace(TASK, hour=HOUR.plus(-hours)))
    world.schedule.put(EVENTS, StreamProgress(EVENTS, HOUR.plus(-2), HOUR.plus(1)))
    name = f"187520_{HOUR.date}_{HOUR.plus(-1).start.hour}_complete"
    refusing = Refusing(world.containers, name, error)
    repairs = Repairs()

    found = verify_at_once(
        replace(world.gateways, containers=refusing),  # type: ignore[arg-type]  # all else is passed on
        ACME,
        Span(HOUR.plus(-2), HOUR, (DataType.EVENTS,)),
        clock=lambda: NOW,
        as_of=AS_OF,
        repair=repairs,
        request_id="r1",
    )

    assert found is not None
    assert found.counts == Counts(whole=2, wrong=1)
    ((wrong,), (finding,)) = (found.wrong, found.wrong[0].findings)
    assert (wrong.hour, finding.code, finding.name) == (HOUR.plus(-1), Code.UNREADABLE, HOUR.plus(-1).key)
    if isinstance(error, DestinationFault):
        assert finding.detail == error.fault.message
    assert (wrong.repairable, repairs.hours) == (False, [])


def test_an_error_of_the_whole_destination_is_not_repeated_hour_by_hour() -> None:
    """There is one error to repair, and no hour can be checked before."""
    world = an_exported_world()
    refused = DestinationFault(Fault("secret_expired", "It has expired.", "Make a new one."))
    refusing = Refusing(world.containers, MARKER, refused)
    span = Span(HOUR, HOUR, (DataType.EVENTS,))

    with pytest.raises(DestinationFault, match="secret_expired"):
        list(
            check_hours(
                replace(world.gateways, containers=refusing),  # type: ignore[arg-type]  # as above
                ACME,
                span,
                lambda: NOW,
                AS_OF,
            )
        )


class Counted:
    """Passes all calls on, and lists their names."""

    def __init__(self, inner: object, calls: list[str]) -> None:
        self._inner = inner
        self._calls = calls

    def __getattr__(self, name: str) -> object:
        found = getattr(self._inner, name)

        def called(*arguments: object) -> object:
            self._calls.append(name)
            return Counted(found(*arguments), self._calls) if name == "open" else found(*arguments)

        return called


def test_verifying_a_whole_hour_takes_three_calls_to_storage() -> None:
    """A listing of its files, its marker, and landing; one query reads the ledger for all hours."""
    world = an_exported_world()
    attempt(world, task=replace(TASK, hour=HOUR.plus(-1)))
    calls: list[str] = []
    gateways = replace(
        world.gateways,
        containers=Counted(world.containers, calls),  # type: ignore[arg-type]  # all is passed on
        landing=Counted(world.gateways.landing, calls),  # type: ignore[arg-type]  # as above
        ledger=Counted(world.ledger, calls),  # type: ignore[arg-type]  # as above
    )
    span = Span(HOUR.plus(-1), HOUR, (DataType.EVENTS,))
    world.schedule.put(EVENTS, StreamProgress(EVENTS, span.first, HOUR.plus(1)))

    found = verify_at_once(gateways, ACME, span, clock=lambda: NOW, as_of=AS_OF, repair=None, request_id="r1")

    assert found is not None
    assert found.counts == Counts(whole=2)
    assert sorted(calls) == sorted(["open", "between", *2 * ["find", "read", "blobs"]])
