from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.db import SessionStore
from django.test import RequestFactory
from django.utils import timezone

from careline.base.accounts import rights
from careline.base.accounts.models import Role, User
from careline.base.accounts.rules import RIGHTS, ROLE_RIGHTS, local_day, posting_holds
from careline.base.errors import NotAllowed
from careline.base.organisations.models import Organisation, Site

MATRIX = """
                   operator registrar patient_administrator doctor unit_head supervisor content_editor auditor administrator
calls.take         x        x         -                     x      -         x          -              -       -
contacts.view      x        x         x                     x      x         x          -              x       -
contacts.record    x        x         x                     x      -         x          -              -       -
contacts.export    -        -         -                     -      x         x          -              x       -
patients.search    x        x         x                     x      x         x          -              -       -
patients.change    x        x         x                     -      -         x          -              -       -
patients.erase     -        -         -                     -      x         x          -              -       -
patients.import    -        -         -                     -      -         -          -              -       x
queues.view        x        x         -                     -      x         x          -              x       -
supervise          -        -         -                     -      -         x          -              -       -
walk_in.log        x        x         x                     x      x         x          -              -       -
unwell.answer      -        -         -                     x      x         -          -              -       -
notices.change     -        -         -                     -      x         x          x              -       x
directory.change   -        -         -                     -      -         -          -              -       x
staff.change       -        -         -                     -      -         -          -              -       x
audit.view         -        -         -                     -      -         -          -              x       -
"""


def test_each_role_has_exactly_the_rights_of_the_table():
    header, *lines = [line.split() for line in MATRIX.strip().splitlines()]
    wanted = {role: {line[0] for line in lines if line[1 + n] == "x"} for n, role in enumerate(header)}

    assert {role.value: set(ROLE_RIGHTS[role]) for role in Role} == wanted
    assert {line[0] for line in lines} == RIGHTS


def test_a_misspelt_right_is_a_bug_and_not_a_refusal(reader, district):
    with pytest.raises(ValueError, match=r"contact\.view"):
        reader("oksana", district.root).may("contact.view")


def test_require_refuses_what_the_role_lacks(reader, district):
    oksana = reader("oksana", district.root, Role.OPERATOR)

    oksana.require("calls.take")
    with pytest.raises(NotAllowed):
        oksana.require("supervise")


@pytest.mark.parametrize(
    ("valid_from", "valid_to", "holds"),
    [
        (date(2026, 3, 2), None, True),
        (date(2026, 3, 2), date(2026, 3, 2), True),
        (date(2026, 3, 3), None, False),
        (date(2026, 2, 1), date(2026, 3, 1), False),
    ],
)
def test_posting_holds_from_first_to_last_day(valid_from, valid_to, holds):
    assert posting_holds(valid_from, valid_to, date(2026, 3, 2)) is holds


def test_the_day_is_the_organisations_own():
    evening = datetime(2026, 3, 1, 23, 30, tzinfo=UTC)

    assert local_day(evening, "Europe/Kyiv") == date(2026, 3, 2)
    assert local_day(evening, "Asia/Shanghai") == date(2026, 3, 2)
    assert local_day(evening, "Europe/London") == date(2026, 3, 1)


def request_of(user: User | AnonymousUser, **session):
    request = RequestFactory().get("/")
    request.user = user
    request.session = SessionStore()
    request.session.update(session)
    return request


def test_the_only_posting_is_taken_without_asking(posting, district):
    oksana = posting("oksana", district.centre, Role.REGISTRAR, district.east)

    assert rights.reader_of(request_of(oksana.user)) == rights.Reader(
        user_id=oksana.user_id,
        posting_id=oksana.pk,
        role=Role.REGISTRAR,
        organisation_id=district.centre.pk,
        path="district/district-centre/",
        site_id=district.east.pk,
        language="en",
    )


def test_a_contractors_operator_works_with_the_rights_of_the_posting(person, posting, district, city):
    halyna = person("halyna", employer=city.root)
    posting(halyna, district.centre)

    assert rights.reader_of(request_of(halyna)).path == "district/district-centre/"


def test_several_postings_must_be_chosen_from(posting, district, city):
    at_district = posting("oksana", district.centre)
    at_city = posting(at_district.user, city.centre, Role.SUPERVISOR)

    with pytest.raises(rights.PostingNotChosen):
        rights.reader_of(request_of(at_city.user))
    assert rights.reader_of(request_of(at_city.user, posting=str(at_city.pk))).role == Role.SUPERVISOR


def test_another_persons_posting_in_the_session_gives_nothing(posting, district):
    posting("oksana", district.centre)
    supervisor = posting("iryna", district.centre, Role.SUPERVISOR)

    with pytest.raises(rights.PostingEnded):
        rights.reader_of(request_of(User.objects.get(username="oksana"), posting=str(supervisor.pk)))


def test_rights_end_with_the_posting(posting, district):
    yesterday = timezone.now().date() - timedelta(days=2)
    ended = posting("oksana", district.centre, valid_to=yesterday)

    with pytest.raises(rights.NoPosting):
        rights.reader_of(request_of(ended.user, posting=str(ended.pk)))


def test_nobody_reads_without_signing_in(db):
    with pytest.raises(rights.NotSignedIn):
        rights.reader_of(request_of(AnonymousUser()))


def test_someone_who_has_left_reads_nothing(posting, district):
    left = posting("oksana", district.centre).user
    left.is_active = False

    with pytest.raises(rights.NotSignedIn):
        rights.reader_of(request_of(left))


@pytest.mark.parametrize("role", Role)
def test_no_role_sees_beyond_its_own_tree(role, reader, district, city):
    everywhere = reader("iryna", district.root, role)
    centre = reader("oksana", district.centre, role)
    at_east = reader("petro", district.centre, role, district.east)

    def sees(who):
        return set(rights.covered(who, Site.objects.all(), site="id"))

    def organisations(who):
        return set(rights.covered(who, Organisation.objects.all(), "", None))

    assert sees(everywhere) == sees(centre) == {district.east, district.west}
    assert sees(at_east) == {district.east}
    assert organisations(everywhere) == {district.root, district.centre}
    assert organisations(centre) == organisations(at_east) == {district.centre}


def test_a_code_that_begins_like_another_is_not_inside_it(reader, district):
    Organisation.objects.create(code="district-two", name="Two", kind=Organisation.Kind.NETWORK)
    iryna = reader("iryna", district.root)

    assert {o.code for o in rights.covered(iryna, Organisation.objects.all(), "", None)} == {
        "district",
        "district-centre",
    }


def test_covered_knows_bare_ids_and_shared_rows(posting, reader, district):
    shared = posting("oksana", district.centre)
    east = posting("petro", district.centre, site=district.east)
    posting("maria", district.centre, site=district.west)
    at_east = reader("iryna", district.centre, site=district.east)
    rows = type(shared).objects.exclude(pk=at_east.posting_id)

    assert set(rights.covered(at_east, rows, "organisation_id", "site_id")) == {east}
    assert set(rights.covered(at_east, rows, shared=True)) == {east, shared}


def test_what_is_set_above_holds_below(reader, district, city):
    oksana = reader("oksana", district.centre)

    assert set(rights.inherited(oksana, Organisation.objects.all(), "")) == {district.root, district.centre}


def test_the_documents_tell_the_same():
    page = (Path(__file__).parents[3] / "docs" / "reference" / "rights.md").read_text()
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines() if line.startswith("| ")
    ]
    header, *lines = [row for row in rows if len(row) == len(Role) + 1]
    roles = [Role(name.replace(" ", "_")) for name in header[1:]]

    told = {role: {row[0].strip("`") for row in lines if row[1 + n] == "yes"} for n, role in enumerate(roles)}
    assert told == {role: set(ROLE_RIGHTS[role]) for role in Role}
