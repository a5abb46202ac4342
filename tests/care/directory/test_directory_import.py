from __future__ import annotations

import io

import pytest
from django.core.management import CommandError, call_command
from django.utils import translation
from openpyxl import load_workbook

from careline.base.accounts.models import Posting, Role, User
from careline.base.audit.models import AuditRow
from careline.base.errors import NotAllowed
from careline.base.organisations.models import Organisation, Settlement, Site
from careline.base.outbox.models import OutboxRow
from careline.care.directory.importing import KINDS, Problem, import_directory, template
from careline.care.directory.models import PhoneLine, StaffSkill, Topic


def table(*lines: str) -> bytes:
    return "\n".join(lines).encode()


def reasons(report) -> list[tuple[int, str]]:
    return [(problem.line, problem.column) for problem in report.problems]


# --- all or nothing ---------------------------------------------------------------------------------------


def test_good_rows_are_put_in_by_code_and_the_switchboard_is_told(district, administrator):
    OutboxRow.objects.all().delete()
    content = table(
        "code;name;kind;settlements;phone",
        "dubove;Амбулаторія Дубове, нова;ambulatory;Дубове | Малі Вишні;(000) 555-01-03",
        "fp-novyi;Фельдшерський пункт Новий;feldsher_point;;",
        "centre;Центр, Нова Долина;centre;Нова Долина;+380005550100",
    )
    report = import_directory(district, "sites", content, reader=administrator)
    assert (report.rows, report.created, report.updated, report.problems) == (3, 1, 2, [])
    dubove = Site.objects.get(code="dubove")
    assert (dubove.name, dubove.phone) == ("Амбулаторія Дубове, нова", "+380005550103")
    assert {s.name for s in dubove.serves.all()} == {"Дубове", "Малі Вишні"}
    assert OutboxRow.objects.filter(kind="directory_changed").count() == 1
    assert AuditRow.objects.filter(action="sites.imported", user_id=administrator.user_id).count() == 1


def test_second_import_of_the_same_file_changes_nothing(district):
    content = table("name,latitude,longitude,population", "Новосілки,49.1,33.2,120")
    assert import_directory(district, "settlements", content).created == 1
    again = import_directory(district, "settlements", content)
    assert (again.created, again.updated, again.unchanged) == (0, 0, 1)


def test_every_bad_row_is_named_and_nothing_changes(district):
    before = list(Site.objects.order_by("code").values_list("code", "name", "kind"))
    content = table(
        "code,name,kind,latitude,settlements,organisation",
        "dubove,Змінено,ambulatory,49.2,,",
        "з пробілом,Назва,ambulatory,,,",
        "new,,palace,,,",
        "new2,Назва,ambulatory,95,,",
        "new3,Назва,ambulatory,north,Атлантида,elsewhere",
        "dubove,Ще раз,ambulatory,,,",
        "new4,Назва,ambulatory,,,,,зайве",
    )
    report = import_directory(district, "sites", content)
    assert reasons(report) == [
        (3, "code"),
        (4, "kind"),
        (4, "name"),
        (5, "latitude"),
        (6, "latitude"),
        (6, "organisation"),
        (6, "settlements"),
        (7, ""),
        (8, ""),
    ]
    assert (report.rows, report.created, report.updated) == (7, 0, 0)
    assert list(Site.objects.order_by("code").values_list("code", "name", "kind")) == before


def test_dry_run_counts_and_changes_nothing(district):
    content = table("name,latitude,longitude", "Новосілки,49.1,33.2", "Дубове,49.29,33.41")
    report = import_directory(district, "settlements", content, dry_run=True)
    assert (report.created, report.updated, report.unchanged) == (1, 1, 0)  # Дубове loses its population
    assert not Settlement.objects.filter(name="Новосілки").exists()


def test_wrong_columns_are_named_before_any_row(district):
    content = table("code,nom,kind,kind", "dubove,Дубове,ambulatory,clinic")
    report = import_directory(district, "sites", content)
    assert reasons(report) == [(1, "kind"), (1, "name"), (1, "nom")]


def test_file_without_rows_says_so(district):
    assert reasons(import_directory(district, "sites", table("code,name,kind"))) == [(1, "")]


def test_kinds_and_roles_may_be_in_the_readers_words(district):
    content = table("code,name,kind", "fp-x,Пункт,Feldsher point")
    with translation.override("en"):
        assert import_directory(district, "sites", content).created == 1


def test_number_of_queries_does_not_grow_with_the_rows(district, django_assert_max_num_queries):
    for count in (1, 300):
        rows = [f"s{count}-{n},Пункт {n},feldsher_point,Дубове" for n in range(count)]
        with django_assert_max_num_queries(20):
            import_directory(district, "sites", table("code,name,kind,settlements", *rows))


# --- the other kinds --------------------------------------------------------------------------------------


def test_lines_with_their_queue_hours_and_site(district):
    content = table(
        "code,name,number,site,queue,hours,languages,emergency_number",
        "lypovyi-hai,Липовий Гай,380005550106,lypovyi-hai,registry,Будні 8:00–16:00,uk; ru,103",
    )
    assert import_directory(district, "lines", content).problems == []
    line = PhoneLine.objects.get(code="lypovyi-hai")
    assert (line.number, line.languages, line.emergency_number) == ("+380005550106", ["uk", "ru"], "103")
    assert (line.site.code, line.queue.code, line.hours.name) == ("lypovyi-hai", "registry", "Будні 8:00–16:00")


def test_line_of_another_network_cannot_be_taken_over(district, city):
    content = table("code,name,queue,site", "zarya,Наша,registry,nowhere")
    report = import_directory(district, "lines", content)
    assert reasons(report) == [(2, "code"), (2, "site")]
    assert PhoneLine.objects.get(code="zarya").name == "Детская «Заря»"


def test_line_of_a_clinic_finds_the_clinics_queue(city):
    clinic = Organisation.objects.get(code="city-zarya")
    content = table("code,name,queue", "zarya2,Вторая,zarya", "zarya3,Третья,rechnaya", "zarya4,Четвёртая,city")
    report = import_directory(clinic, "lines", content)
    assert reasons(report) == [(3, "queue")]  # the neighbour's queue


def test_topics_as_a_tree_parents_in_any_order(district):
    names = "uk,ru,pl,zh,en"
    content = table(
        "code,parent,name_uk,name_ru,name_pl,name_zh-hans,name_en,order",
        f"massage-back,massage,{names},1",
        f"massage,booking,{names},2",
    )
    assert import_directory(district, "topics", content).problems == []
    assert Topic.objects.get(code="massage-back").parent.parent.code == "booking"


def test_topics_cannot_go_round_in_circles(district):
    names = "uk,ru,pl,zh,en"
    content = table(
        "code,parent,name_uk,name_ru,name_pl,name_zh-hans,name_en",
        f"a,b,{names}",
        f"b,a,{names}",
        f"c,nothing,{names}",
        "d,,uk,ru,,zh,en",
    )
    report = import_directory(district, "topics", content)
    assert reasons(report) == [(2, "parent"), (3, "parent"), (4, "parent"), (5, "name_pl")]


STAFF = "username,family_name,given_name,role,site,skills,from,to,employer"


def test_staff_with_several_postings_and_skills(district):
    content = table(
        STAFF,
        "o.hai,Гай,Олена,registrar,dubove,lang:uk=5; lang:pl=2,2026-03-02,,",
        "o.hai,Гай,Олена,operator,,,,2030-12-31,",
    )
    report = import_directory(district, "staff", content)
    assert (report.problems, report.created) == ([], 1)
    person = User.objects.get(username="o.hai")
    assert not person.has_usable_password()
    assert person.language == "uk"
    assert {(p.role, p.site and p.site.code) for p in person.postings.all()} == {
        ("registrar", "dubove"),
        ("operator", None),
    }
    assert dict(StaffSkill.objects.filter(user=person).values_list("skill__code", "proficiency")) == {
        "lang:uk": 5,
        "lang:pl": 2,
    }


def test_staff_rows_that_contradict_each_other_are_named(district):
    content = table(
        STAFF,
        "o.hai,Гай,Олена,registrar,dubove,lang:xx=5,,,",
        "o.hai,Гайова,Олена,operator,nowhere,lang:uk=9,,,",
        "i.lis,Ліс,Іван,operator,,,2026-03-02,2026-03-01,",
        "o.hai,Гайова,Олена,supervisor,,,,,",
    )
    report = import_directory(district, "staff", content)
    assert reasons(report) == [(2, "skills"), (3, "skills"), (4, "to"), (5, "username")]


def test_import_cannot_take_over_a_strangers_account(district, city, administrator):
    User.objects.create(username="root", is_superuser=True)
    content = table(
        STAFF,
        "city.admin,Чужий,Чужий,operator,,,,,",
        "root,Чужий,Чужий,operator,,,,,",
        "district.admin,Бондаренко,Павло,supervisor,,,,,",
    )
    report = import_directory(district, "staff", content, reader=administrator)
    assert reasons(report) == [(2, "username"), (3, "username"), (4, "username")]
    assert User.objects.get(username="city.admin").last_name == "Седова"


def test_administrator_imports_only_into_their_own_tree(district, city, administrator, operator):
    content = table("name,latitude,longitude", "Чуже,49,33")
    with pytest.raises(NotAllowed):
        import_directory(city, "settlements", content, reader=administrator)
    with pytest.raises(NotAllowed):
        import_directory(district, "settlements", content, reader=operator)


def test_problems_are_said_in_the_readers_language(district):
    report = import_directory(district, "settlements", table("name,latitude,longitude", ",x,1"))
    assert report.problems == [
        Problem(2, "latitude", "“x” is not a number"),
        Problem(2, "name", "must not be empty"),
    ]


# --- templates and the command line -----------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_template_opens_and_its_columns_are_the_kinds(district, kind):
    book = load_workbook(io.BytesIO(template(kind, district)))
    header = [cell.value for cell in book.worksheets[0][1]]
    explained = [row[0].value for row in book.worksheets[1].iter_rows(min_row=2)]
    assert header == explained
    assert all(row[2].value for row in book.worksheets[1].iter_rows(min_row=2))


@pytest.mark.parametrize("kind", KINDS)
def test_example_of_the_template_can_be_imported(district, kind):
    report = import_directory(district, kind, template(kind, district), dry_run=True)
    assert report.problems == []


def test_command_says_what_is_wrong_and_fails(district, tmp_path):
    file = tmp_path / "sites.csv"
    file.write_text("code,name,kind\nx,Назва,palace\n", encoding="utf-8")
    said = io.StringIO()
    with pytest.raises(CommandError, match="1 problem"):
        call_command("import_directory", "sites", str(file), organisation="district", stderr=said)
    assert said.getvalue().startswith("line 2, kind: “palace” is none of: centre, ")


def test_command_imports_or_only_tries(district, tmp_path):
    file = tmp_path / "places.csv"
    file.write_bytes("name;latitude;longitude\nНовосілки;49,1;33,2\n".encode("cp1251"))
    said = io.StringIO()
    call_command("import_directory", "settlements", str(file), organisation="district", dry_run=True, stdout=said)
    assert not Settlement.objects.filter(name="Новосілки").exists()
    call_command("import_directory", "settlements", str(file), organisation="district", stdout=said)
    assert Settlement.objects.get(name="Новосілки").latitude == 49.1
    assert said.getvalue().splitlines()[0] == "1 rows: 1 new, 0 changed, 0 as before."


def test_command_refuses_an_unknown_organisation(db, tmp_path):
    with pytest.raises(CommandError, match="nowhere"):
        call_command("import_directory", "sites", str(tmp_path / "x.csv"), organisation="nowhere")


def test_imported_staff_hold_their_posting_today(district):
    import_directory(district, "staff", table("username,family_name,given_name,role", "n.new,Нова,Ніна,operator"))
    posting = Posting.objects.get(user__username="n.new")
    assert (posting.role, posting.organisation, posting.valid_to) == (Role.OPERATOR, district, None)
