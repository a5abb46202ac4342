from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone, translation

from careline.base.audit.models import AuditRow
from careline.base.errors import NotAllowed, NotFound
from careline.base.outbox.models import OutboxRow
from careline.care.directory import rules
from careline.care.directory.actions import (
    announce,
    close_line,
    close_queue,
    open_line,
    open_queue,
    withdraw_notice,
)
from careline.care.directory.errors import (
    BadOverflow,
    BadRelax,
    BadWeek,
    EndsBeforeStart,
    HoursOverlap,
    NotHours,
    NoticeEmpty,
    NoticeOver,
    NotSevenDays,
    ReasonMissing,
)
from careline.care.directory.models import Notice, PhoneLine, Queue
from careline.care.directory.queries import notices_now


@pytest.fixture
def told(district):
    """Whom the switchboard is told of, from here on."""
    OutboxRow.objects.all().delete()

    def organisations() -> list[str]:
        rows = OutboxRow.objects.filter(to="switchboard", kind="directory_changed").order_by("id")
        return [row.data["organisation"] for row in rows]

    return organisations


@pytest.mark.parametrize(
    ("close", "open_again", "model"), [(close_queue, open_queue, Queue), (close_line, open_line, PhoneLine)]
)
def test_supervisor_closes_and_opens_with_a_reason(district, supervisor, told, close, open_again, model):
    row = model.objects.first()
    close(supervisor, row.id, "Аварія на лінії")
    row.refresh_from_db()
    assert row.closed
    open_again(supervisor, row.id, "Полагоджено")
    row.refresh_from_db()
    assert not row.closed
    assert told() == [str(row.organisation_id)] * 2
    kind = "queue" if model is Queue else "line"
    assert list(AuditRow.objects.order_by("at").values_list("action", "reason")) == [
        (f"{kind}.closed", "Аварія на лінії"),
        (f"{kind}.opened", "Полагоджено"),
    ]


def test_closing_twice_tells_once(district, supervisor, told):
    queue = Queue.objects.get(code="registry")
    close_queue(supervisor, queue.id, "Аварія")
    close_queue(supervisor, queue.id, "Аварія")
    assert len(told()) == 1


def test_closing_needs_a_reason_and_the_right(district, supervisor, operator, told):
    queue = Queue.objects.get(code="registry")
    with pytest.raises(ReasonMissing):
        close_queue(supervisor, queue.id, "  ")
    with pytest.raises(NotAllowed):
        close_queue(operator, queue.id, "Перерва")
    assert told() == []


def test_supervisor_cannot_close_a_queue_of_another_network(district, city, supervisor):
    with pytest.raises(NotFound):
        close_queue(supervisor, Queue.objects.get(code="zarya").id, "Аварія")


def test_announcement_is_in_force_at_once(district, supervisor, told):
    notice = announce(supervisor, {"uk": "Лінія не працює", "en": " "}, "emergency", None, None)
    assert notices_now(district, timezone.now(), for_callers=True)[0] == notice
    assert notice.texts == {"uk": "Лінія не працює"}
    assert told() == [str(district.id)]


def test_withdrawn_notice_is_over_but_on_record(district, supervisor, told):
    notice = announce(supervisor, {"uk": "Грип"}, "epidemic")
    withdraw_notice(supervisor, notice.id)
    withdraw_notice(supervisor, notice.id)
    assert notice not in notices_now(district, timezone.now())
    assert Notice.objects.filter(id=notice.id).exists()
    assert len(told()) == 2


def test_empty_or_ended_notice_is_refused(district, supervisor):
    with pytest.raises(NoticeEmpty):
        announce(supervisor, {"uk": " "}, "note")
    with pytest.raises(NoticeOver):
        announce(supervisor, {"uk": "Було"}, "note", None, timezone.now() - timedelta(minutes=1))


def test_notice_at_another_networks_site_is_refused(district, city, supervisor, working):
    site = working("city.hall").site_id
    with pytest.raises(NotFound):
        announce(supervisor, {"uk": "Чуже"}, "note", site)


def test_content_editor_writes_notes_but_no_emergency(district, working):
    editor = working("district.editor")
    announce(editor, {"uk": "Новий перелік"}, "note")
    with pytest.raises(NotAllowed):
        announce(editor, {"uk": "Тривога"}, "emergency")


# --- what is typed ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("week", "error"),
    [
        ([], NotSevenDays),
        ([[["8", "9"]], *[[]] * 6], NotHours),
        ([[["09:00", "08:00"]], *[[]] * 6], EndsBeforeStart),
        ([[["08:00", "10:00"], ["09:00", "11:00"]], *[[]] * 6], HoursOverlap),
    ],
)
def test_bad_week_is_refused_by_name(week, error):
    with pytest.raises(error) as refused:
        rules.week_of(week)
    assert isinstance(refused.value, BadWeek)
    assert str(refused.value)


def test_bad_week_is_said_in_the_readers_language():
    with pytest.raises(BadWeek) as refused:
        rules.written_day("16:00-08:00", 0)
    with translation.override("en"):
        assert str(refused.value) == (
            "Monday: “16:00-08:00” ends before it starts; write a night as two days, 20:00-24:00 and 00:00-08:00"
        )


def test_rules_of_a_queue_are_read_as_they_are_written():
    relax = rules.read_relax("180 2\n60 1\n")
    overflow = rules.read_overflow("doctors 90\ncity - 2,5\nurgent 10 1.5")
    assert relax == [{"after_s": 60, "by": 1}, {"after_s": 180, "by": 2}]
    assert overflow == [
        {"to": "doctors", "after_s": 90},
        {"to": "city", "ratio": 2.5},
        {"to": "urgent", "after_s": 10, "ratio": 1.5},
    ]
    assert rules.read_relax(rules.write_relax(relax)) == relax
    assert rules.read_overflow(rules.write_overflow(overflow)) == overflow


@pytest.mark.parametrize("text", ["60", "x 1", "60 9", "60 1 2"])
def test_bad_relaxation_is_refused(text):
    with pytest.raises(BadRelax):
        rules.read_relax(text)


@pytest.mark.parametrize("text", ["doctors", "doctors -", "doctors soon", "a b c d"])
def test_bad_overflow_is_refused(text):
    with pytest.raises(BadOverflow):
        rules.read_overflow(text)
