from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from careline.base.accounts.models import Posting, Role, User
from careline.base.accounts.rights import reader_for
from careline.base.organisations.models import Organisation, Site
from careline.care.directory.errors import LineUnknown
from careline.care.directory.models import HoursException, Notice, OperatorSettings, PhoneLine, Queue, Topic
from careline.care.directory.profiles import agent_profile, agent_profiles, all_queue_rules, queue_rules
from careline.care.directory.queries import (
    greeting,
    is_open,
    line_by_code,
    lines,
    notices_now,
    queues,
    topic_tree,
    topics,
    web_lines,
)
from careline.care.directory.rules import OpenState
from careline.core.acd.model import Channel, Overflow, Relax, Selection

MONDAY = datetime(2026, 3, 2, 8, 42, tzinfo=UTC)  # 10:42 in the district
EVENING = MONDAY + timedelta(hours=8)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


# --- lines ------------------------------------------------------------------------------------------------


def test_line_is_open_on_a_weekday_until_four(district):
    assert is_open(line_by_code("tykhyi-stav"), MONDAY) == OpenState(True, None, utc(2026, 3, 2, 14), "open")


def test_line_closed_for_the_evening_says_when_it_opens(district):
    assert is_open(line_by_code("tykhyi-stav"), EVENING) == OpenState(False, utc(2026, 3, 3, 6), None, "hours")


def test_exceptional_day_says_why(district):
    line = line_by_code("tykhyi-stav")
    HoursException.objects.create(hours=line.hours, date=date(2026, 3, 2), open=[], reason="Немає світла")
    state = is_open(line_by_code("tykhyi-stav"), MONDAY)
    assert state == OpenState(False, utc(2026, 3, 3, 6), None, "exception", "Немає світла")


def test_public_holiday_closes_a_line(db):
    from careline.care.directory.samples.load import load

    load("standard")
    state = is_open(line_by_code("standard"), utc(2026, 5, 1, 9))  # Święto Pracy
    assert (state.open, state.reason, state.opens_at) == (False, "holiday", utc(2026, 5, 2, 6))


@pytest.mark.parametrize("model", [PhoneLine, Queue])
def test_closed_by_the_supervisor_has_no_opening_time(district, model):
    model.objects.update(closed=True)
    assert is_open(line_by_code("dubove"), MONDAY) == OpenState(False, None, None, "closed")


def test_line_without_hours_is_always_open(district):
    PhoneLine.objects.filter(code="dubove").update(hours=None)
    assert is_open(line_by_code("dubove"), EVENING) == OpenState(True, None, None, "open")


def test_every_reason_is_a_sentence(district):
    for reason in ("open", "closed", "hours", "holiday", "exception"):
        assert OpenState(False, None, None, reason).text


def test_unknown_line_is_refused(district):
    with pytest.raises(LineUnknown):
        line_by_code("nowhere")


def test_line_of_a_closed_network_is_unknown(district):
    Organisation.objects.update(active=False)
    with pytest.raises(LineUnknown):
        line_by_code("dubove")


def test_lines_and_whether_they_are_open_take_two_queries_whatever_their_number(
    district, supervisor, django_assert_num_queries
):
    for rows in (lines(supervisor), lines(supervisor).filter(code="dubove"), web_lines()):
        with django_assert_num_queries(2):  # lines with queue, site, hours; their exceptions
            for line in rows:
                is_open(line, MONDAY)


def test_reader_of_one_network_sees_no_line_of_another(district, city, working):
    assert {line.organisation.root_code for line in lines(working("city.supervisor"))} == {"city"}
    assert {queue.organisation.root_code for queue in queues(working("district.supervisor"))} == {"district"}


def test_reader_at_one_site_sees_its_lines_and_the_shared_queues(district, working):
    registrar = working("district.registrar")
    assert [line.code for line in lines(registrar)] == ["tykhyi-stav"]
    assert {queue.code for queue in queues(registrar)} == {"registry", "urgent", "doctors"}


def test_clinic_sees_its_own_queues_only(city, working):
    assert {queue.code for queue in queues(working("city.head"))} == {"rechnaya", "rechnaya-doctors"}


def test_greeting_is_said_with_the_operators_name_in_the_callers_language(district):
    line = line_by_code("tykhyi-stav")
    assert greeting(line, "uk", "Марічка").startswith("Доброго дня! Амбулаторія Тихий Став, мене звати Марічка.")
    assert "Марічка" in greeting(line, "zh-hans", "Марічка")  # no Chinese greeting: another is said


# --- topics -----------------------------------------------------------------------------------------------


def test_topic_tree_is_in_order_with_children_below(district):
    tree = topic_tree(district.id, for_calls=True)
    assert tree[0].topic.code == "unwell"
    assert tree[-1].topic.code == "other"
    booking = next(node for node in tree if node.topic.code == "booking")
    assert [child.topic.code for child in booking.children][:2] == ["booking-family", "booking-specialist"]


def test_hall_and_phone_are_offered_different_topics(district):
    calls = {node.topic.code for node in topic_tree(district.id, for_calls=True)}
    hall = {node.topic.code for node in topic_tree(district.id, for_walk_ins=True)}
    assert "house-call" in calls - hall
    assert "find-way" in hall - calls


def test_clinic_has_the_topics_of_its_network(city):
    clinic = Organisation.objects.get(code="city-rechnaya")
    assert set(topics(clinic.id)) == set(topics(city.id))


def test_inactive_topic_hides_what_is_below_it(district):
    Topic.objects.filter(code="booking").update(active=False)
    codes = {node.topic.code for node in topic_tree(district.id)}
    assert not codes & {"booking", "booking-family"}


def test_topic_tree_takes_two_queries(district, django_assert_num_queries):
    with django_assert_num_queries(2):  # the path, the rows
        topic_tree(district.id)


# --- notices ----------------------------------------------------------------------------------------------


def test_notices_now_are_those_in_force_gravest_first(district):
    Notice.objects.all().delete()

    def notice(kind: str, start: datetime, end: datetime | None = None, **more) -> Notice:
        return Notice.objects.create(
            organisation=district, kind=kind, texts={"uk": kind}, valid_from=start, valid_to=end, **more
        )

    hour = timedelta(hours=1)
    note = notice("note", MONDAY - hour)
    emergency = notice("emergency", MONDAY - 2 * hour, for_callers=True)
    epidemic = notice("epidemic", MONDAY, MONDAY + hour)
    notice("note", MONDAY + hour)
    notice("note", MONDAY - hour, MONDAY)
    assert notices_now(district, MONDAY) == [emergency, epidemic, note]
    assert notices_now(district.id, MONDAY, for_callers=True) == [emergency]


def test_notice_of_a_site_is_for_that_site(district):
    site = Site.objects.get(code="yasenivtsi")
    other = Site.objects.get(code="dubove")
    assert any(notice.site_id == site.id for notice in notices_now(district, MONDAY, site_id=site.id))
    assert not any(notice.site_id == site.id for notice in notices_now(district, MONDAY, site_id=other.id))


def test_clinic_hears_the_notices_of_its_network_but_not_its_neighbours(city):
    clinic, neighbour = (Organisation.objects.get(code=code) for code in ("city-rechnaya", "city-zarya"))
    Notice.objects.create(organisation=neighbour, texts={"ru": "Ремонт"}, valid_from=MONDAY)
    assert [notice.kind for notice in notices_now(clinic, MONDAY)] == ["epidemic", "note"]


# --- for the router ---------------------------------------------------------------------------------------


def test_queue_rules_say_what_the_queue_says(district):
    queue = Queue.objects.get(code="registry")
    doctors = Queue.objects.get(code="doctors")
    rules = queue_rules(queue)
    assert rules.id == str(queue.id)
    assert (rules.open, rules.limit, rules.selection) == (True, 60, Selection.LONGEST_IDLE)
    assert rules.relax == (Relax(60, 1), Relax(180, 2))
    assert rules.overflow == (Overflow(str(doctors.id), 600),)


def test_closed_queue_is_not_open(district):
    Queue.objects.update(closed=True)
    assert not any(rules.open for rules in all_queue_rules())


def test_overflow_to_a_queue_that_is_gone_is_left_out(district):
    Queue.objects.filter(code="registry").update(overflow=[{"to": "gone", "after_s": 5}])
    assert queue_rules(Queue.objects.get(code="registry")).overflow == ()


def test_overflow_of_a_clinic_reaches_the_networks_queue(city):
    queue = Queue.objects.get(code="zarya")
    target = Queue.objects.get(code="city")
    assert queue_rules(queue).overflow == (Overflow(str(target.id), 20, 1.5),)


def test_all_rules_take_one_query_whatever_the_number_of_queues(district, city, django_assert_num_queries):
    with django_assert_num_queries(1):
        rules = all_queue_rules()
    assert len(rules) == Queue.objects.count() == 3 + 18


def test_operator_serves_the_chosen_queues_with_languages_and_capacity(district):
    posting = Posting.objects.get(user__username="district.operator")
    profile = agent_profile(posting)
    ids = {str(queue.id) for queue in Queue.objects.filter(code__in=["registry", "urgent"])}
    assert profile.queues == ids
    assert profile.skills == {"lang:uk": 5, "lang:ru": 4, "lang:pl": 2}
    assert profile.capacity == {Channel.VOICE: 1, Channel.VIDEO: 1, Channel.TEXT: 2}


def test_without_a_choice_the_posting_decides(city):
    posting = Posting.objects.get(user__username="city.registrar")
    OperatorSettings.objects.all().delete()
    profile = agent_profile(posting)
    assert profile.queues == {str(q.id) for q in Queue.objects.filter(organisation__code="city-rechnaya")}


def test_chosen_queue_of_another_organisation_gives_nothing(district, city):
    posting = Posting.objects.get(user__username="district.operator")
    own = OperatorSettings.objects.get(user=posting.user)
    own.queues.set(Queue.objects.filter(code="zarya"))
    profile = agent_profile(posting)
    assert str(Queue.objects.get(code="zarya").id) not in profile.queues


def test_person_without_a_recorded_language_speaks_the_networks_first(district):
    user = User.objects.create(username="newcomer")
    posting = Posting.objects.create(user=user, organisation=district, role=Role.OPERATOR, valid_from=date(2020, 1, 1))
    assert agent_profile(posting).skills == {"lang:uk": 3}


def test_site_posting_is_the_agents_site(district):
    posting = Posting.objects.get(user__username="district.registrar")
    assert agent_profile(posting).site == str(posting.site_id)
    assert reader_for(posting).site_id == posting.site_id


def test_profiles_of_a_whole_centre_cost_as_many_queries_as_one(district, city, django_assert_num_queries):
    postings = list(Posting.objects.select_related("organisation", "user"))
    assert len(postings) > 5
    with django_assert_num_queries(4):
        together = agent_profiles(postings)
    assert together == [agent_profile(posting) for posting in postings]
