"""Names of people in Ukrainian, Russian, Polish, Chinese and English: keys to find, order and show them by. Pure."""

from careline.core.names.dates import Day, age_on, from_digits, is_year, read_date, take_dates
from careline.core.names.given import variants
from careline.core.names.han import gram_query, same_sound
from careline.core.names.keys import card_key, name_keys, phone_keys, record_keys, vocabulary
from careline.core.names.latin import polish_spelling, russian_passport, ukrainian_2010
from careline.core.names.order import display_name, family_first, masked_name, masked_number, short_name, sort_key
from careline.core.names.scripts import Script, plain, script_of, words
from careline.core.names.slips import deletes, distance, other_layouts, stems
from careline.core.names.sound import openings, readings

__all__ = [
    "Day",
    "Script",
    "age_on",
    "card_key",
    "deletes",
    "display_name",
    "distance",
    "family_first",
    "from_digits",
    "gram_query",
    "is_year",
    "masked_name",
    "masked_number",
    "name_keys",
    "openings",
    "other_layouts",
    "phone_keys",
    "plain",
    "polish_spelling",
    "read_date",
    "readings",
    "record_keys",
    "russian_passport",
    "same_sound",
    "script_of",
    "short_name",
    "sort_key",
    "stems",
    "take_dates",
    "ukrainian_2010",
    "variants",
    "vocabulary",
    "words",
]
