"""The site's word for whom it serves."""

from __future__ import annotations

import pytest
from django.utils import translation

from careline.base.organisations.words import CLIENTS, calling, worded, worded_lazy


def test_the_sites_word_stands_in_a_whole_sentence():
    late = worded_lazy("New patient")
    with translation.override("en"):
        assert (worded("Find a patient"), str(late)) == ("Find a patient", "New patient")
        with calling("client"):
            assert (worded("Find a patient"), str(late)) == ("Find a client", "New client")
        assert worded("Find a patient") == "Find a patient"


def test_a_sentence_without_its_pair_is_a_mistake():
    with pytest.raises(KeyError):
        worded("Find a doctor")


@pytest.mark.parametrize("language", ["uk", "ru", "pl", "zh-hans"])
def test_each_language_has_both_sentences(language):
    with translation.override(language):
        for patients in CLIENTS:
            said = worded(patients)
            with calling("client"):
                assert worded(patients) not in (said, patients, CLIENTS[patients])


def test_client_stands_wherever_patient_stood():
    assert all("patient" in one.lower() and "patient" not in other.lower() for one, other in CLIENTS.items())
