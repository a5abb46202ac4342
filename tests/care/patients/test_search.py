"""Search as people type it: one line, any alphabet, any order."""

from __future__ import annotations

import pytest

from careline.care.patients.queries import search_patients

DISTRICT = [
    ("Гончаренко Оксана", ["oksana"]),
    ("оксана гончаренко", ["oksana"]),
    ("гонч окс", ["oksana"]),
    ("гончар 1958", ["olha", "oksana"]),
    ("гончар", ["olha", "oksana", "taras"]),
    ("Гончаренко О. П.", ["oksana"]),
    ("Honcharenko Oksana", ["oksana"]),
    ("Hončarenko Oksana", ["oksana"]),
    ("Gonczarenko Oksana", ["oksana"]),
    ("honch oks", ["oksana"]),
    ("Петрівна", ["oksana"]),
    ("Гончаренку Оксані", ["oksana"]),
    ("Гочаренко Оксана", ["oksana"]),
    ("Гончарнеко Оксана", ["oksana"]),
    ("Honcharennko Oksanna", ["oksana"]),
    ("ujyxfhtyrj jrcfyf", ["oksana"]),
    ("02.03.1958", ["oksana"]),
    ("1958-03-02", ["oksana"]),
    ("2 березня 1958 року", ["oksana"]),
    ("02031958", ["oksana"]),
    ("2/3/58 гонч", ["oksana"]),
    ("0501234567", ["oksana", "taras"]),
    ("+38 (050) 123-45-67", ["oksana", "taras"]),
    ("123 45 67", ["wojcik", "oksana", "taras", "alena"]),
    ("4567 тарас", ["taras"]),
    ("гонч 050", ["oksana", "taras"]),
    ("0471-2280", ["oksana"]),
    ("04712280", ["oksana"]),
    ("Hrytsenko", ["serhii"]),
    ("Grycenko", ["serhii"]),
    ("Gritsenko Sergei", ["serhii"]),
    ("Гриценко Сергей", ["serhii"]),
    ("Lewicki Jurij", ["yurii"]),
    ("Levytskyi", ["yurii"]),
    ("Левицкий Юрий", ["yurii"]),
    ("Левицькому", ["yurii"]),
    ("Соловьева Алена", ["alena"]),
    ("Solovyova Alyona", ["alena"]),
    ("Solovieva", ["alena"]),
    ("Żukowski", ["zhukov"]),
    ("Zhukovsky Andrey", ["zhukov"]),
    ("Wojcik", ["wojcik"]),
    ("Wójcik Łukasz", ["wojcik"]),
    ("Войцик Лукаш", ["wojcik"]),
    ("Цщосшл", ["wojcik"]),
    ("Dabrowska", ["dabrowska"]),
    ("Домбровска", ["dabrowska"]),
    ("żak", ["dabrowska"]),
    ("Dąbrowska-Żak Elżbieta", ["dabrowska"]),
    ("OBrien", ["brien"]),
    ("o’brien mary", ["brien"]),
    ("ніхто", []),
    ("   ", []),
    ("'); DROP TABLE & | ! <-> \\ : *", []),
    ("\x00%_", []),
    ("2000", []),
]
HOSPITAL = [
    ("王小明", ["wang"]),
    ("小明", ["wang"]),
    ("王", ["wang2", "wang"]),
    ("明", ["wang2", "wang"]),
    ("王明", ["wang2"]),
    ("wang xiaoming", ["wang"]),
    ("xiaoming wang", ["wang"]),
    ("Wáng Xiǎomíng", ["wang"]),
    ("wang2 xiao3ming2", ["wang"]),
    ("wangxiaoming", ["wang"]),
    ("wangxiaom", ["wang"]),
    ("wxm", ["wang"]),
    ("王曉明", ["wang"]),
    ("王晓明", ["wang"]),
    ("Ван Сяомин", ["wang"]),
    ("Wang 138", ["wang"]),
    ("Wang 13812345678", ["wang"]),
    ("王小明 1958年3月2日", ["wang"]),
    ("王小明1958", ["wang"]),
    ("wnag xiaoming", ["wang"]),
    ("lv li", ["lv"]),
    ("lu li", ["lv"]),
    ("呂麗", ["lv"]),
    ("ouyang na", ["ouyang"]),
    ("歐陽娜", ["ouyang"]),
    ("shan yue", ["shan"]),
    ("shanle", ["shan"]),
]


def found(reader, text, patients):
    key_of = {patient.pk: key for key, patient in patients.items()}
    return [key_of[hit.id] for hit in search_patients(reader, text)]


@pytest.mark.parametrize(("text", "expected"), DISTRICT)
def test_the_district_finds_its_patients_however_they_are_typed(operator, patients, text, expected):
    assert found(operator, text, patients) == expected


@pytest.mark.parametrize(("text", "expected"), HOSPITAL)
def test_the_hospital_finds_chinese_names_however_they_are_typed(stranger, patients, text, expected):
    assert found(stranger, text, patients) == expected
