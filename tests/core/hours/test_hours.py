from __future__ import annotations

from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careline.core.hours import (
    BadHours,
    Interval,
    Plan,
    Reason,
    Span,
    State,
    intervals,
    moment,
    open_at,
    parse_day,
    parse_week,
    read_day,
    state_at,
    write_day,
    write_week,
)

KYIV = ZoneInfo("Europe/Kyiv")
WEEKDAYS = parse_week([[["08:00", "16:00"]]] * 5 + [[], []])
ALWAYS = parse_week([[["00:00", "24:00"]]] * 7)


def kyiv(*parts: int, fold: int = 0) -> datetime:
    return datetime(*parts, tzinfo=KYIV, fold=fold)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


def district(**changes) -> Plan:
    return Plan(**{"week": WEEKDAYS, "timezone": "Europe/Kyiv", **changes})


# --- ordinary days ----------------------------------------------------------------------------------------


def test_weekday_line_is_open_until_four():
    assert state_at(district(), kyiv(2026, 3, 2, 10, 39)) == State(True, utc(2026, 3, 2, 14), Reason.WEEK)


def test_line_opens_again_on_monday():
    assert state_at(district(), kyiv(2026, 3, 6, 16, 0)) == State(False, utc(2026, 3, 9, 6), Reason.WEEK)


def test_closing_minute_is_closed_and_opening_minute_is_open():
    assert not open_at(district(), kyiv(2026, 3, 2, 16, 0))
    assert open_at(district(), kyiv(2026, 3, 2, 8, 0))
    assert not open_at(district(), kyiv(2026, 3, 2, 7, 59))


def test_holiday_closes_and_exception_wins_over_it():
    plan = district(
        holidays=frozenset({date(2026, 3, 2), date(2026, 3, 3)}), exceptions={date(2026, 3, 3): read_day("10:00-12:00")}
    )
    assert state_at(plan, kyiv(2026, 3, 2, 10, 0)) == State(False, utc(2026, 3, 3, 8), Reason.HOLIDAY)
    assert state_at(plan, kyiv(2026, 3, 3, 11, 0)) == State(True, utc(2026, 3, 3, 10), Reason.EXCEPTION)


def test_exception_without_hours_closes_the_day():
    plan = district(exceptions={date(2026, 3, 2): ()})
    assert state_at(plan, kyiv(2026, 3, 2, 9, 0)) == State(False, utc(2026, 3, 3, 6), Reason.EXCEPTION)


def test_line_around_the_clock_never_closes():
    assert state_at(district(week=ALWAYS), kyiv(2026, 3, 2, 3, 0)) == State(True, None, Reason.WEEK)


def test_line_around_the_clock_closes_for_its_one_exception():
    plan = district(week=ALWAYS, exceptions={date(2026, 3, 4): read_day("00:00-22:00")})
    assert state_at(plan, kyiv(2026, 3, 2, 3, 0)).until == utc(2026, 3, 4, 20)


def test_plan_that_never_opens_has_no_next_change():
    assert state_at(district(week=parse_week([[]] * 7)), kyiv(2026, 3, 2, 3, 0)) == State(False, None, Reason.WEEK)


def test_night_written_as_two_days_is_one_interval():
    night = district(week=parse_week([[["00:00", "08:00"], ["20:00", "24:00"]]] * 7))
    assert state_at(night, kyiv(2026, 3, 2, 22, 0)).until == utc(2026, 3, 3, 6)


# --- the two days a year when the clock is moved ----------------------------------------------------------


def test_opening_at_a_time_the_clock_skips_opens_at_the_jump():
    assert moment(date(2026, 3, 29), 3 * 60 + 30, KYIV) == utc(2026, 3, 29, 1)  # 03:00 becomes 04:00 in Kyiv


def test_time_that_comes_twice_opens_at_the_first_and_closes_at_the_second():
    assert moment(date(2026, 10, 25), 3 * 60 + 30, KYIV) == utc(2026, 10, 25, 0, 30)
    assert moment(date(2026, 10, 25), 3 * 60 + 30, KYIV, closing=True) == utc(2026, 10, 25, 1, 30)


def test_hours_wholly_inside_the_skipped_hour_are_left_out():
    plan = district(exceptions={date(2026, 3, 29): read_day("03:10-03:50")})
    assert intervals(plan, utc(2026, 3, 28, 12), utc(2026, 3, 29, 12)) == []


def test_day_with_a_moved_clock_is_an_hour_shorter_or_longer():
    def hours_open(day: date) -> timedelta:
        start = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(days=1)
        plan = district(week=parse_week([[]] * 7), exceptions={day: read_day("00:00-24:00")})
        return sum((each.end - each.start for each in intervals(plan, start, start + timedelta(days=3))), timedelta())

    assert hours_open(date(2026, 3, 29)) == timedelta(hours=23)
    assert hours_open(date(2026, 10, 25)) == timedelta(hours=25)
    assert hours_open(date(2026, 10, 26)) == timedelta(hours=24)


def test_day_that_an_island_never_had_is_left_out():
    plan = Plan(ALWAYS, "Pacific/Apia", exceptions={date(2011, 12, 30): read_day("09:00-17:00")})
    assert intervals(plan, utc(2011, 12, 29, 12), utc(2011, 12, 30, 20)) == [
        Interval(utc(2011, 12, 29, 12), utc(2011, 12, 30, 20))
    ]


# --- what holds in every zone -----------------------------------------------------------------------------

zones = st.sampled_from(sorted(available_timezones()))


@st.composite
def days(draw):
    cuts = sorted(draw(st.sets(st.integers(0, 1440), max_size=6)))
    return tuple(Span(a, b) for a, b in zip(cuts[::2], cuts[1::2], strict=False))


@st.composite
def plans(draw):
    near = st.dates(date(2000, 1, 1), date(2030, 12, 31))
    return Plan(
        week=tuple(draw(days()) for _ in range(7)),
        timezone=draw(zones),
        holidays=frozenset(draw(st.sets(near, max_size=3))),
        exceptions=draw(st.dictionaries(near, days(), max_size=3)),
    )


moments = st.integers(int(utc(2000, 1, 5).timestamp()), int(utc(2030, 12, 20).timestamp())).map(
    lambda second: datetime.fromtimestamp(second, UTC)
)


@given(plans(), moments)
def test_state_lasts_until_the_change_it_names_and_no_longer(plan, now):
    state = state_at(plan, now)
    assert state.open == open_at(plan, now)
    if state.until is not None:
        assert state.until > now
        assert open_at(plan, state.until) != state.open
        assert open_at(plan, state.until - timedelta(seconds=1)) == state.open


@given(plans(), moments, st.integers(1, 20))
def test_intervals_are_in_order_apart_and_inside_the_window(plan, start, length_days):
    end = start + timedelta(days=length_days)
    found = intervals(plan, start, end)
    assert all(start <= each.start < each.end <= end for each in found)
    assert all(first.end < second.start for first, second in pairwise(found))
    for each in found:
        assert open_at(plan, each.start)
        assert not open_at(plan, each.end) or each.end == end


@given(plans(), moments)
def test_on_the_clock_nobody_who_reads_the_sign_finds_it_shut(plan, now):
    """If the sign says open at this local time, it is open: also in the doubled hour, also after the skipped one."""
    local = now.astimezone(ZoneInfo(plan.timezone))
    minutes = local.hour * 60 + local.minute
    if any(span.start <= minutes < span.end for span in plan.day(local.date())[0]):
        assert open_at(plan, now)


@given(zones, st.dates(date(2000, 1, 1), date(2030, 12, 31)), st.integers(0, 1440), st.integers(0, 1440))
def test_moments_follow_the_wall_clock(zone, on, first, second):
    name = ZoneInfo(zone)
    early, late = sorted((first, second))
    for closing in (False, True):
        assert moment(on, early, name, closing=closing) <= moment(on, late, name, closing=closing)
    assert moment(on, first, name) <= moment(on, first, name, closing=True)


def jumps(zone: ZoneInfo, year: int) -> list[datetime]:
    """Days (UTC midnights) within which the zone's clock is moved."""
    starts = [utc(year, 1, 1) + timedelta(days=n) for n in range(366)]
    offsets = [start.astimezone(zone).utcoffset() for start in starts]
    return [day for day, before, after in zip(starts, offsets, offsets[1:], strict=False) if before != after]


def test_round_the_clock_is_unbroken_over_every_jump_of_every_zone():
    seen = 0
    for name in sorted(available_timezones()):
        for day in [jump for year in (2011, 2025) for jump in jumps(ZoneInfo(name), year)]:
            start, end = day - timedelta(days=2), day + timedelta(days=3)
            assert intervals(Plan(ALWAYS, name), start, end) == [Interval(start, end)], name
            seen += 1
    assert seen > 500


# --- reading ----------------------------------------------------------------------------------------------


@given(days())
def test_what_is_written_is_read_again(day):
    assert read_day(write_day(day)) == day
    assert parse_week(write_week([day] * 7)) == (day,) * 7


@pytest.mark.parametrize(
    "text",
    [
        "08:00-12:00, 13:00-16:00",
        "8:00–12:00; 13:00—16:00",
        "13:00 - 16:00，08:00 ~ 12:00",
        "08：00-12：00、13：00-16：00",
    ],
)
def test_hours_are_read_as_people_write_them(text):
    assert read_day(text) == (Span(480, 720), Span(780, 960))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("8-16", "not_a_time"),
        ("08:00", "not_a_time"),
        ("25:00-26:00", "not_a_time"),
        ("08:60-09:00", "not_a_time"),
        ("٠٨:٠٠-٠٩:٠٠", "not_a_time"),
        ("16:00-08:00", "ends_before_start"),
        ("08:00-08:00", "ends_before_start"),
        ("08:00-12:00, 11:59-13:00", "overlap"),
    ],
)
def test_hours_that_cannot_be_are_refused_by_name(text, code):
    with pytest.raises(BadHours) as refused:
        read_day(text)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("stored", "code", "day"),
    [
        ([], "not_seven_days", None),
        ({"monday": []}, "not_seven_days", None),
        ([[]] * 6 + ["x"], "not_a_list", 6),
        ([[]] * 6 + [[["08:00"]]], "not_a_time", 6),
        ([[[8, 16]]] + [[]] * 6, "not_a_time", 0),
        ([[["08:00", "07:00"]]] + [[]] * 6, "ends_before_start", 0),
    ],
)
def test_bad_week_names_the_day(stored, code, day):
    with pytest.raises(BadHours) as refused:
        parse_week(stored)
    assert (refused.value.code, refused.value.day) == (code, day)


@given(st.recursive(st.none() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=7)))
def test_any_json_is_a_week_or_refused(value):
    with suppress(BadHours):
        assert len(parse_week(value)) == 7
    with suppress(BadHours):
        parse_day(value)


@given(st.text(max_size=60))
def test_any_text_is_a_day_or_refused(text):
    with suppress(BadHours):
        assert all(start < end for start, end in read_day(text))
