from __future__ import annotations

import csv
import io
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from careline.base.accounts.models import Role, User
from careline.base.audit.actions import record
from careline.base.audit.models import AuditRow

LIST = "/admin/audit/auditrow/"


@pytest.fixture
def auditor(client, posting, district):
    maria = posting("maria", district.root, Role.AUDITOR)
    client.force_login(maria.user)
    return maria


def test_an_auditor_sees_who_read_a_patient(client, auditor, reader, district):
    patient, another = uuid4(), uuid4()
    oksana = reader("oksana", district.centre)
    petro = reader("petro", district.centre)
    record(oksana, "patient.searched", "patient", [another, patient])
    record(petro, "patient.opened", "patient", [another])

    content = client.get(LIST, {"q": str(patient)}).content.decode()
    assert "(oksana)" in content
    assert "(petro)" not in content


def test_an_auditor_sees_what_a_person_read(client, auditor, reader, district):
    record(reader("oksana", district.centre), "patient.opened", "patient", [uuid4()])
    record(reader("petro", district.centre), "contact.exported", "contact")

    content = client.get(LIST, {"q": "petro"}).content.decode()
    assert "(petro)" in content
    assert "(oksana)" not in content


def test_another_networks_trail_is_not_shown(client, auditor, reader, district, city):
    record(reader("oksana", district.centre), "patient.opened", "patient")
    record(reader("stranger", city.centre), "patient.changed", "patient")

    content = client.get(LIST).content.decode()
    assert "patient.opened" in content
    assert "patient.changed" not in content


@pytest.mark.parametrize("role", [r for r in Role if r is not Role.AUDITOR])
def test_only_auditors_read_the_trail(role, client, posting, district):
    client.force_login(posting("oksana", district.centre, role).user)

    assert client.get(LIST, follow=True, headers={"accept": "text/html"}).status_code in {403, 404}
    assert client.get(f"{LIST}export/", follow=True, headers={"accept": "text/html"}).status_code in {403, 404}


def test_nobody_changes_it(client, auditor, reader, district):
    record(reader("oksana", district.centre), "patient.opened", "patient")
    row = AuditRow.objects.get()

    assert client.get(f"{LIST}add/").status_code == 403
    assert client.post(f"{LIST}{row.pk}/change/", {"action": "x"}).status_code == 403
    assert client.post(f"{LIST}{row.pk}/delete/", {"post": "yes"}).status_code == 403


def test_the_file_holds_what_the_list_shows_and_leaves_a_trace(client, auditor, reader, district):
    patient = uuid4()
    oksana = reader("oksana", district.centre)
    record(oksana, "patient.opened", "patient", [patient], reason="=HYPERLINK(1)")
    record(oksana, "contact.exported", "contact")

    response = client.get(f"{LIST}export/", {"q": "patient.opened"})
    [row] = csv.DictReader(io.StringIO(b"".join(response.streaming_content).decode()))

    assert (row["user"], row["action"], row["ids"]) == ("(oksana)", "patient.opened", str(patient))
    assert row["reason"] == "'=HYPERLINK(1)"
    trace = AuditRow.objects.get(action="audit.exported")
    assert (trace.user_id, trace.detail["rows"]) == (auditor.user_id, 1)


def test_a_longer_trail_costs_no_more_queries(client, auditor, reader, district):
    counts = []
    client.get(LIST)
    for n in range(2):
        for m in range(3):
            record(reader(f"person{n}{m}", district.centre), "patient.opened", "patient")
        with CaptureQueriesContext(connection) as queries:
            client.get(LIST)
        counts.append(len(queries))

    assert counts[0] == counts[1] <= 12
    assert User.objects.count() == 7
