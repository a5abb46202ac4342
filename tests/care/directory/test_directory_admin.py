"""The directory's admin as its administrator uses it."""

from __future__ import annotations

import io
import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from careline.base.accounts.models import User
from careline.base.organisations.models import Settlement
from careline.base.outbox.models import OutboxRow
from careline.care.directory.importing import KINDS
from careline.care.directory.models import Hours, Notice, PhoneLine, Queue, Skill, StaffSkill, Topic

MODELS = ("hours", "queue", "phoneline", "topic", "notice", "skill", "staffskill", "operatorsettings")
IMPORT = "admin:directory_phoneline_import"
CSP = "Content-Security-Policy"


@pytest.fixture
def desk(district, client):
    """desk("district.admin") -> a browser in which that person is signed in."""

    def browser(username: str):
        user = User.objects.get(username=username)
        User.objects.filter(pk=user.pk).update(language="en")
        client.force_login(user, backend="careline.base.accounts.backends.AccountBackend")
        return client

    return browser


@pytest.fixture
def browser(desk):
    return desk("district.admin")


def file(*lines: str, name: str = "places.csv") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, "\n".join(lines).encode())


def texts(name: str, **by_language: str) -> dict[str, str]:
    order = ("uk", "ru", "pl", "zh_hans", "en")
    return {f"{name}_{n}": by_language.get(code, "") for n, code in enumerate(order)}


@pytest.mark.parametrize("model", MODELS)
def test_every_list_and_form_opens(browser, model):
    for page in ("changelist", "add"):
        answer = browser.get(reverse(f"admin:directory_{model}_{page}"))
        assert answer.status_code == 200, page
        assert "unsafe-inline" not in answer.headers.get(CSP, "")


@pytest.mark.parametrize("model", [Hours, Queue, PhoneLine, Topic, Skill])
def test_rows_of_another_network_are_not_shown(browser, city, model):
    alien = model.objects.filter(organisation__path__startswith="city/").first()
    name = model._meta.model_name
    listed = browser.get(reverse(f"admin:directory_{name}_changelist")).context["cl"].queryset
    assert not listed.filter(organisation__path__startswith="city/").exists()
    answer = browser.get(reverse(f"admin:directory_{name}_change", args=[alien.pk]))
    assert answer.status_code == 302  # as if there were none


def test_operator_does_not_enter(desk):
    answer = desk("district.operator").get(reverse("admin:directory_queue_changelist"))
    assert answer.status_code in (302, 403)


def test_content_editor_changes_notices_only(desk):
    editor = desk("district.editor")
    assert editor.get(reverse("admin:directory_notice_changelist")).status_code == 200
    assert editor.get(reverse("admin:directory_queue_changelist")).status_code == 403


def week(**rows: str) -> dict[str, str]:
    return {f"week_{n}": rows.get(f"d{n}", "") for n in range(7)}


def hours_form(district, hours: Hours | None = None, **changes) -> dict:
    return {
        "organisation": str(district.pk),
        "name": "Неділя також",
        "timezone": "Europe/Kyiv",
        "holidays": "ua",
        **week(d0="8:00–12:00, 13:00–16:00", d6="09:00-12:00"),
        "exceptions-TOTAL_FORMS": "1",
        "exceptions-INITIAL_FORMS": "0",
        "exceptions-0-date": "2026-12-25",
        "exceptions-0-open": "10:00-12:00",
        "exceptions-0-reason": "Різдво",
        **changes,
    }


def test_week_is_written_in_seven_rows_with_exceptions(browser, district):
    OutboxRow.objects.all().delete()
    answer = browser.post(reverse("admin:directory_hours_add"), hours_form(district))
    assert answer.status_code == 302, answer.context["errors"]
    hours = Hours.objects.get(name="Неділя також")
    assert hours.week == [[["08:00", "12:00"], ["13:00", "16:00"]], [], [], [], [], [], [["09:00", "12:00"]]]
    assert hours.holidays == "UA"
    assert hours.exceptions.get().open == [["10:00", "12:00"]]
    assert OutboxRow.objects.filter(kind="directory_changed", data__organisation=str(district.pk)).count() == 1


def test_bad_week_is_said_beside_the_field(browser, district):
    form = hours_form(district, week_2="16:00-08:00", holidays="XX", **{"exceptions-0-open": "noon"})
    answer = browser.post(reverse("admin:directory_hours_add"), form)
    errors = answer.context["adminform"].form.errors
    assert "Wednesday: “16:00-08:00” ends before it starts" in errors["week"][0]
    assert "holidays" in errors
    assert "“noon” is not a time from and to" in answer.content.decode()


def test_week_editor_shows_what_is_stored_each_day_with_its_label(browser):
    hours = Hours.objects.get()
    page = browser.get(reverse("admin:directory_hours_change", args=[hours.pk])).content.decode()
    assert page.count('value="08:00-16:00"') == 5
    for number, day in enumerate(("Monday", "Sunday")):
        assert f'<label for="id_week_{number * 6}">{day}</label>' in page


def test_queue_rules_are_written_one_a_line(browser):
    queue = Queue.objects.get(code="registry")
    url = reverse("admin:directory_queue_change", args=[queue.pk])
    form = browser.get(url).context["adminform"].form
    data = {name: ("" if value is None else value) for name, value in form.initial.items()}
    data |= {"relax": "30 1", "overflow": "doctors 300\nurgent - 3"}
    answer = browser.post(url, data)
    assert answer.status_code == 302, answer.context["errors"]
    queue.refresh_from_db()
    assert queue.relax == [{"after_s": 30, "by": 1}]
    assert queue.overflow == [{"to": "doctors", "after_s": 300}, {"to": "urgent", "ratio": 3.0}]


def test_topic_needs_a_name_in_every_language(browser, district):
    form = {"organisation": str(district.pk), "code": "massage", "order": "1", "head_start_s": "0"}
    url = reverse("admin:directory_topic_add")
    answer = browser.post(url, form | texts("names", uk="Масаж"))
    assert "names" in answer.context["adminform"].form.errors
    every = texts("names", uk="Масаж", ru="Массаж", pl="Masaż", zh_hans="按摩", en="Massage")
    assert browser.post(url, form | every).status_code == 302
    assert Topic.objects.get(code="massage").names["zh-hans"] == "按摩"


def test_topic_cannot_be_put_below_itself(browser):
    booking, family = Topic.objects.get(code="booking"), Topic.objects.get(code="booking-family")
    form = {"organisation": str(booking.organisation_id), "parent": str(family.pk), "code": "booking", "order": "1"}
    form |= {"head_start_s": "0"} | texts("names", uk="а", ru="а", pl="a", zh_hans="a", en="a")
    answer = browser.post(reverse("admin:directory_topic_change", args=[booking.pk]), form)
    assert "parent" in answer.context["adminform"].form.errors


def test_topics_are_listed_as_a_tree(browser):
    rows = list(browser.get(reverse("admin:directory_topic_changelist")).context["cl"].result_list)
    codes = [row.code for row in rows]
    at = codes.index("booking")
    assert codes[at + 1 : at + 3] == ["booking-family", "booking-specialist"]
    assert codes[0] == "unwell"


def test_proficiency_is_one_to_five(browser):
    held = StaffSkill.objects.filter(user__username="district.operator").first()
    form = {"user": str(held.user_id), "skill": str(held.skill_id), "proficiency": "9"}
    answer = browser.post(reverse("admin:directory_staffskill_change", args=[held.pk]), form)
    assert "proficiency" in answer.context["adminform"].form.errors


def test_notice_with_one_language_is_enough(browser, district):
    form = {"organisation": str(district.pk), "kind": "note", "valid_from_0": "2026-03-02", "valid_from_1": "08:00"}
    answer = browser.post(reverse("admin:directory_notice_add"), form | texts("texts", uk="Новина"))
    assert answer.status_code == 302, answer.context["errors"]
    assert Notice.objects.filter(texts={"uk": "Новина"}).exists()


def test_deleting_tells_the_switchboard(browser, district):
    OutboxRow.objects.all().delete()
    skill = Skill.objects.get(code="topic:thanks")
    browser.post(reverse("admin:directory_skill_delete", args=[skill.pk]), {"post": "yes"})
    assert OutboxRow.objects.filter(kind="directory_changed").count() == 1


# --- import -----------------------------------------------------------------------------------------------


def check(browser, district, upload, kind: str = "settlements"):
    return browser.post(reverse(IMPORT), {"kind": kind, "organisation": str(district.pk), "file": upload})


def held(answer) -> str:
    return re.search(r'name="held" value="([^"]+)"', answer.content.decode())[1]


def test_file_is_checked_first_and_then_imported_as_checked(browser, district):
    answer = check(browser, district, file("name,latitude,longitude", "Новосілки,49.1,33.2", "Дубове,49.29,33.41"))
    assert answer.context["counts"] == "2 rows: 1 new, 1 changed, 0 as before"
    assert "<td>Новосілки</td>" in answer.content.decode()
    assert not Settlement.objects.filter(name="Новосілки").exists()
    assert browser.post(reverse(IMPORT), {"held": held(answer)}).status_code == 302
    assert Settlement.objects.filter(name="Новосілки").exists()


def test_bad_rows_are_shown_by_line_column_and_reason(browser, district):
    answer = check(browser, district, file("name,latitude,longitude", "Новосілки,x,33.2", "<b>,49,999"))
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "<td>2</td><td>latitude</td><td>“x” is not a number</td>" in page
    assert "2 problems. Nothing was changed." in page
    assert "held" not in answer.context or not answer.context["held"]


@pytest.mark.parametrize(
    ("name", "content"), [("virus.exe", b"MZ"), ("old.xls", b"\xd0\xcf\x11\xe0" + b"\0" * 99), ("a.csv", b"\0\0\0")]
)
def test_what_is_no_table_is_said_beside_the_field(browser, district, name, content):
    answer = check(browser, district, SimpleUploadedFile(name, content))
    assert "file" in answer.context["form"].errors


def test_checked_file_cannot_be_swapped_or_used_by_another(browser, desk, district):
    checked = held(check(browser, district, file("name,latitude,longitude", "Новосілки,49.1,33.2")))
    browser.post(reverse(IMPORT), {"held": checked[:-3] + "abc"})
    superuser = User.objects.create(username="root", is_superuser=True)
    browser.force_login(superuser, backend="careline.base.accounts.backends.AccountBackend")
    browser.post(reverse(IMPORT), {"held": checked})
    assert not Settlement.objects.filter(name="Новосілки").exists()


def test_another_networks_organisation_cannot_be_chosen(browser, city):
    answer = check(browser, city, file("name,latitude,longitude", "Новосілки,49.1,33.2"))
    assert "organisation" in answer.context["form"].errors


def test_content_editor_imports_nothing(desk):
    editor = desk("district.editor")
    assert editor.get(reverse(IMPORT)).status_code == 403
    assert editor.get(reverse("admin:directory_phoneline_import_template", args=["sites"])).status_code == 404


@pytest.mark.parametrize("kind", KINDS)
def test_template_can_be_taken_and_checked_as_it_is(browser, district, kind):
    answer = browser.get(reverse("admin:directory_phoneline_import_template", args=[kind]))
    content = io.BytesIO(b"".join(answer) if answer.streaming else answer.content).getvalue()
    checked = check(browser, district, SimpleUploadedFile(f"{kind}.xlsx", content), kind)
    assert checked.context["report"].problems == []
