"""A web worker loads at its start what its first requests would wait for."""

from __future__ import annotations

import subprocess
import sys

import pytest
from django.db import OperationalError

from careline.app import warm
from careline.base.organisations.models import Organisation
from careline.core.names import han


@pytest.fixture
def asked(monkeypatch) -> list[str]:
    """The characters whose reading was asked for."""
    found: list[str] = []
    monkeypatch.setattr(han, "syllables", found.append)
    return found


@pytest.mark.django_db
def test_pinyin_is_loaded_where_chinese_is_spoken(asked):
    Organisation.objects.create(code="linjiang", name="临江医院", kind="hospital", languages=["zh-hans", "en"])
    warm.warm()
    assert len(asked) == 1


@pytest.mark.django_db
def test_pinyin_is_left_alone_where_it_is_not(asked):
    Organisation.objects.create(code="stav", name="Тихий Став", kind="clinic", languages=["uk"])
    warm.warm()
    assert asked == []


@pytest.mark.django_db
def test_worker_starts_without_a_database(asked, monkeypatch):
    def away(**_: object) -> None:
        raise OperationalError("the server closed the connection")

    monkeypatch.setattr(Organisation.objects, "filter", away)
    warm.warm()
    assert asked == []


def test_character_asked_for_needs_the_dictionaries():
    """Otherwise the warming would warm nothing."""
    code = "import sys; from careline.core.names import han; han.syllables('李'); print('pypinyin' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"
