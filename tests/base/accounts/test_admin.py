from __future__ import annotations

from datetime import date

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext

from careline.base.accounts.models import Posting, Role, User
from careline.base.organisations.models import Organisation, Site


@pytest.fixture
def administrator(client, posting, district):
    """Iryna administers the district's centre; the client is hers."""
    iryna = posting("iryna", district.centre, Role.ADMINISTRATOR)
    client.force_login(iryna.user)
    return iryna.user


def posting_form(**changes) -> dict:
    return {"role": "operator", "site": "", "valid_from": "2026-03-02", "valid_to": ""} | changes


def inline(user: User, **changes) -> dict:
    """The posted page of a person with one new posting in it."""
    person = {"username": user.username, "last_name": "", "first_name": "", "patronymic": "", "language": "en"}
    management = {"postings-TOTAL_FORMS": 1, "postings-INITIAL_FORMS": 0}
    rows = {f"postings-0-{name}": value for name, value in posting_form(**changes).items()}
    return person | {"employer": user.employer_id or "", "is_active": "on"} | management | rows


@pytest.mark.parametrize("role", [r for r in Role if r not in {Role.ADMINISTRATOR}])
@pytest.mark.parametrize("page", ["accounts/user/", "accounts/posting/", "organisations/site/"])
def test_only_administrators_administer(role, page, client, posting, district):
    client.force_login(posting("oksana", district.centre, role).user)

    response = client.get(f"/admin/{page}", follow=True, headers={"accept": "text/html"})
    assert response.status_code == 403 or response.redirect_chain


def test_is_staff_alone_opens_nothing(client, person):
    client.force_login(person("oksana", is_staff=True))

    assert client.get("/admin/", follow=True).status_code == 403


@pytest.mark.parametrize(
    ("page", "own", "others"),
    [
        ("organisations/organisation/", "District-Centre", "City"),
        ("organisations/site/", "District", "City"),
    ],
)
def test_lists_show_the_own_tree_alone(page, own, others, client, administrator, district, city):
    Organisation.objects.filter(pk=district.centre.pk).update(name="District-Centre")
    for site in Site.objects.select_related("organisation"):
        Site.objects.filter(pk=site.pk).update(name=f"{site.organisation.root_code.title()} {site.code}")

    content = client.get(f"/admin/{page}").content.decode()
    assert own in content
    assert others not in content


def test_people_of_other_trees_are_not_shown_nor_found(client, administrator, posting, district, city):
    posting("oksana", district.centre)
    posting("stranger", city.centre)
    posting("boss", district.root, Role.SUPERVISOR)

    listed = client.get("/admin/accounts/user/").content.decode()
    assert "oksana" in listed
    assert "stranger" not in listed
    assert "boss" not in listed
    asked = {"app_label": "accounts", "model_name": "posting", "field_name": "user", "term": "s"}
    found = client.get("/admin/autocomplete/", asked).json()["results"]
    assert {row["text"] for row in found} == {"oksana"}


def test_a_strangers_page_is_not_there(client, administrator, posting, city):
    stranger = posting("stranger", city.centre)

    for page in (f"accounts/user/{stranger.user_id}/change/", f"accounts/posting/{stranger.pk}/change/"):
        assert client.get(f"/admin/{page}").status_code == 302
    assert client.get(f"/admin/organisations/site/{city.east.pk}/change/").status_code == 302


def test_an_administrator_posts_people_inside_the_tree(client, administrator, person, district):
    oksana = person("oksana", employer=district.centre)

    page = f"/admin/accounts/user/{oksana.pk}/change/"
    response = client.post(page, inline(oksana, organisation=district.centre.pk, site=district.east.pk))

    assert response.status_code == 302, response.context["errors"]
    assert [(p.organisation, p.site, p.role) for p in oksana.postings.all()] == [
        (district.centre, district.east, "operator")
    ]


@pytest.mark.parametrize("where", ["above", "elsewhere"])
def test_nobody_is_posted_outside_the_tree_by_a_forged_form(where, client, administrator, person, district, city):
    oksana = person("oksana", employer=district.centre)
    outside = district.root if where == "above" else city.centre

    client.post(f"/admin/accounts/user/{oksana.pk}/change/", inline(oksana, organisation=outside.pk))
    client.post(
        "/admin/accounts/posting/add/", posting_form(user=oksana.pk, organisation=outside.pk, role="supervisor")
    )

    assert not oksana.postings.exists()


def test_an_administrator_gives_nothing_to_themselves(client, administrator, district):
    client.post(
        f"/admin/accounts/user/{administrator.pk}/change/", inline(administrator, organisation=district.centre.pk)
    )
    client.post("/admin/accounts/posting/add/", posting_form(user=administrator.pk, organisation=district.centre.pk))

    assert administrator.postings.count() == 1


def test_a_site_of_another_organisation_is_refused(client, administrator, person, district, city):
    oksana = person("oksana", employer=district.centre)

    client.post(
        f"/admin/accounts/user/{oksana.pk}/change/",
        inline(oksana, organisation=district.centre.pk, site=city.east.pk),
    )

    assert not oksana.postings.exists()


def test_an_administrator_of_one_site_posts_to_that_site_alone(client, posting, district):
    petro = posting("petro", district.centre, Role.ADMINISTRATOR, district.east)
    oksana = posting("oksana", district.centre, Role.OPERATOR, district.east)
    client.force_login(petro.user)

    for site in ("", district.west.pk):
        client.post(
            "/admin/accounts/posting/add/",
            posting_form(user=oksana.user_id, organisation=district.centre.pk, site=site),
        )
    assert oksana.user.postings.count() == 1
    client.post(
        "/admin/accounts/posting/add/",
        posting_form(user=oksana.user_id, organisation=district.centre.pk, site=district.east.pk),
    )
    assert oksana.user.postings.count() == 2


def test_nobody_becomes_a_superuser_by_a_forged_form(client, administrator, person, district):
    oksana = person("oksana", employer=district.centre)

    data = inline(oksana, organisation=district.centre.pk) | {"is_superuser": "on", "is_staff": "on"}
    client.post(f"/admin/accounts/user/{oksana.pk}/change/", data)

    oksana.refresh_from_db()
    assert (oksana.is_superuser, oksana.is_staff) == (False, False)
    assert oksana.postings.count() == 1


@pytest.mark.parametrize("reach", ["superuser", "posted above", "employed elsewhere"])
def test_an_account_that_reaches_further_cannot_be_taken_over(reach, client, administrator, posting, district, city):
    """Whoever sets the password could act as its owner."""
    oksana = posting("oksana", district.centre).user
    if reach == "superuser":
        User.objects.filter(pk=oksana.pk).update(is_superuser=True)
    elif reach == "posted above":
        posting(oksana, district.root, Role.SUPERVISOR)
    else:
        User.objects.filter(pk=oksana.pk).update(employer=city.root)
    before = User.objects.get(pk=oksana.pk).password

    new = {"password1": "a-short-summer-night", "password2": "a-short-summer-night", "usable_password": "true"}
    assert client.post(f"/admin/accounts/user/{oksana.pk}/password/", new).status_code == 403
    assert client.post(f"/admin/accounts/user/{oksana.pk}/change/", {"username": "mine"}).status_code == 403
    lose = {"action": "lose_second_factor", "_selected_action": str(oksana.pk)}
    assert client.post("/admin/accounts/user/", lose).status_code == 403
    assert User.objects.get(pk=oksana.pk).password == before


def test_a_password_set_by_an_administrator_is_not_kept(client, administrator, person, district):
    oksana = person("oksana", employer=district.centre)

    new = {"password1": "a-short-summer-night", "password2": "a-short-summer-night", "usable_password": "true"}
    assert client.post(f"/admin/accounts/user/{oksana.pk}/password/", new).status_code == 302

    oksana.refresh_from_db()
    assert oksana.check_password("a-short-summer-night")
    assert oksana.must_change_password


def test_a_new_person_belongs_to_the_tree(client, administrator, district, city):
    new = {
        "username": "maria",
        "usable_password": "true",
        "password1": "a-short-summer-night",
        "password2": "a-short-summer-night",
        "last_name": "Bondar",
        "first_name": "Maria",
        "patronymic": "",
        "language": "uk",
    }
    for employer in ("", city.root.pk, district.root.pk):
        client.post("/admin/accounts/user/add/", new | {"employer": employer})
    assert not User.objects.filter(username="maria").exists()

    client.post("/admin/accounts/user/add/", new | {"employer": district.centre.pk})
    maria = User.objects.get(username="maria")
    assert (maria.employer, maria.must_change_password, maria.is_superuser) == (district.centre, True, False)


def test_the_own_organisation_stays_where_it_is(client, administrator, district, city):
    page = f"/admin/organisations/organisation/{district.centre.pk}/change/"
    form = {
        "name": "Renamed",
        "code": "other",
        "kind": "clinic",
        "parent": "",
        "policy": "UA",
        "timezone": "Europe/Kyiv",
        "languages": "uk",
        "patient_word": "patient",
        "active": "on",
    }
    assert client.post(page, form).status_code == 302

    district.centre.refresh_from_db()
    assert (district.centre.name, district.centre.path) == ("Renamed", "district/district-centre/")


def test_filters_offer_only_the_own_tree(client, administrator, district, city):
    content = client.get("/admin/accounts/posting/").content.decode()

    assert str(city.root.pk) not in content
    assert str(city.centre.pk) not in content


@pytest.mark.parametrize("page", ["accounts/user/", "accounts/posting/", "organisations/site/"])
def test_a_longer_list_costs_no_more_queries(page, client, administrator, posting, district):
    counts = []
    client.get(f"/admin/{page}")
    for n in range(2):
        posting(f"first{n}", district.centre, site=district.east)
        posting(f"second{n}", district.centre, site=district.west)
        Site.objects.create(organisation=district.centre, code=f"new{n}", name=f"New {n}", kind=Site.Kind.CLINIC)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert client.get(f"/admin/{page}").status_code == 200
        counts.append(len(queries))

    assert counts[0] == counts[1] <= 14


def test_postings_name_their_dates(posting, district):
    backwards = Posting(
        organisation=district.centre, role=Role.OPERATOR, valid_from=date(2026, 3, 2), valid_to=date(2026, 3, 1)
    )
    with pytest.raises(ValidationError):
        backwards.clean()
