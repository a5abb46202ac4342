"""Invented people of four alphabets, for demonstrations and measurements: the same seed gives the same people.

Names are drawn from lists and built from syllables, common ones more often (Zipf), as in a real register. Numbers and
cards are made up.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import accumulate
from random import Random

LANGUAGES = ("uk", "ru", "pl", "zh-hans")


@dataclass(frozen=True, slots=True)
class Person:
    """`phone` is E.164, or empty."""

    language: str
    family: str
    given: str
    middle: str
    birth_date: date
    sex: str
    phone: str
    number: str


_ONSETS = "Б В Г Д Ж З К Л М Н П Р С Т Х Ц Ч Ш Кр Гр Тр Бр Пр Ст Хр Др Шк Сл Бл Скр"
_VOWELS = "а о у и е"
_CODAS = "б в г д ж з к л м н п р с т х ш рн лк нд вк рб"
_PL_ONSETS = "B W G D Ż Z K L Ł M N P R S T Ch C Cz Sz Kr Gr Tr Br Pr St Chr Dr Szk Sł Bł Skrz"
_PL_VOWELS = "a o u y e ó i"
_PL_CODAS = "b w g d ż z k l ł m n p r s t ch sz rn lk nd wk rb"
_UK_ROOTS = (
    "Шевч Бонд Коваль Мельник Ткач Кравц Гончар Олій Поліщ Лис Мороз Марч Рудь Сав Петр Іван Павл Василь Марк Роман"
    " Данил Захар Григор Семен Степан Яким Тимош Федор Левиц Литв Кравч Гриц Яц Щерб Жук Юр Їжак Євт Хом Цимбал"
)
_UK_ENDS = "енко енко енко ук чук ський ів ець як ик ань ура"
_RU_ROOTS = (
    "Иван Петр Сидор Кузнец Смирн Поп Сокол Лебед Козл Новик Мороз Волк Салтык Василь Зайц Павл Семён Голуб"
    " Виноград Богдан Фёдор Михайл Тарас Бел Комар Орл Макар Коваль Гус Тит Кузьм Щерб Жук Яхонт Юрь Ёлк Эрн"
)
_PL_FAMILIES = (
    "Nowak Kowalski Wiśniewski Wójcik Kowalczyk Kamiński Lewandowski Zieliński Szymański Woźniak Dąbrowski Kozłowski"
    " Jankowski Mazur Wojciechowski Kwiatkowski Krawczyk Kaczmarek Piotrowski Grabowski Zając Pawłowski Michalski Król"
    " Wieczorek Jabłoński Wróbel Majewski Nowicki Olszewski Stępień Jaworski Malinowski Dudek Adamczyk Pawlak Górski"
    " Sikora Walczak Rutkowski Witkowski Baran Szewczyk Ostrowski Tomaszewski Zalewski Wróblewski Pietrzak Jasiński"
)
_ZH_FAMILIES = (
    "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田任姜范方石"
    "姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚文"
)  # fmt: skip
_ZH_DOUBLE = "欧阳 司马 上官 诸葛 东方 皇甫 尉迟 令狐"
_ZH_GIVEN = (
    "伟芳娜秀英敏静丽强磊军洋勇艳杰娟涛明超霞平刚桂兰小红玉梅华建国文志海波宇浩然子轩梓涵雨欣佳怡思远嘉俊晨阳鑫瑞雪莹婷慧琳琪瑶"
    "倩颖雅菲蕾薇晓东西南北春夏秋冬松柏林森峰岩石川江河湖海天云星月光辉耀荣昌盛兴旺福禄寿喜祥和安康宁泰永长久恒成功立业学勤俭朴"
    "忠孝仁义礼智信德才贤良善美真诚义勇坚毅刚强威武雄壮龙虎凤麟鹏飞翔腾跃进达通顺利元亨贞吉庆乐欢欣悦心怀志向宏图广大博厚高明"
)
_GIVEN = {
    "uk": {
        "f": "Оксана Олена Наталія Ірина Тетяна Ольга Марія Катерина Світлана Людмила Юлія Вікторія Ганна Галина Надія"
        " Лариса Валентина Любов Софія Дарина Анастасія Христина Зоряна Соломія Євгенія Ярослава Леся Мар'яна Руслана",
        "m": "Олександр Сергій Володимир Андрій Іван Микола Василь Юрій Олексій Михайло Дмитро Петро Тарас Богдан Ігор"
        " Віктор Роман Олег Максим Євген Артем Назар Остап Степан Григорій Павло Ярослав В'ячеслав Кирило Данило",
    },
    "ru": {
        "f": "Елена Ольга Наталья Татьяна Ирина Анна Мария Екатерина Светлана Людмила Юлия Виктория Галина"
        " Надежда Алёна"
        " Дарья Ксения Любовь Евгения Полина Вера Лидия Зинаида Тамара Нина Раиса Маргарита Вероника Кристина Яна",
        "m": "Александр Сергей Владимир Андрей Иван Николай Василий Юрий Алексей Михаил Дмитрий Пётр Денис Борис Игорь"
        " Виктор Роман Олег Максим Евгений Артём Фёдор Семён Степан Григорий Павел Ярослав Вячеслав Кирилл Илья",
    },
    "pl": {
        "f": "Anna Maria Katarzyna Małgorzata Agnieszka Barbara Ewa Krystyna Elżbieta Zofia Teresa"
        " Magdalena Joanna Monika"
        " Danuta Halina Irena Jadwiga Julia Zuzanna Hanna Wiktoria Oliwia Świetłana Łucja Róża Żaneta Grażyna Bożena",
        "m": "Piotr Krzysztof Andrzej Tomasz Jan Paweł Michał Marcin Stanisław Jakub Adam Marek Łukasz Grzegorz Mateusz"
        " Wojciech Mariusz Dariusz Zbigniew Jerzy Maciej Rafał Robert Kamil Józef Szymon Bartłomiej Sławomir Władysław",
    },
}
_FATHERS = {
    "uk": {name: name for name in _GIVEN["uk"]["m"].split()},
    "ru": {name: name for name in _GIVEN["ru"]["m"].split()},
}


def _built(onsets: str, vowels: str, codas: str, random: Random, count: int) -> list[str]:
    every = [a + b + c for a in onsets.split() for b in vowels.split() for c in codas.split()]
    return random.sample(every, count)


def _uk_patronymic(father: str, female: bool) -> str:
    stem, soft = father, False
    if father in ("Микола", "Сава", "Лука"):
        return ("Миколаївна" if female else "Миколайович") if father == "Микола" else father
    if father.endswith("й"):
        stem, soft = father[:-1], True
    elif father.endswith(("о", "ь")):
        stem = father[:-1]
    if soft:
        return stem + ("ївна" if female else "йович")
    return stem + ("івна" if female else "ович")


def _ru_patronymic(father: str, female: bool) -> str:
    if father == "Илья":
        return "Ильинична" if female else "Ильич"
    if father == "Павел":
        return "Павловна" if female else "Павлович"
    if father == "Пётр":
        return "Петровна" if female else "Петрович"
    if father.endswith("ий"):
        return father[:-2] + ("ьевна" if female else "ьевич")
    if father[-1] in "йь":
        return father[:-1] + ("евна" if female else "евич")
    return father + ("овна" if female else "ович")


def _families(language: str, random: Random) -> list[tuple[str, str]]:
    """Family names as (male, female), the commonest first."""
    if language == "zh-hans":
        return [(name, name) for name in (*_ZH_FAMILIES, *_ZH_DOUBLE.split())]
    if language == "uk":
        roots = [*_UK_ROOTS.split(), *_built(_ONSETS, _VOWELS, _CODAS, random, 1500)]
        found = [root + end for root in roots for end in dict.fromkeys(_UK_ENDS.split())]
        head = found[: len(found) // 40]
        random.shuffle(head)
        rest = found[len(found) // 40 :]
        random.shuffle(rest)
        return [(name, name[:-4] + "ська" if name.endswith("ський") else name) for name in (*head, *rest)]
    if language == "ru":
        roots = [*_RU_ROOTS.split(), *_built(_ONSETS, _VOWELS, _CODAS, random, 2500)]
        found = [root + end for root in roots for end in ("ов", "ин", "ский", "аев")]
        head, rest = found[: len(found) // 40], found[len(found) // 40 :]
        random.shuffle(head)
        random.shuffle(rest)
        return [(n, n[:-2] + "ая" if n.endswith("ий") else n + "а") for n in (*head, *rest)]
    roots = _built(_PL_ONSETS, _PL_VOWELS, _PL_CODAS, random, 2500)
    found = [root + end for root in roots for end in ("owski", "icki", "czyk", "ak", "ewicz")]
    random.shuffle(found)
    return [(n, n[:-1] + "a" if n.endswith("ki") else n) for n in (*_PL_FAMILIES.split(), *found)]


class _Drawer:
    """Draws names with the common ones in front: weight 1 / (rank + shift) ^ power."""

    def __init__(self, items: list[str] | list[tuple[str, str]], power: float, shift: float = 3.0) -> None:
        self.items = items
        self.weights = list(accumulate(1 / (rank + shift) ** power for rank in range(len(items))))

    def draw(self, random: Random, count: int) -> list:
        return random.choices(self.items, cum_weights=self.weights, k=count)


_STARTS = {
    "uk": ("+38050", "+38067", "+38063", "+38098", "+38066"),
    "ru": ("+7916", "+7903", "+7925", "+7985", "+7999"),
    "pl": ("+4850", "+4860", "+4869", "+4878", "+4888"),
    "zh-hans": ("+86138", "+86139", "+86150", "+86186", "+86177"),
}
_LENGTH = {"uk": 13, "ru": 12, "pl": 12, "zh-hans": 14}
_FIRST_BIRTH = date(1930, 1, 1)
_CHUNK = 10_000


def people(language: str, count: int, seed: int) -> Iterator[Person]:
    """`count` invented people. One in six shares the number of the one before: a family. One in ten has none."""
    random = Random(f"careline {language}")  # noqa: S311 - the names are the same for every seed
    families = _Drawer(_families(language, random), 0.75 if language != "zh-hans" else 0.9)
    random = Random(f"careline {language} {seed}")  # noqa: S311
    made, phone = 0, ""
    while made < count:
        size = min(_CHUNK, count - made)
        pairs = families.draw(random, size)
        given = _givens(language, random, size)
        fathers = random.choices(list(_FATHERS.get(language, {"": ""})), k=size)
        days = random.choices(range(35_000), k=size)
        for i, (pair, (sex, first), father, day) in enumerate(zip(pairs, given, fathers, days, strict=True)):
            dice = random.random()
            if dice < 0.1:
                phone = ""
            elif dice < 0.83 or not phone:
                start = random.choice(_STARTS[language])
                phone = start + str(random.randrange(10 ** (_LENGTH[language] - len(start)))).zfill(
                    _LENGTH[language] - len(start)
                )
            middle = ""
            if language in ("uk", "ru"):
                middle = (_uk_patronymic if language == "uk" else _ru_patronymic)(father, sex == "f")
            number = f"{LANGUAGES.index(language)}{seed % 10}{made + i:06d}"
            yield Person(
                language,
                pair[sex == "f"],
                first,
                middle,
                _FIRST_BIRTH + timedelta(days=day),
                sex,
                phone,
                f"{number[:4]}-{number[4:]}",
            )
        made += size


def _givens(language: str, random: Random, count: int) -> list[tuple[str, str]]:
    """(sex, given name). A third of Chinese given names have one character."""
    sexes = random.choices("fm", k=count)
    if language == "zh-hans":
        ones = _Drawer(list(dict.fromkeys(_ZH_GIVEN)), 0.5)
        first, second = ones.draw(random, count), ones.draw(random, count)
        single = random.choices((True, False, False), k=count)
        return [(s, a if one else a + b) for s, a, b, one in zip(sexes, first, second, single, strict=True)]
    each = {sex: _Drawer(text.split(), 0.6).draw(random, count) for sex, text in _GIVEN[language].items()}
    return [(sex, each[sex][i]) for i, sex in enumerate(sexes)]
