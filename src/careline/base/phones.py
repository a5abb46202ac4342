"""Telephone numbers, read and written without losing a digit."""

from __future__ import annotations

import unicodedata

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberFormat

__all__ = ["NumberParseException", "PhoneNumber", "e164", "international", "read"]


def read(number: str, region: str | None = None) -> PhoneNumber:
    """The number in any notation; `region` is the ISO country whose national notation is meant.

    In an international number a zero after the country's code is a trunk prefix only if the number exists without it.
    Otherwise it belongs to the number (fictional ones begin so), and a number read twice stays what it is.
    Raises NumberParseException.
    """
    written = unicodedata.normalize("NFKC", number)
    found = phonenumbers.parse(written, region)
    if not written.strip().startswith("+") or phonenumbers.is_valid_number(found):
        return found
    digits = "".join(sign for sign in written.split(";")[0] if sign.isdigit())
    national = digits.removeprefix(str(found.country_code))
    zeros = len(national) - len(national.lstrip("0"))
    if zeros and national.lstrip("0") == str(found.national_number):
        found.italian_leading_zero, found.number_of_leading_zeros = True, zeros
    return found


def e164(number: PhoneNumber) -> str:
    """ "+380671234567": as numbers are kept."""
    return str(phonenumbers.format_number(number, PhoneNumberFormat.E164))


def international(number: PhoneNumber) -> str:
    """ "+380 67 123 4567": in groups, as one reads it aloud."""
    return str(phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL))
