"""Each metric against a count by hand, and against the definition it cites."""

from __future__ import annotations

import statistics
from datetime import date, datetime, timedelta
from io import StringIO
from zoneinfo import ZoneInfo

import pytest
from django.core.management import call_command

from careline.care.contacts.models import ContactPatient, ContactSummary
from careline.care.patients.models import Patient
from careline.oversight.insight.errors import PeriodBackwards, UnknownGrouping, UnknownMetric
from careline.oversight.insight.figures import Period, contacts_of, figures, grouped, suppressed
from careline.oversight.insight.metrics import CONTACTS, Rules, formula
from careline.oversight.insight.report import report

from .conftest import MONDAY

TODAY = Period.days(date(2026, 3, 2), 1, "Europe/Kyiv")


def by_hand(rows: list[ContactSummary]) -> dict[str, object]:
    """The definitions once more, in plain loops."""
    offered = [r for r in rows if r.answered_at or r.ended_at]
    answered = [r for r in offered if r.answered_at]
    gave_up = [r for r in offered if not r.answered_at and r.cause == "abandoned" and not r.callback_asked_at]
    waits = sorted(r.wait_s for r in answered)
    short = [r for r in gave_up if r.wait_s < 5]
    rated = [r.rating for r in rows if r.rating]
    urgent = [r for r in offered if r.emergency]
    return {
        "volume_offered": len(offered),
        "volume_answered": len(answered),
        "volume_abandoned": len(gave_up),
        "service_level": sum(w <= 20 for w in waits) / (len(offered) - len(short)),
        "service_level_of_answered": sum(w <= 20 for w in waits) / len(answered),
        "service_level_with_abandons": (sum(w <= 20 for w in waits) + sum(r.wait_s <= 20 for r in gave_up))
        / (len(answered) + len(gave_up)),
        "abandonment": len(gave_up) / len(offered),
        "nhs_111_abandonment": sum(r.wait_s > 30 for r in gave_up) / len(offered),
        "asa": statistics.fmean(waits),
        "wait_p50": statistics.median(waits),
        "aht": statistics.fmean(r.talk_s + r.hold_s + r.wrap_up_s for r in answered),
        "transfer_share": sum(r.transfers > 0 for r in answered) / len(answered),
        "callbacks_asked": sum(r.callback_asked_at is not None for r in rows),
        "satisfaction": sum(r >= 4 for r in rated) / len(rated),
        "response_rate": len(rated) / len(answered),
        "ratings": len(rated),
        "emergency_within_10": sum(r.wait_s <= 10 for r in urgent) / len(urgent),
    }


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_metric_equals_the_count_by_hand(centre, seed):
    centre.random_day(seed, 120)
    expected = by_hand(centre.rows)
    assert figures(centre.reader, TODAY, expected) == pytest.approx(expected)


def test_service_level_leaves_out_those_who_hung_up_at_once(centre):
    for wait_s in (5, 10, 20):
        centre.answered(wait_s)
    centre.answered(21)
    centre.abandoned(4.9)
    centre.abandoned(5)
    assert figures(centre.reader, TODAY, ["service_level"]) == {"service_level": 3 / 5}


def test_a_promised_callback_is_not_an_abandoned_call(centre):
    centre.abandoned(60, callback_asked_at=MONDAY)
    assert figures(centre.reader, TODAY, ["volume_abandoned"]) == {"volume_abandoned": 0}


def test_who_still_waits_belongs_to_no_share_yet(centre):
    centre.contact(phase="queued")
    assert figures(centre.reader, TODAY, ["volume", "volume_offered", "service_level"]) == {
        "volume": 1,
        "volume_offered": 0,
        "service_level": None,
    }


def test_simulated_contacts_count_only_in_the_demo(centre, settings):
    centre.answered(3, simulated=True)
    settings.DEMO = False
    assert figures(centre.reader, TODAY, ["volume"]) == {"volume": 0}
    settings.DEMO = True
    assert figures(centre.reader, TODAY, ["volume"]) == {"volume": 1}


def test_first_contact_resolution_follows_the_patient_and_the_topic(centre):
    patient = Patient.objects.create(organisation=centre.organisation, family_name="Савка", sort_key="савка")
    from careline.base.ids import uuid7

    topic, other = uuid7(), uuid7()
    first = centre.answered(3, topic_id=topic)
    again = centre.answered(3, topic_id=topic, started_at=MONDAY + timedelta(hours=2))
    elsewhere = centre.answered(3, topic_id=other, started_at=MONDAY + timedelta(hours=3))
    centre.answered(3, topic_id=topic, started_at=MONDAY + timedelta(hours=4))  # of nobody known: left out
    for row in (first, again, elsewhere):
        ContactPatient.objects.create(contact=row.contact, patient=patient)
    assert figures(centre.reader, TODAY, ["fcr"]) == {"fcr": pytest.approx(2 / 3)}


def test_quarters_are_the_sites_own(centre):
    centre.answered(3, started_at=datetime(2026, 3, 2, 8, 14, tzinfo=ZoneInfo("Europe/Kyiv")))
    centre.answered(3, started_at=datetime(2026, 3, 2, 8, 15, tzinfo=ZoneInfo("Europe/Kyiv")))
    rows = grouped(centre.reader, TODAY, ["volume"], "quarter")
    assert [(row["quarter"].strftime("%H:%M"), row["volume"]) for row in rows] == [("08:00", 1), ("08:15", 1)]


@pytest.mark.parametrize("by", ["queue_id", "weekday", "day", "hour", "topic_id", "agent_id", "channel", "outcome"])
def test_groups_add_up_to_the_whole(centre, by):
    centre.random_day(7, 40)
    whole = figures(centre.reader, TODAY, ["volume_offered"])
    assert (
        sum(row["volume_offered"] for row in grouped(centre.reader, TODAY, ["volume_offered"], by))
        == whole["volume_offered"]
    )


def test_report_export_and_figures_agree_also_after_a_correction(centre):
    centre.random_day(5, 30)
    ContactSummary.objects.filter(pk=centre.rows[0].pk).update(outcome="answered", rating=5)
    out = StringIO()
    call_command("report", "day", "--organisation", "centre", "--from", "2026-03-02", "--csv", stdout=out)
    said = {line.split(",")[0]: line.split(",")[2] for line in out.getvalue().splitlines()[1:] if '"' not in line}
    counted = figures(centre.reader, TODAY, CONTACTS)
    assert said["volume_offered"] == str(counted["volume_offered"])
    assert said["ratings"] == str(counted["ratings"])
    assert {line.code: line.value for line in report(centre.reader, TODAY)} == counted
    assert contacts_of(centre.reader, TODAY).count() == counted["volume"]


def test_another_organisation_sees_nothing(centre):
    from dataclasses import replace

    centre.answered(3)
    stranger = replace(centre.reader, path="elsewhere/")
    assert figures(replace(stranger, user_id=centre.organisation.id), TODAY, ["volume"]) == {"volume": 0}


def test_figures_ask_one_query_besides_the_rights(centre, django_assert_max_num_queries):
    centre.random_day(1, 3)
    with django_assert_max_num_queries(2):
        figures(centre.reader, TODAY, CONTACTS)


def test_shares_of_few_are_withheld_in_reports(centre):
    centre.answered(3)
    row = figures(centre.reader, TODAY, ["volume_offered", "service_level"])
    assert suppressed(row) == {"volume_offered": 1, "service_level": None}


def test_refusals_are_named(centre):
    with pytest.raises(UnknownMetric):
        figures(centre.reader, TODAY, ["happiness"])
    with pytest.raises(UnknownGrouping):
        grouped(centre.reader, TODAY, ["volume"], "moon")
    with pytest.raises(PeriodBackwards):
        Period(MONDAY, MONDAY, "Europe/Kyiv")
    with pytest.raises(ValueError, match="short_s"):
        Rules(answer_s=5, short_s=5)


def test_a_day_of_the_clock_change_has_23_hours():
    day = Period.days(date(2026, 3, 29), 1, "Europe/Kyiv")
    assert day.until.timestamp() - day.since.timestamp() == 23 * 3600


@pytest.mark.parametrize("code", CONTACTS)
def test_every_figure_says_what_it_is(code):
    assert formula(code, Rules())
    assert "%(" not in formula(code, Rules())
