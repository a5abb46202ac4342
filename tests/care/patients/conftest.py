"""The cast of the patients' room: two networks that must never see each other's records."""

from __future__ import annotations

from datetime import date

import pytest

from careline.base.accounts.models import Posting, Role, User
from careline.base.accounts.rights import Reader, reader_for
from careline.base.organisations.models import Organisation, Settlement, Site
from careline.care.patients.actions import create_patient


def _posting(
    username: str, organisation: Organisation, role: Role, site: Site | None = None, language: str = "en"
) -> Reader:
    user = User.objects.create_user(username, language=language)
    return reader_for(
        Posting.objects.create(user=user, organisation=organisation, role=role, site=site, valid_from=date(2020, 1, 1))
    )


@pytest.fixture
def district(db) -> Organisation:
    return Organisation.objects.create(
        code="district", name="District", kind="network", policy="UA", timezone="Europe/Kyiv"
    )


@pytest.fixture
def clinic(district) -> Organisation:
    return Organisation.objects.create(
        code="centre", name="Centre", kind="clinic", parent=district, policy="UA", timezone="Europe/Kyiv"
    )


@pytest.fixture
def site(clinic) -> Site:
    return Site.objects.create(organisation=clinic, code="stav", name="Tykhyi Stav", kind="ambulatory")


@pytest.fixture
def settlement(district) -> Settlement:
    return Settlement.objects.create(organisation=district, name="Тихий Став", latitude=49.1, longitude=25.2)


@pytest.fixture
def hospital(db) -> Organisation:
    return Organisation.objects.create(
        code="hospital", name="Hospital", kind="hospital", policy="CN", timezone="Asia/Shanghai"
    )


@pytest.fixture
def registrar(clinic, site) -> Reader:
    return _posting("registrar", clinic, Role.REGISTRAR, site, "uk")


@pytest.fixture
def operator(district) -> Reader:
    return _posting("operator", district, Role.OPERATOR)


@pytest.fixture
def stranger(hospital) -> Reader:
    return _posting("stranger", hospital, Role.OPERATOR, language="zh-hans")


@pytest.fixture
def auditor(district) -> Reader:
    return _posting("auditor", district, Role.AUDITOR)


@pytest.fixture
def patients(operator, stranger, settlement, site):
    """A few of each alphabet, by a short name."""
    both = {"settlement": settlement, "site": site}
    rows = {
        "oksana": (
            "Гончаренко",
            "Оксана",
            "Петрівна",
            "1958-03-02",
            ["050 123 45 67"],
            {"number": "0471-2280", **both},
        ),
        "taras": ("Гончаренко", "Тарас", "Іванович", "1984-11-20", ["050 123 45 67"], {}),
        "olha": ("Гончар", "Ольга", "Василівна", "1958-07-30", ["067 111 22 33"], {}),
        "serhii": ("Гриценко", "Сергій", "Олегович", "1990-01-15", [], {}),
        "yurii": ("Левицький", "Юрій", "Якович", "1971-12-31", [], {}),
        "alena": ("Соловьёва", "Алёна", "Дмитриевна", "1969-05-05", ["+7 916 123-45-67"], {}),
        "zhukov": ("Жуковский", "Андрей", "", "1950-10-01", [], {}),
        "wojcik": ("Wójcik", "Łukasz", "", "1988-08-08", ["+48 601 234 567"], {}),
        "dabrowska": ("Dąbrowska-Żak", "Elżbieta", "", "1979-02-28", [], {}),
        "brien": ("O'Brien", "Mary", "", "1966-06-06", [], {}),
    }
    made = {
        key: create_patient(operator, family_name=f, given_name=g, middle_name=m, birth_date=b, phones=phones, **more)
        for key, (f, g, m, b, phones, more) in rows.items()
    }
    chinese = {
        "wang": ("王", "小明", "1958-03-02", ["138 1234 5678"]),
        "wang2": ("王", "明", "1990-02-03", []),
        "lv": ("吕", "丽", "1977-07-07", []),
        "ouyang": ("欧阳", "娜", "1985-09-09", []),
        "shan": ("单", "乐", "1999-01-01", []),
    }
    for key, (f, g, b, phones) in chinese.items():
        made[key] = create_patient(stranger, family_name=f, given_name=g, birth_date=b, phones=phones)
    return made
