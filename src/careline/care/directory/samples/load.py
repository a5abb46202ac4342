"""Puts a sample network into the database; a second time changes nothing. One transaction, all in bulk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.db.models import QuerySet
from django.utils import translation
from django.utils.translation import gettext

from careline.base.accounts.models import Posting, User
from careline.base.organisations.models import Organisation, Settlement, Site
from careline.care.directory import samples
from careline.care.directory.actions import changed
from careline.care.directory.models import (
    Hours,
    HoursException,
    Notice,
    OperatorSettings,
    PhoneLine,
    Queue,
    Skill,
    StaffSkill,
    Topic,
)
from careline.care.directory.rules import written_day
from careline.care.directory.upsert import Upserted, upsert

LANGUAGES = {"uk": "Українська", "ru": "Русский", "pl": "Polski", "zh-hans": "中文", "en": "English"}
SINCE = date(2020, 1, 1)  # postings of the samples hold whatever the clock says


@dataclass(slots=True)
class Network:
    """What is being loaded: the data file, and what of it is in the database already, by code."""

    data: dict[str, Any]
    root: Organisation
    organisations: Upserted[Organisation]
    sites: Upserted[Site] = field(default_factory=Upserted)
    queues: Upserted[Queue] = field(default_factory=Upserted)

    @property
    def below(self) -> QuerySet[Organisation]:
        return Organisation.objects.filter(path__startswith=self.root.path)

    def organisation(self, each: dict[str, Any]) -> Organisation:
        """The organisation a row names, else the network's root."""
        return self.organisations[each.get("organisation", self.root.code)]

    def site_id(self, each: dict[str, Any]) -> UUID | None:
        """`site` is a code within the row's own organisation."""
        return self.sites[(self.organisation(each).id, each["site"])].id if "site" in each else None

    def queue(self, each: dict[str, Any], code: str) -> Queue:
        """The queue of that code in the row's organisation, else in the root."""
        return self.queues.get((self.organisation(each).id, code)) or self.queues[(self.root.id, code)]


@transaction.atomic
def load(code: str) -> Network:
    """Loads one sample network ("district", "city", "hospital" or "standard")."""
    data = samples.network(code)
    organisations = _organisations(data)
    network = Network(data, organisations[data["organisation"][0]["code"]], organisations)
    network.sites = _sites(network, _settlements(network))
    network.queues = _queues(network)
    _lines(network, _hours(network))
    _staff(network, _skills(network, _topics(network)))
    _notices(network)
    changed(network.root.id)
    return network


def _organisations(data: dict[str, Any]) -> Upserted[Organisation]:
    paths: dict[str, str] = {}
    rows = Organisation.objects.filter(code__in=[each["code"] for each in data["organisation"]])
    result: Upserted[Organisation] = Upserted()
    for depth, level in enumerate(_levels(data["organisation"])):
        values = []
        for each in level:
            paths[each["code"]] = f"{paths.get(each.get('parent', ''), '')}{each['code']}/"
            values.append(
                {
                    "code": each["code"],
                    "name": each["name"],
                    "kind": each["kind"],
                    "parent_id": result[each["parent"]].id if depth else None,
                    "path": paths[each["code"]],
                    "policy": data["policy"],
                    "timezone": data["timezone"],
                    "languages": data["languages"],
                    "patient_word": data["patient_word"],
                }
            )
        result.rows.update(upsert(rows, ("code",), values).rows)
    return result


def _levels(rows: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Parents before children, level by level."""
    done: set[str] = {""}
    rest = rows
    while rest:
        level = [row for row in rest if row.get("parent", "") in done]
        if not level:
            raise ValueError("a parent is missing")
        yield level
        done |= {row["code"] for row in level}
        rest = [row for row in rest if row["code"] not in done]


def _settlements(network: Network) -> Upserted[Settlement]:
    return upsert(
        Settlement.objects.filter(organisation=network.root),
        ("name",),
        [
            {
                "organisation_id": network.root.id,
                "name": each["name"],
                "latitude": each["at"][0],
                "longitude": each["at"][1],
                "population": each.get("population"),
            }
            for each in network.data.get("settlement", [])
        ],
    )


def _sites(network: Network, settlements: Upserted[Settlement]) -> Upserted[Site]:
    def values(each: dict[str, Any]) -> dict[str, Any]:
        place = settlements.get(each.get("serves", [""])[0])
        at = each.get("at") or ((place.latitude, place.longitude) if place else (None, None))
        return {
            "organisation_id": network.organisation(each).id,
            "code": each["code"],
            "name": each["name"],
            "kind": each["kind"],
            "address": each.get("address", ""),
            "phone": each.get("phone", ""),
            "latitude": at[0],
            "longitude": at[1],
        }

    sites = upsert(
        Site.objects.filter(organisation__in=network.below),
        ("organisation_id", "code"),
        [values(each) for each in network.data["site"]],
    )
    serves = Site.serves.through
    wanted = {
        (sites[(network.organisation(each).id, each["code"])].id, settlements[name].id)
        for each in network.data["site"]
        for name in each.get("serves", [])
    }
    found = set(serves.objects.filter(site__organisation__in=network.below).values_list("site_id", "settlement_id"))
    serves.objects.bulk_create(serves(site_id=site, settlement_id=place) for site, place in sorted(wanted - found))
    return sites


def _hours(network: Network) -> dict[str, Hours]:
    rows = upsert(
        Hours.objects.filter(organisation=network.root),
        ("name",),
        [
            {
                "organisation_id": network.root.id,
                "name": each["name"],
                "week": [written_day(day, index) for index, day in enumerate(each["week"])],
                "holidays": each.get("holidays", ""),
                "timezone": network.data["timezone"],
            }
            for each in network.data["hours"]
        ],
    )
    upsert(
        HoursException.objects.filter(hours__organisation=network.root),
        ("hours_id", "date"),
        [
            {
                "hours_id": rows[each["name"]].id,
                "date": date.fromisoformat(day["date"]),
                "open": written_day(day.get("open", "")),
                "reason": day["reason"],
            }
            for each in network.data["hours"]
            for day in each.get("exception", [])
        ],
    )
    return {each["code"]: rows[each["name"]] for each in network.data["hours"]}


QUEUE_FIELDS = (
    "emergency",
    "selection",
    "head_start_s",
    "offer_s",
    "wrap_up_s",
    "limit",
    "preferred_s",
    "relax",
    "overflow",
    "answer_target_s",
    "target_share",
)


def _queues(network: Network) -> Upserted[Queue]:
    return upsert(
        Queue.objects.filter(organisation__in=network.below),
        ("organisation_id", "code"),
        [
            {
                "organisation_id": network.organisation(each).id,
                "site_id": network.site_id(each),
                "code": each["code"],
                "name": each["name"],
                **{name: each[name] for name in QUEUE_FIELDS if name in each},
            }
            for each in network.data["queue"]
        ],
    )


def _lines(network: Network, hours: dict[str, Hours]) -> None:
    def values(each: dict[str, Any]) -> dict[str, Any]:
        organisation = network.organisation(each)
        return {
            "organisation_id": organisation.id,
            "site_id": network.site_id(each),
            "code": each["code"],
            "name": each["name"],
            "number": each["number"],
            "languages": each.get("languages", network.data["languages"]),
            "hours_id": hours[each["hours"]].id if "hours" in each else None,
            "queue_id": network.queue(each, each["queue"]).id,
            "emergency": each.get("emergency", False),
            "emergency_number": each.get("emergency_number", network.data["emergency_number"]),
            "greeting": {
                language: text.replace("{line}", _capital(each["called"][language]))
                for language, text in network.data["greeting"].items()
            },
        }

    upsert(
        PhoneLine.objects.filter(organisation__in=network.below),
        ("code",),
        [values(each) for each in network.data["line"]],
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _topics(network: Network) -> Upserted[Topic]:
    wanted = samples.topics() + network.data.get("topic", [])
    order = {each["code"]: each.get("order", number) for number, each in enumerate(wanted)}
    queue_of = network.data.get("queue_of_topic", {})
    rows = Topic.objects.filter(organisation=network.root)
    result: Upserted[Topic] = Upserted()
    for level in _levels(wanted):
        values = [
            {
                "organisation_id": network.root.id,
                "parent_id": result[each["parent"]].id if "parent" in each else None,
                "code": each["code"],
                "names": {language: each[language] for language in LANGUAGES},
                "icon": each.get("icon", ""),
                "order": order[each["code"]] * 10,
                "queue_id": _queue_id(network, each.get("queue") or queue_of.get(each["code"])),
                "head_start_s": each.get("head_start_s", 0),
                "urgent": each.get("urgent", False),
                "for_calls": each.get("calls", True),
                "for_walk_ins": each.get("hall", True),
            }
            for each in level
        ]
        result.rows.update(upsert(rows, ("code",), values).rows)
    return result


def _queue_id(network: Network, code: str | None) -> UUID | None:
    return network.queues[(network.root.id, code)].id if code else None


def _skills(network: Network, topics: Upserted[Topic]) -> Upserted[Skill]:
    values = [
        {"organisation_id": network.root.id, "code": f"lang:{code}", "name": name} for code, name in LANGUAGES.items()
    ]
    own = network.root.languages[0]
    values += [
        {"organisation_id": network.root.id, "code": f"topic:{topic.code}", "name": topic.names[own]}
        for topic in topics.rows.values()
        if topic.parent_id is None
    ]
    return upsert(Skill.objects.filter(organisation=network.root), ("code",), values)


# --- people -----------------------------------------------------------------------------------------------


def _staff(network: Network, skills: Upserted[Skill]) -> None:
    people = [*network.data["staff"], *_crews(network.data)]
    users = upsert(
        User.objects.filter(username__in=[each["username"] for each in people]),
        ("username",),
        [
            {
                "username": each["username"],
                "last_name": each["name"][0],
                "first_name": each["name"][1],
                "patronymic": each["name"][2] if len(each["name"]) > 2 else "",
                "employer_id": network.organisations[each.get("employer", network.root.code)].id,
                "language": each.get("language", network.root.languages[0]),
                "simulated": settings.DEMO and each.get("crew", False),
            }
            for each in people
        ],
        new_only={"password": make_password(samples.PASSWORD if settings.DEMO else None)},  # hashed once for all
    )
    upsert(
        Posting.objects.filter(user__in=users.rows.values()),
        ("user_id", "organisation_id", "site_id", "role"),
        [
            {
                "user_id": users[each["username"]].id,
                "organisation_id": network.organisation(each).id,
                "site_id": network.site_id(each),
                "role": each["role"],
                "valid_from": SINCE,
            }
            for each in people
        ],
    )
    upsert(
        StaffSkill.objects.filter(user__in=users.rows.values()),
        ("user_id", "skill_id"),
        [
            {"user_id": users[each["username"]].id, "skill_id": skills[code].id, "proficiency": proficiency}
            for each in people
            for code, proficiency in each.get("skills", {}).items()
        ],
    )
    _chosen_queues(network, users, people)


def _chosen_queues(network: Network, users: Upserted[User], people: list[dict[str, Any]]) -> None:
    chosen = [each for each in people if "queues" in each or "not_queues" in each]
    own = upsert(
        OperatorSettings.objects.filter(user__in=[users[each["username"]] for each in chosen]),
        ("user_id",),
        [{"user_id": users[each["username"]].id} for each in chosen],
    )
    link = OperatorSettings.queues.through
    wanted = {(own[users[each["username"]].id].id, queue.id) for each in chosen for queue in _serves(network, each)}
    found = set(
        link.objects.filter(operatorsettings__in=own.rows.values()).values_list("operatorsettings_id", "queue_id")
    )
    link.objects.bulk_create(link(operatorsettings_id=a, queue_id=b) for a, b in sorted(wanted - found))


def _serves(network: Network, each: dict[str, Any]) -> Iterator[Queue]:
    """`queues`: codes of the posting's organisation or the root, or "organisation/code". `not_queues`: all others."""
    if "not_queues" in each:
        yield from (queue for queue in network.queues.rows.values() if queue.code not in each["not_queues"])
        return
    for name in each["queues"]:
        organisation, _, code = name.rpartition("/")
        yield network.queue({"organisation": organisation} if organisation else each, code)


COPIED = ("role", "employer", "organisation", "site", "queues", "not_queues")


def _crews(data: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Rank and file staff: "crew" tables written out into people, always the same ones."""
    taken = {tuple(each["name"]) for each in data["staff"]}
    for number, crew in enumerate(data.get("crew", [])):
        first, width = crew.get("first", 1), len(str(crew.get("first", 1) + crew["count"] - 1))
        people = (name for name in _people(crew["names"], number) if tuple(name) not in taken)
        for index in range(crew["count"]):
            name = next(people)
            taken.add(tuple(name))
            skills = dict(crew.get("skills", {}))
            for more in crew.get("also", []):
                if index % more["every"] == more["every"] - 1:
                    skills[more["skill"]] = more["proficiency"]
            spread = crew.get("posted", [{}])
            yield {
                **{key: crew[key] for key in COPIED if key in crew},
                **spread[index % len(spread)],
                "username": f"{crew['prefix']}{first + index:0{width}d}",
                "name": name,
                "skills": skills,
                "crew": True,
            }


def _people(language: str, number: int) -> Iterator[list[str]]:
    """Every combination of the language's names, in a fixed order that looks mixed; four women to a man."""
    lists = samples.names(language)
    families = len(lists["family_f"])
    for step in count():
        lap, place = divmod(step, families)
        sex = "m" if (step + number) % 5 == 4 else "f"
        picks = {"family": place, "given": place * 7 + lap * 3 + number, "middle": place * 5 + lap + number}
        found = [(lists[f"{part}_{sex}"], pick) for part, pick in picks.items() if f"{part}_{sex}" in lists]
        yield [words[pick % len(words)] for words, pick in found]


def _notices(network: Network) -> None:
    since = datetime(SINCE.year, SINCE.month, SINCE.day, tzinfo=UTC)
    known = {tuple(sorted(each.texts.items())) for each in Notice.objects.filter(organisation=network.root)}
    rows = []
    for each in network.data.get("notice", []):
        texts = {language: each[language] for language in LANGUAGES if language in each}
        if tuple(sorted(texts.items())) not in known:
            rows.append(
                Notice(
                    organisation=network.root,
                    site_id=network.site_id(each),
                    kind=each["kind"],
                    texts=texts,
                    for_callers=each.get("callers", False),
                    valid_from=since,
                )
            )
    Notice.objects.bulk_create(rows)


def open_for_demonstration(now: datetime) -> int:
    """Opens every plan of hours around the clock, today and tomorrow: a visitor may come at night or on a Sunday.

    Says so in the network's language. Returns the number of plans.
    """
    rows = Hours.objects.select_related("organisation")
    for hours in rows:
        today = now.astimezone(ZoneInfo(hours.timezone)).date()
        with translation.override((hours.organisation.languages or ["en"])[0]):
            values = {"open": [["00:00", "24:00"]], "reason": gettext("Open for the demonstration")}
        for day in (today, today + timedelta(days=1)):
            HoursException.objects.update_or_create(hours=hours, date=day, defaults=values)
    return len(rows)
