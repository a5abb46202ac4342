from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from careline.app.traffic import past
from careline.care.contacts import queries
from careline.care.contacts.bulk import write_past
from careline.care.contacts.models import AgentInterval, Contact, ContactSummary, LedgerRow, LiveState
from careline.care.contacts.projections import catch_up, journal, rebuild
from careline.oversight.insight.figures import Period, figures

NOON = datetime(2026, 11, 16, 12, 0, tzinfo=UTC)


@pytest.fixture
def day(town, monkeypatch):
    """Two hours of the town, written and folded. The number of contacts."""
    monkeypatch.setattr(past, "LONGEST_S", 7200.0)
    written = past.fill(town.cast, Random(7), NOON.timestamp())
    catch_up()
    catch_up()  # whoever called again has been reached: that was written meanwhile
    return written


def today(town) -> Period:
    zone = town.cast.zone
    return Period.days(NOON.astimezone(zone).date(), 1, str(zone))


def test_a_morning_is_told_as_the_switchboard_would_have(town, day):
    assert 50 < day < 200
    rows = ContactSummary.objects.all()
    assert rows.count() == day
    assert all(row.simulated and row.phase == "ended" for row in rows)
    causes = Counter(row.cause for row in rows)
    assert causes["completed"] > 0.4 * day
    assert causes["abandoned"] > 0
    assert all(row.outcome and row.topic_id and row.agent_id for row in rows if row.cause == "completed")
    assert all(row.started_at < NOON for row in rows)


def test_the_projections_come_out_the_same_when_made_again(town, day):
    before = list(ContactSummary.objects.order_by("pk").values())
    rebuild()
    assert list(ContactSummary.objects.order_by("pk").values()) == before


def test_every_stream_is_numbered_without_gaps_and_runs_forward_in_time(town, day):
    streams: dict[tuple, list[LedgerRow]] = {}
    for row in LedgerRow.objects.order_by("position"):
        streams.setdefault((row.subject, row.stream), []).append(row)
    for rows in streams.values():
        assert [row.seq for row in rows] == list(range(1, len(rows) + 1))
        assert [row.at for row in rows] == sorted(row.at for row in rows)


def test_colleagues_have_gone_home_when_the_past_is_over(town, day):
    open_now = AgentInterval.objects.filter(ended_at=None)
    assert {row.state for row in open_now} == {"offline"}
    assert all(row.simulated for row in AgentInterval.objects.all())


def test_the_past_is_told_once(town, day):
    assert past.fill(town.cast, Random(8), NOON.timestamp()) == 0
    later = NOON + timedelta(hours=2)
    assert past.fill(town.cast, Random(8), later.timestamp()) > 10
    assert Contact.objects.filter(started_at__gt=NOON).exists()


def test_nothing_is_told_of_colleagues_who_are_at_work(town):
    LiveState.objects.create(subject=town.simulated[0], kind="agent", state={"id": town.simulated[0]})
    assert past.fill(town.cast, Random(7), NOON.timestamp()) == 0


def test_real_contacts_are_never_written_in_bulk(town):
    play = past.Play(town.cast, Random(7), NOON.timestamp() - 3600, NOON.timestamp()).run()
    play.contacts[0].simulated = False
    with pytest.raises(ValueError, match="simulated"):
        write_past(play.contacts, play.callers, play.patients, play.entries)


def test_figures_lists_and_the_export_count_simulated_contacts_in_the_demo_only(town, day, supervisor, settings):
    reader = supervisor
    names = ["volume_offered", "volume_answered", "volume_abandoned"]

    shown = figures(reader, today(town), names)
    assert shown["volume_offered"] == shown["volume_answered"] + shown["volume_abandoned"] + _otherwise(town)
    assert len(list(queries.export_rows(reader))) == day + 1
    header, first, *_ = queries.export_rows(reader)
    assert dict(zip(header, first, strict=True))["simulated"] == "1"
    assert queries.contacts_list(reader).rows

    settings.DEMO = False
    assert figures(reader, today(town), names) == dict.fromkeys(names, 0)
    assert len(list(queries.export_rows(reader))) == 1
    assert queries.contacts_list(reader).rows == []
    assert queries.recovery_list(reader) == []


def _otherwise(town) -> int:
    """Offered, and neither answered nor given up: promised call-backs that came to nothing."""
    return ContactSummary.objects.filter(answered_at=None).exclude(cause__in=["abandoned", "lost"]).count()


@pytest.fixture
def before(town, monkeypatch):
    """A quiet day: the same weekday a week before, told while a colleague is at work. The number of contacts."""
    monkeypatch.setattr(past, "PAST_SHARE", 0.25)
    LiveState.objects.create(subject=town.simulated[0], kind="agent", state={"id": town.simulated[0]})
    one, other = town.cast.members
    cast = replace(town.cast, members=(one,), reserve=(other,))
    told = 0
    for handful in past.week_ago(cast, Random(9), NOON.timestamp()):
        told += past.tell_week_ago(handful)
        assert (journal().unread, ContactSummary.objects.count()) == (0, told)  # shown the moment it is written
    assert past.week_ago(cast, Random(9), NOON.timestamp()) == []  # once
    return told


def test_the_same_weekday_a_week_before_is_told(town, before, supervisor):
    zone = town.cast.zone
    that_day = Period.days(NOON.astimezone(zone).date() - timedelta(days=7), 1, str(zone))
    shown = figures(supervisor, that_day, ["volume", "volume_abandoned", "recovered"])
    assert shown["volume"] == before > 60
    assert shown["volume_abandoned"] > 0
    assert shown["recovered"] == 1.0
    assert all(row.simulated and row.phase == "ended" for row in ContactSummary.objects.all())


def test_a_week_ago_was_worked_by_colleagues_who_are_not_here_today(town, before):
    intervals = list(AgentInterval.objects.order_by("pk"))
    assert {str(each.agent_id) for each in intervals} == {str(town.cast.members[1].user)}
    assert all(each.ended_at is None or each.ended_at > each.started_at for each in intervals)
    assert intervals[-1].state == "offline"


def test_a_network_without_others_has_no_week_ago(town):
    assert past.week_ago(town.cast, Random(9), NOON.timestamp()) == []


def test_projections_of_a_week_ago_come_out_the_same_when_made_again(before):
    rows = list(ContactSummary.objects.order_by("pk").values())
    rebuild()
    assert list(ContactSummary.objects.order_by("pk").values()) == rows
