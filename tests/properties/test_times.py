from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from exporter.domain.hour import Hour
from exporter.domain.timestamps import CANONICAL_LENGTH, HOUR_LENGTH, to_canonical, to_iso8601

moments = st.datetimes()
offsets = st.integers(min_value=-23 * 60 - 59, max_value=23 * 60 + 59)


@st.composite
def written(draw: st.DrawFn) -> tuple[str, datetime]:
    """Return a time as a source may write it, and the moment that it means."""
    second = draw(moments).replace(microsecond=0)
    digits = draw(st.text("0123456789", max_size=12))
    minutes = draw(offsets | st.just(0))
    sign, (hours, rest) = "-" if minutes < 0 else "+", divmod(abs(minutes), 60)
    zones = [f"{sign}{hours:02}:{rest:02}", f"{sign}{hours:02}{rest:02}"]
    if rest == 0:
        zones.append(f"{sign}{hours:02}")
    if minutes == 0:
        zones += ["", "Z", "z", "-00:00"]
    fraction = draw(st.sampled_from(".,")) + digits if digits else ""
    separator, space, zone = (
        draw(st.sampled_from("T t")),
        draw(st.sampled_from(["", " "])),
        draw(st.sampled_from(zones)),
    )
    local = second.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    moment = local.replace(microsecond=int(f"{digits:0<6}"[:6]))
    text = f"{second:%H:%M:%S}{fraction}{space if zone else ''}{zone}"
    return f"{second.date().isoformat()}{separator}{text}", moment


def utc_or_none(moment: datetime) -> datetime | None:
    """Return the moment in UTC, unless the calendar ends before."""
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        return None


@given(written())
def test_a_time_means_what_datetime_says(time: tuple[str, datetime]) -> None:
    """In every form; what lies outside of the calendar is no time."""
    text, moment = time
    utc = utc_or_none(moment)
    try:
        canonical = to_canonical(text)
    except ValueError:
        assert utc is None
    else:
        assert utc is not None
        assert canonical == utc.replace(tzinfo=None).isoformat(" ", "microseconds")


@given(moments, moments)
def test_canonical_times_sort_as_time_does_and_name_their_hour(one: datetime, other: datetime) -> None:
    """That is what they are for."""
    first, second = (to_canonical(each.isoformat()) for each in (one, other))

    assert (first < second) == (one < other)
    assert len(first) == CANONICAL_LENGTH
    assert first[:HOUR_LENGTH] == Hour.containing(one.replace(tzinfo=UTC)).key.replace("T", " ")


@given(moments)
def test_both_forms_of_output_are_read_back(moment: datetime) -> None:
    """What we write, we can read; and it stays the same."""
    canonical = to_canonical(moment.isoformat())

    assert to_canonical(canonical) == canonical
    assert to_canonical(to_iso8601(canonical)) == canonical
    assert datetime.fromisoformat(to_iso8601(canonical)) == moment.replace(tzinfo=UTC)


@given(st.text(max_size=40) | st.from_regex(r"[0-9W+-]{10}[T ][0-9:]{8}\.[0-9Zz: +-]{6}", fullmatch=True))
def test_any_text_is_a_time_or_a_value_error(text: str) -> None:
    """Never another error; and what is a time can be read by datetime."""
    try:
        canonical = to_canonical(text)
    except ValueError:
        return
    assert datetime.fromisoformat(canonical).isoformat(" ", "microseconds") == canonical
