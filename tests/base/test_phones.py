"""Numbers survive being read and written, however often; fictional ones too."""

from __future__ import annotations

import pytest

from careline.base import phones
from careline.care.contacts.rules import e164 as callers
from careline.care.patients.imports import quick_e164
from careline.care.patients.rules import e164 as patients
from careline.faces.wording import phone


@pytest.mark.parametrize(
    "number", ["+860005550139", "+380005550139", "+70005550139", "+48005550139", "+390612345678", "+8613800138000"]
)
def test_number_read_and_written_stays_what_it_is(number):
    assert phones.e164(phones.read(number)) == number
    assert (
        callers(number, "CN") == callers(number, "UA") == patients(number, "PL") == quick_e164(number, "CN") == number
    )
    assert phone(number).replace(" ", "").replace("-", "") == number


def test_fictional_chinese_number_is_shown_with_all_its_zeros():
    assert phone("+860005550139") == "+86 0005550139"


def test_trunk_zero_of_a_real_number_is_left_out():
    assert callers("+86 010 6552 9988", "CN") == "+861065529988"
    assert callers("010 6552 9988", "CN") == "+861065529988"
    assert callers("067 123 45 67", "UA") == "+380671234567"


def test_other_digits_are_digits():
    assert phones.e164(phones.read("＋86 0005550139")) == "+860005550139"
