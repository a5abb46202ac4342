"""Names across alphabets: every official spelling of a name meets the name itself."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careline.core import names

TODAY = date(2026, 3, 2)


def _name(consonants: str, vowels: str, codas: str) -> st.SearchStrategy[str]:
    """Two to five syllables: a consonant, a vowel, and perhaps a consonant that closes them."""
    syllable = st.tuples(st.sampled_from(consonants), st.sampled_from(vowels), st.sampled_from(["", "", *codas]))
    return st.lists(syllable, min_size=2, max_size=5).map(lambda parts: "".join(map("".join, parts)))


UKRAINIAN = _name("бвгґджзйклмнпрстфхцчшщ", "аеєиіїоуюя", "бвдзйклмнрстць")
RUSSIAN = _name("бвгджзйклмнпрстфхцчшщ", "аеёиоуыэюя", "бвдзйклмнрсть")
POLISH = st.text(alphabet="aąbcćdeęfghijklłmnńoóprsśtuwyzźż", min_size=3, max_size=14)
CHINESE = st.text(alphabet="王李张刘陈小明丽伟芳娜秀英敏静强磊军洋勇", min_size=1, max_size=2)
ANYTHING = st.text(max_size=60)


@given(UKRAINIAN)
def test_a_ukrainian_name_meets_its_official_transliteration(word):
    assert not names.readings(word) or set(names.readings(word)) & set(names.readings(names.ukrainian_2010(word)))


@given(RUSSIAN)
def test_a_russian_name_meets_its_spelling_in_a_passport(word):
    assert not names.readings(word) or set(names.readings(word)) & set(names.readings(names.russian_passport(word)))


@pytest.mark.parametrize(
    "spellings",
    [
        ("Гриценко", "Hrytsenko", "Grycenko", "Gritsenko", "Hrycenko"),
        ("Левицький", "Левицкий", "Levytskyi", "Levitsky", "Lewicki", "Lewycki"),
        ("Щербак", "Shcherbak", "Szczerbak", "Scherbak"),
        ("Жуковський", "Zhukovskyi", "Żukowski"),
        ("Чайковський", "Chaikovskyi", "Czajkowski", "Tchaikovsky"),
        ("Юлія", "Юлия", "Yuliia", "Julia", "Iuliia"),
        ("Соловьёв", "Soloviev", "Solovyov"),
    ],
)
def test_spellings_of_one_name_meet(spellings):
    first, *others = spellings
    for other in others:
        assert set(names.readings(first)) & set(names.readings(other)), other


@pytest.mark.parametrize("pair", [("Гриценко", "Кириленко"), ("Шевченко", "Левченко"), ("Nowak", "Nowicki")])
def test_different_names_stay_apart(pair):
    assert not set(names.readings(pair[0])) & set(names.readings(pair[1]))


@given(UKRAINIAN | RUSSIAN | POLISH)
def test_keys_do_not_mind_case_or_accents(word):
    assert names.name_keys(word.upper()) == names.name_keys(word.lower())
    assert names.plain(word) == names.plain(names.plain(word))


@given(UKRAINIAN | RUSSIAN)
def test_a_beginning_sounds_like_the_beginning_of_the_whole(word):
    whole = names.readings(word)
    for opening in names.openings(names.plain(word)[:4]):
        if len(opening) > 1 and whole:
            assert any(reading.startswith(opening[:2]) for reading in whole) or len(whole[0]) < 3


@given(CHINESE, CHINESE)
def test_a_chinese_name_has_every_part_of_itself(family, given_name):
    keys = set(names.name_keys(family, given_name))
    whole = family + given_name
    for start in range(len(whole)):
        for end in range(start + 1, len(whole) + 1):
            assert set(names.gram_query(whole[start:end])) <= keys


@given(ANYTHING, ANYTHING, ANYTHING)
def test_no_text_is_too_odd(family, given_name, middle):
    keys = names.name_keys(family, given_name, middle)
    assert all(keys), "an empty key cannot be indexed"
    assert all(len(key) <= 120 and "\x00" not in key for key in keys)
    names.sort_key(family, given_name, middle)
    names.display_name(family, given_name, middle, "uk")
    names.masked_name(family, given_name)
    names.take_dates(family, TODAY)
    names.other_layouts(family)
    names.stems(family)


@given(st.text(alphabet="abcdef", min_size=1, max_size=7), st.text(alphabet="abcdef", min_size=1, max_size=7))
def test_words_a_slip_apart_share_a_form_with_one_letter_left_out(a, b):
    if names.distance(a, b) <= 1:
        assert set(names.deletes(a)) & set(names.deletes(b))


@given(st.dates(date(1910, 1, 1), TODAY))
def test_a_date_of_birth_is_read_in_every_notation(day):
    for text in (
        f"{day:%d.%m.%Y}",
        f"{day:%Y-%m-%d}",
        f"{day.day}/{day.month}/{day.year}",
        f"{day.year}年{day.month}月{day.day}日",
    ):
        assert names.read_date(text, TODAY) == day


@pytest.mark.parametrize(
    "text", ["2 березня 1958 року", "2 марта 1958 г.", "2 marca 1958 r.", "March 2, 1958", "2nd March 1958", "02031958"]
)
def test_a_date_of_birth_in_words(text):
    assert names.read_date(text, TODAY) == date(1958, 3, 2)


@pytest.mark.parametrize("text", ["", "31.02.1958", "1850-01-01", "2.3.2199", "yesterday", "1958"])
def test_what_is_no_date_of_birth(text):
    assert names.read_date(text, TODAY) is None


@pytest.mark.parametrize(
    ("mixed", "ordered"),
    [
        ("Ґава Гава Єва Ева Яна Їва Іва Ива Йва", "Гава Ґава Ева Єва Ива Іва Їва Йва Яна"),
        ("Żak Zan Źdź Ćma Cyc Łoś Lis Óś Os", "Cyc Ćma Lis Łoś Os Óś Zan Źdź Żak"),
        ("王 李 张 安", "安 李 王 张"),
        ("Ящук Адам 王 Adam", "Adam Адам Ящук 王"),
    ],
)
def test_order_of_each_alphabet(mixed, ordered):
    assert " ".join(sorted(mixed.split(), key=names.sort_key)) == ordered


def test_a_name_sorts_before_the_longer_one():
    assert names.sort_key("Іван", "Яна") < names.sort_key("Іванов", "Анна")


def test_names_are_shown_in_the_order_of_the_screen():
    parts = ("Гончаренко", "Оксана", "Петрівна")
    assert names.display_name(*parts, language="uk") == "Гончаренко Оксана Петрівна"
    assert names.display_name(*parts, language="en") == "Оксана Петрівна Гончаренко"
    assert names.display_name("王", "小明", language="en") == "王小明"
    assert names.short_name(*parts) == "Гончаренко О. П."
    assert names.masked_name("王", "小明") == "王*明"
    assert names.masked_name("王", "明") == "王*"
    assert names.masked_name("Гончаренко", "Оксана", "en") == "Оксана Г."
    assert names.masked_number("+380501234567") == "···4567"
    assert names.masked_number("112") == "···"


def test_official_transliterations_by_their_published_examples():
    examples = {"Згурський": "Zghurskyi", "Їжакевич": "Yizhakevych", "Короп'є": "Koropie", "Щербухи": "Shcherbukhy"}
    assert {word: names.ukrainian_2010(word) for word in examples} == examples
    assert names.russian_passport("Юрьев") == "Iurev"
    assert names.polish_spelling("Гриценко") == "Hrycenko"
