"""Searching a million patients in four alphabets: `python -m benchmarks.patients [--quick]`.

A quarter each of the invented people is Ukrainian, Russian, Polish and Chinese (a third of the Chinese given names have
one character). They are taken over by the very import of the product into a database of their own, which is dropped
at the end. The server is that of DATABASE_URL; without it one is started from our own binaries in a temporary folder.

The queries are made from people drawn before any search, with another seed, as they would be asked for. A query counts
as answered when the person meant is among the first three. Where the words asked for fit more than one person in the
data exactly, the date of birth is added, as an operator would ask for it. "Broad" queries (a family name alone, a few
letters) mean nobody in particular: they count for the time and not for `top3`.

Times are of the whole `search_patients`: reading the text, all index looks, building the list, the audit row's commit.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import psycopg
from psycopg import sql

SEED = 20260302
PEOPLE = 1_000_000
QUICK_PEOPLE = 50_000
SHARE = 4
MONTHS = "січня лютого березня квітня травня червня липня серпня вересня жовтня листопада грудня"


@contextmanager
def server() -> Iterator[str]:
    """A connection URL of a server on which databases may be made."""
    if url := os.environ.get("DATABASE_URL"):
        yield url
        return
    from careline.app.places import Home
    from careline.app.postgres import SUPERUSER, Cluster

    with tempfile.TemporaryDirectory(prefix="careline-bench-") as folder:
        Path(folder).chmod(0o711)  # the server runs as another user when we are root
        home = Home(Path(folder) / "home")
        home.prepare()
        cluster = Cluster(home)
        cluster.start()
        try:
            yield cluster.url(SUPERUSER, "postgres")
        finally:
            cluster.stop()


@contextmanager
def database(url: str, keep: bool, people: int) -> Iterator[str]:
    """A database of our own on that server; with `keep` it stays, and serves the next run of the same people."""
    name = f"careline_bench_patients_{uuid.uuid4().hex[:8]}" if not keep else f"careline_bench_patients_{people}"
    parts = psycopg.conninfo.conninfo_to_dict(url)
    maintenance = psycopg.conninfo.make_conninfo(**{**parts, "dbname": "postgres"})
    with psycopg.connect(maintenance, autocommit=True) as connection:
        known = connection.execute("SELECT FROM pg_database WHERE datname = %s", [name]).fetchone()
        if known is None:
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8'").format(
                    sql.Identifier(name)
                )
            )
    try:
        yield psycopg.conninfo.make_conninfo(**{**parts, "dbname": name})
    finally:
        if not keep:
            with psycopg.connect(maintenance, autocommit=True) as connection:
                connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def prepare(url: str) -> None:
    os.environ["DATABASE_URL"] = url
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "careline.app.settings")
    import django
    from django.core.management import call_command

    django.setup()
    for app in ("accounts", "audit", "patients"):
        call_command("migrate", app, verbosity=0)


def note(text: str) -> None:
    print(f"{time.monotonic() - STARTED:6.1f} s  {text}", flush=True)


STARTED = time.monotonic()


def make_reader() -> tuple[Any, Any]:
    from datetime import date

    from careline.base.accounts.models import Posting, Role, User
    from careline.base.accounts.rights import reader_for
    from careline.base.organisations.models import Organisation

    if posting := Posting.objects.first():  # a kept database
        return posting.organisation, reader_for(posting)
    network = Organisation.objects.create(code="bench", name="Bench", kind="network", policy="UA", timezone="UTC")
    user = User.objects.create_user("bench")
    posting = Posting.objects.create(user=user, organisation=network, role=Role.OPERATOR, valid_from=date(2020, 1, 1))
    return network, reader_for(posting)


def rows(count: int, drawn: set[int], meant: list[Any]) -> Iterator[tuple[int, list[str]]]:
    """The people as the lines of a file, of the four languages by turns; those drawn are kept in `meant`."""
    from careline.care.patients.imports import REQUIRED
    from careline.care.patients.samples import LANGUAGES, people

    yield 1, [*REQUIRED, "sex", "language"]
    streams = [people(language, count // SHARE, SEED) for language in LANGUAGES]
    for i, person in enumerate(one for four in zip(*streams, strict=True) for one in four):
        if i in drawn:
            meant.append((i, person))
        yield (
            i + 2,
            [
                str(i),
                person.family,
                person.given,
                person.middle,
                person.birth_date.isoformat(),
                person.number,
                person.phone,
                person.sex,
                person.language,
            ],
        )


# --- queries -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Query:
    kind: str
    language: str
    text: str
    wanted: str | None  # external id; None: for the time only


def own_spelling(p: Any, random: Random) -> list[str]:
    if p.language == "zh-hans":
        return [p.family + p.given]
    return random.choice([[p.family, p.given], [p.given, p.family], [p.family.lower(), p.given.lower()]])


def beginnings(p: Any, random: Random) -> list[str]:
    if p.language == "zh-hans":
        return [p.given] if len(p.given) > 1 else [p.family + p.given]
    return [p.family[: random.randint(4, 5)], p.given[:3]]


def other_alphabet(p: Any, random: Random) -> list[str]:
    """The name in letters it is not written in: official transliterations, Polish spelling, pinyin, no accents, ..."""
    from pypinyin import Style, pinyin

    from careline.core import names

    if p.language == "zh-hans":
        style = random.choice([Style.NORMAL, Style.NORMAL, Style.TONE, Style.TONE3])
        family = "".join(s[0] for s in pinyin(p.family, style=style))
        given = "".join(s[0] for s in pinyin(p.given, style=style))
        return random.choice([[family, given], [given, family], [family + given]])
    if p.language == "pl":
        return [bare(p.family), bare(p.given)]
    if p.language == "uk":
        spell = random.choice([names.ukrainian_2010, names.polish_spelling])
    else:
        spell = random.choice([names.russian_passport, lambda w: names.polish_spelling(w, "ru")])
    return [spell(p.family), spell(p.given)]


def bare(word: str) -> str:
    import unicodedata

    flat = unicodedata.normalize("NFKD", word.replace("ł", "l").replace("Ł", "L"))
    return "".join(c for c in flat if not unicodedata.combining(c))


def slipped(word: str, random: Random) -> str:
    """One slip of the finger, not in the first letter."""
    i = random.randrange(1, len(word) - 1)
    letters = "абвгдеиклмнопрстук" if ord(word[0]) > 0x400 else "abcdefghiklmnoprstu"
    return random.choice(
        [
            word[:i] + word[i + 1 :],
            word[:i] + word[i + 1] + word[i] + word[i + 2 :],
            word[:i] + random.choice(letters) + word[i + 1 :],
            word[:i] + word[i] + word[i:],
            word[:i] + random.choice(letters) + word[i:],
        ]
    )


def typo(p: Any, random: Random) -> list[str]:
    if p.language == "zh-hans":
        from pypinyin import lazy_pinyin

        given = "".join(lazy_pinyin(p.given))
        return ["".join(lazy_pinyin(p.family)), slipped(given, random) if len(given) > 4 else given]
    return [slipped(p.family, random), p.given]


def switched_layout(p: Any, random: Random) -> list[str]:
    qwerty = "qwertyuiop[]asdfghjkl;'zxcvbnm,.`"
    uk, ru = "йцукенгшщзхїфівапролджєячсмитьбю'", "йцукенгшщзхъфывапролджэячсмитьбюё"
    table = str.maketrans(uk, qwerty) if p.language == "uk" else str.maketrans(ru, qwerty)
    if p.language == "pl":
        table = str.maketrans(qwerty, uk)
    return [bare(p.family).lower().translate(table) if p.language == "pl" else p.family.lower().translate(table)]


def date_text(p: Any, random: Random) -> str:
    d = p.birth_date
    months = MONTHS.split()
    return random.choice(
        [
            f"{d:%d.%m.%Y}",
            f"{d:%Y-%m-%d}",
            f"{d.day}.{d.month}.{d.year}",
            f"{d:%d/%m/%Y}",
            f"{d:%d%m%Y}",
            f"{d.day} {months[d.month - 1]} {d.year}",
            f"{d.year}年{d.month}月{d.day}日",
        ]
    )


def phone_text(p: Any, random: Random) -> str:
    import phonenumbers

    number = phonenumbers.parse(p.phone)
    forms = phonenumbers.PhoneNumberFormat
    shown = phonenumbers.format_number(number, random.choice([forms.E164, forms.INTERNATIONAL]))
    if p.language == "uk":  # the national notation is that of the network's country
        shown = random.choice([shown, phonenumbers.format_number(number, forms.NATIONAL), "0" + p.phone[4:]])
    return shown


def make_queries(meant: Iterable[tuple[int, Any]], fits: Callable[..., int], random: Random) -> list[Query]:
    """One query a person drawn, the kinds by turns."""
    queries: list[Query] = []
    for turn, (i, p) in enumerate(meant):
        kind, text = KINDS[(turn // SHARE) % len(KINDS)](p, random, fits)
        queries.append(Query(kind, p.language, text, None if kind == "broad" else str(i)))
    return queries


def _dated(words: list[str], p: Any, random: Random, crowd: int) -> str:
    """The words, with as much of the date of birth as tells the person from the others they fit."""
    if crowd <= 1:
        return " ".join(words)
    return " ".join([*words, date_text(p, random)])


def _name_kind(
    kind: str, words: Callable[[Any, Random], list[str]], exact: bool = True
) -> Callable[..., tuple[str, str]]:
    def make(p: Any, random: Random, fits: Callable[..., int]) -> tuple[str, str]:
        asked = words(p, random)
        year = random.random() < 0.5
        # Syllables of pinyin fit many a Chinese name, and beginnings fit many of any: then the date is always asked.
        spelt = p.language == "zh-hans" and words is not own_spelling
        crowd = fits(p, year) if exact and not spelt else 2
        if year and crowd <= 1:
            return kind, " ".join([*asked, str(p.birth_date.year)])
        return kind, _dated(asked, p, random, crowd)

    return make


def _phone(p: Any, random: Random, fits: Callable[..., int]) -> tuple[str, str]:
    if not p.phone:
        return "card number", p.number
    return "phone", phone_text(p, random)


def _phone_end(p: Any, random: Random, fits: Callable[..., int]) -> tuple[str, str]:
    if not p.phone:
        return "card number", p.number.replace("-", "")
    name = p.family if p.language == "zh-hans" else p.family[:4]
    return "name and end of phone", f"{name} {p.phone[-random.choice([4, 6, 7]) :]}"


def _birth(p: Any, random: Random, fits: Callable[..., int]) -> tuple[str, str]:
    name = p.family + p.given if p.language == "zh-hans" else p.family
    return "birth date and name", f"{date_text(p, random)} {name}"


def _broad(p: Any, random: Random, fits: Callable[..., int]) -> tuple[str, str]:
    if p.language == "zh-hans":
        return "broad", random.choice([p.family, p.given[0], "wang", "li", "zh"])
    return "broad", random.choice([p.family, p.family[:3], p.given, p.family[:2], str(p.birth_date.year), p.family[:1]])


def _layout(p: Any, random: Random, fits: Callable[..., int]) -> tuple[str, str]:
    if p.language == "zh-hans":
        return _birth(p, random, fits)
    return "wrong keyboard layout", " ".join([*switched_layout(p, random), f"{p.birth_date:%d.%m.%Y}"])


KINDS: list[Callable[..., tuple[str, str]]] = [
    _name_kind("full name", own_spelling),
    _name_kind("beginnings of a name", beginnings, exact=False),
    _name_kind("other alphabet", other_alphabet),
    _name_kind("slip of the finger", typo),
    _phone,
    _phone_end,
    _birth,
    _layout,
    _broad,
]


def judge() -> Callable[..., int]:
    """How many people the full name fits exactly (and the year): plain SQL on the names as written, not our keys."""
    from django.db import connection

    def fits(p: Any, year: bool) -> int:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM patients_patient WHERE family_name = %s AND given_name = %s"
                + (" AND extract(year FROM birth_date) = %s" if year else ""),
                [p.family, p.given, *([p.birth_date.year] if year else [])],
            )
            return int(cursor.fetchone()[0])

    return fits


# --- the run -------------------------------------------------------------------------------------------------------


def processor() -> Callable[[], float]:
    """Processor time of this process and of its server process, ms: what the times would be on a machine with nobody
    else on it. The server's part is known only where it runs on this Linux machine."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        spent = Path(f"/proc/{cursor.fetchone()[0]}/schedstat")
    if not spent.exists():
        return lambda: time.process_time() * 1000
    return lambda: time.process_time() * 1000 + int(spent.read_text().split()[0]) / 1e6


def run(people: int, asked: int, show: int) -> dict[str, Any]:
    from django.db import connection

    from careline.care.patients.imports import import_patients
    from careline.care.patients.models import Patient
    from careline.care.patients.queries import search_patients

    network, reader = make_reader()
    random = Random(SEED + 1)
    drawn = set(random.sample(range(people // SHARE), asked // SHARE))
    meant: list[tuple[int, Any]] = []
    begun = time.monotonic()
    lines = rows(people, {i * SHARE + k for i in drawn for k in range(SHARE)}, meant)
    rate = 0.0
    if Patient.objects.exists():  # kept
        for _line in lines:
            pass
    else:
        import_patients(
            network, lines, lambda stage, count: note(f"{count:,} {stage}") if count % 100_000 == 0 else None
        )
        rate = people / (time.monotonic() - begun)
        note(f"{people:,} people imported, {rate:,.0f} a second; making the queries")
    with connection.cursor() as cursor:  # only for judging; gone before anything is measured
        cursor.execute("CREATE INDEX judging ON patients_patient (family_name, given_name)")
        queries = make_queries(meant, judge(), random)
        cursor.execute("DROP INDEX judging")
        cursor.execute("CHECKPOINT")
    ids = dict(
        Patient.objects.filter(external_id__in=[q.wanted for q in queries if q.wanted]).values_list("external_id", "pk")
    )
    random.shuffle(queries)
    for query in queries[:40]:
        search_patients(reader, query.text)
    note(f"{len(queries)} queries")
    times: dict[str, list[float]] = {}
    work: list[float] = []
    spent = processor()
    right: dict[str, list[bool]] = {}
    for query in queries:
        before, spent_before = time.perf_counter(), spent()
        hits = search_patients(reader, query.text)
        ms = (time.perf_counter() - before) * 1000
        times.setdefault(query.kind, []).append(ms)
        work.append(spent() - spent_before)
        if query.wanted:
            good = ids[query.wanted] in [hit.id for hit in hits[:3]]
            right.setdefault(query.kind, []).append(good)
            if not good and show:
                show -= 1
                person = next(p for i, p in meant if str(i) == query.wanted)
                print("missed:", query.kind, repr(query.text), person, [h.display_name for h in hits[:3]])
        if ms > 150 and show:
            print(f"slow: {ms:.0f} ms", query.kind, repr(query.text))
    note("done")
    figures = report(people, rate, times, right)
    print(f"processor time of client and server: p50 {p(work, 50):.1f} ms, p95 {p(work, 95):.1f} ms")
    return {**figures, "processor_p95_ms": round(p(work, 95), 1)}


def report(people: int, rate: float, times: dict[str, list[float]], right: dict[str, list[bool]]) -> dict[str, Any]:
    print(f"\n{'queries':<24}{'count':>7}{'p50 ms':>9}{'p95 ms':>9}{'max ms':>9}{'top 3':>8}")
    every = sorted(ms for values in times.values() for ms in values)
    for kind, values in sorted(times.items()):
        top = f"{statistics.mean(right[kind]):8.3f}" if kind in right else f"{'-':>8}"
        print(f"{kind:<24}{len(values):>7}{p(values, 50):>9.1f}{p(values, 95):>9.1f}{max(values):>9.1f}{top}")
    all_right = [good for values in right.values() for good in values]
    top3 = statistics.mean(all_right)
    print(f"{'all':<24}{len(every):>7}{p(every, 50):>9.1f}{p(every, 95):>9.1f}{every[-1]:>9.1f}{top3:8.3f}")
    return {
        "p95_ms": round(p(every, 95), 1),
        "top3": round(top3, 4),
        "p50_ms": round(p(every, 50), 1),
        "patients": people,
        "queries": len(every),
        "import_rows_per_s": round(rate),
    }


def p(values: list[float], percent: int) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(percent / 100 * len(ordered)))]


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--quick", action="store_true", help="50,000 people and fewer queries; ends within 120 s")
    arguments.add_argument("--people", type=int, default=0)
    arguments.add_argument("--keep", action="store_true", help="keep the database for the next run")
    arguments.add_argument("--show", type=int, default=0, help="print so many of the queries that were missed")
    chosen = arguments.parse_args()
    people = chosen.people or (QUICK_PEOPLE if chosen.quick else PEOPLE)
    with server() as url, database(url, chosen.keep, people) as own:
        prepare(own)
        note("database made")
        figures = run(people, 720 if chosen.quick else 3600, chosen.show)
        from django.db import connections

        connections.close_all()
    print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
