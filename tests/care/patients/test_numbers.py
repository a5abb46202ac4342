"""A telephone number in any notation: the same number, or a refusal that says why."""

from __future__ import annotations

import pytest

from careline.care.patients.queries import search_patients
from careline.care.patients.rules import BadNumber, HasExtension, e164

OKSANA = "+380505550134"


@pytest.mark.parametrize("region", ["UA", "RU", "PL", "CN"])
@pytest.mark.parametrize(
    "written",
    [
        "+380505550134",
        "＋３８０ ５０ ５５５ ０１ ３４",
        "+٣٨٠٥٠٥٥٥٠١٣٤",
        "00380505550134",
        "00 380 (50) 555-01-34",
        "+380 (50) 555-01-34",
        "+380.50.555.01.34",
        "+380\u00a050\u00a0555\u20110134",
        "\u202a+380505550134\u202c",
        "tel:+380505550134",
    ],
)
def test_an_international_number_is_the_same_everywhere(region, written):
    assert e164(written, region) == OKSANA


@pytest.mark.parametrize(
    ("region", "written", "number"),
    [
        ("UA", "050 555 01 34", "+380505550134"),
        ("UA", "０５０-５５５-０１-３４", "+380505550134"),
        ("RU", "8 (495) 555-01-34", "+74955550134"),
        ("RU", "8~10 380 50 555 01 34", "+380505550134"),
        ("PL", "22 555 01 34", "+48225550134"),
        ("CN", "１３９ １２３４ ５６７８", "+8613912345678"),
        ("CN", "(010) 8555 0134", "+861085550134"),
    ],
)
def test_a_national_number_is_of_the_sites_country(region, written, number):
    assert e164(written, region) == number


@pytest.mark.parametrize("region", ["UA", "RU", "PL", "CN"])
@pytest.mark.parametrize(
    "written",
    [
        "",
        "+",
        "call me",
        "12",
        "1" * 40,
        "9" * 5000,
        "😀",
        "050555013O",
        "+380505550134 (mum)",
        "\x00",
        "\ud800",
        "0-0-0-0",
    ],
)
def test_what_is_none_is_refused_and_never_mended_in_silence(region, written):
    with pytest.raises(BadNumber):
        e164(written, region)


@pytest.mark.parametrize(
    "written", ["+380505550134 ext 5", "+380505550134 доб. 12", "+380505550134;ext=5", "+380505550134, 7"]
)
def test_an_extension_is_named(written):
    with pytest.raises(HasExtension) as refusal:
        e164(written, "UA")
    assert str(refusal.value) == f"{written} has an extension. Give the number without it."
    assert e164(written, "UA", extension=True) == OKSANA


@pytest.mark.parametrize(
    "typed", ["050 123 45 67", "０５０１２３４５６７", "٠٥٠١٢٣٤٥٦٧", "00380501234567", "+380 (50) 123-45-67", "1234567"]
)
def test_a_number_is_found_in_any_notation(operator, patients, typed):
    assert search_patients(operator, typed)
