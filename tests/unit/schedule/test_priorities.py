"""Order of hours if more are owed than there is room for, for any numbers."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from exporter.domain.hour_record import HourTask
from exporter.domain.streams import StreamKey
from exporter.schedule.priorities import Owed, history_evenly, live_first, one_probe_each
from tests.support.worlds import EVENTS, HOUR, MERGED_IDS, NOW


def owed(key: StreamKey, live: int, history: int) -> Owed:
    """Return a stream that owes so many hours."""
    return Owed(
        key,
        [HourTask(key, HOUR.plus(number - live)) for number in range(live)],
        [HourTask(key, HOUR.plus(number - 1000)) for number in range(history)],
    )


streams = st.lists(
    st.tuples(st.integers(0, 6), st.booleans(), st.integers(0, 24), st.integers(0, 30)),
    unique_by=lambda each: each[:2],
).map(
    lambda chosen: [
        owed(replace(EVENTS if events else MERGED_IDS, destination_id=f"d{number}"), live, history)
        for number, events, live, history in chosen
    ]
)


@given(streams, st.integers(0, 100), st.integers(0, 10))
def test_live_hours_come_first_and_history_is_shared_evenly(found: list[Owed], room: int, ticks: int) -> None:
    """Each hour comes once; destinations with history left share the room evenly."""
    live = list(live_first(found))
    history = list(history_evenly(found, NOW + ticks * timedelta(minutes=5)))

    assert Counter(live) == Counter(task for each in found for task in each.live)
    assert Counter(history) == Counter(task for each in found for task in each.history)
    for each in found:
        assert [task for task in live if task.key == each.key] == each.live
    shares = Counter(task.key.destination_id for task in history[:room])
    left = Counter(task.key.destination_id for task in history[room:])
    for name, slice_ref in shares.items():
        mine = [task.hour for task in history if task.key.destination_id == name]
        assert mine == sorted(mine)
        assert all(slice_ref <= shares[other] + 1 for other in left)


@given(streams, st.sets(st.integers(0, 6).map("d{}".format)))
def test_a_destination_that_refuses_gets_one_hour_and_the_others_all(
    found: list[Owed], refused: set[str]
) -> None:
    """It is a live hour, if the destination owes one."""
    chosen = one_probe_each(found, refused)

    for name in {each.key.destination_id for each in found}:
        before = [each for each in found if each.key.destination_id == name]
        after = [each for each in chosen if each.key.destination_id == name]
        if name not in refused:
            assert after == before
            continue
        live = [task for each in before for task in each.live]
        expected = live or [task for each in before for task in each.history]
        got = [task for each in after for task in (*each.live, *each.history)]
        assert len(got) == min(1, len(expected))
        assert all(task in expected and task.hour == min(each.hour for each in expected) for task in got)
