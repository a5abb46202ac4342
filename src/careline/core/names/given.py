"""Given names that are one name in neighbouring languages: who says Олена may be written Елена."""

from __future__ import annotations

from functools import lru_cache

from careline.core.names.sound import readings

# Ukrainian, Russian, Polish, English, and everyday forms.
_SAME = """
Олександр Александр Aleksander Alexander Саша
Олександра Александра Aleksandra Alexandra Саша
Олексій Алексей Aleksy Alexey Олекса
Олена Елена Helena Elena Лена
Оксана Ксения Ксенія Ksenia
Ольга Olga Оля
Ганна Анна Anna Hanna Аня
Андрій Андрей Andrzej Andrew
Антон Антоній Antoni Anthony
Борис Borys
Василь Василий Bazyli Basil Вася
Вікторія Виктория Wiktoria Victoria Віка
Віктор Виктор Wiktor Victor
Володимир Владимир Włodzimierz Volodymyr Vladimir Вова
В'ячеслав Вячеслав Wiaczesław
Галина Halina Galina
Геннадій Геннадий Hennadii
Григорій Григорий Grzegorz Gregory
Дарина Дарья Дар'я Daria
Дмитро Дмитрий Dymitr Dmitry Діма
Євген Евгений Eugeniusz Eugene
Євгенія Евгения Eugenia
Катерина Екатерина Katarzyna Catherine Катя
Іван Иван Jan John Ваня
Ігор Игорь Ihor Igor
Ірина Ирина Irena Irene Іра
Кирило Кирилл Cyryl Cyril
Костянтин Константин Konstanty Constantine
Лідія Лидия Lidia Lydia
Лев Lew Leo
Любов Любовь
Людмила Ludmiła Люда
Максим Maksym Maxim
Марина Maryna Marina
Марія Мария Maria Mary Maryja Маша
Микита Никита Nikita
Микола Николай Mikołaj Nicholas Коля
Михайло Михаил Michał Michael Миша
Надія Надежда Nadzieja
Наталія Наталья Наталя Natalia Наташа
Олег Oleh Oleg
Павло Павел Paweł Paul Паша
Петро Пётр Piotr Peter Петя
Роман Roman
Світлана Светлана Swietłana Svetlana
Семен Семён Szymon Simon
Сергій Сергей Sergiusz Serge
Софія София Zofia Sophia Соня
Степан Stefan Stephen
Тетяна Татьяна Tatiana Таня
Тимофій Тимофей Tymoteusz Timothy
Федір Фёдор Teodor Theodore
Юлія Юлия Julia Юля
Юрій Юрий Jerzy George Юра
Яків Яков Jakub Jacob
Ярослав Jarosław
Яна Янина Janina
Пилип Филипп Filip Philip
Артем Артём
Богдан Bohdan Bogdan
Матвій Матвей Mateusz Matthew
Лука Łukasz Luke
Христина Кристина Krystyna Christina
Зінаїда Зинаида Zinaida
Єлизавета Елизавета Elżbieta Elizabeth Ліза
Вероніка Вероника Weronika Veronica
Валентина Walentyna
Данило Даниил Данила Daniel
Захар Zachary
Тарас Taras
Йосип Иосиф Józef Joseph
Макар Makary
Гліб Глеб
Ілля Илья Eliasz Elias
"""


def _index() -> dict[str, tuple[str, ...]]:
    found: dict[str, dict[str, None]] = {}
    for line in _SAME.split("\n"):
        sounds = list(dict.fromkeys(sound for name in line.split() for sound in readings(name)[:2]))
        for sound in sounds:
            found.setdefault(sound, {}).update(dict.fromkeys(sounds))
    return {sound: tuple(others) for sound, others in found.items()}


@lru_cache(maxsize=1)
def _variants() -> dict[str, tuple[str, ...]]:
    return _index()


def variants(word: str) -> tuple[str, ...]:
    """Sounds (see `sound.readings`) of the same given name in the neighbouring languages, without the word's own."""
    own = readings(word)
    known = _variants()
    return tuple(dict.fromkeys(s for reading in own for s in known.get(reading, ()) if s not in own))
