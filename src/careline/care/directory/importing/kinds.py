"""The kinds of files there are: their columns, and how good rows become records. Rows are matched by code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.db.models import Q
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from careline.base.accounts.models import Posting, Role, User
from careline.base.accounts.rights import Reader
from careline.base.organisations.models import Organisation, Settlement, Site
from careline.base.policy.queries import policy_for
from careline.care.directory.importing import columns as c
from careline.care.directory.importing.columns import Column
from careline.care.directory.models import Hours, PhoneLine, Queue, Skill, StaffSkill, Topic
from careline.care.directory.upsert import Upserted, upsert

LANGUAGES = tuple(code for code, _name in settings.LANGUAGES)


@dataclass(slots=True)
class Row:
    """One good line: its number in the file, and its values by column."""

    line: int
    values: dict[str, Any]

    def __getitem__(self, column: str) -> Any:
        return self.values[column]


@dataclass(slots=True)
class Problem:
    """One thing wrong. `column` is empty when it is the whole line."""

    line: int
    column: str
    reason: str


@dataclass
class Place:
    """Where a file is imported to, and what is there already. Reads are made once, when first asked for."""

    organisation: Organisation
    problems: list[Problem] = field(default_factory=list)
    reader: Reader | None = None

    @cached_property
    def reader_name(self) -> str:
        return User.objects.values_list("username", flat=True).get(id=self.reader.user_id) if self.reader else ""

    def wrong(self, row: Row, column: str, reason: str) -> None:
        self.problems.append(Problem(row.line, column, reason))

    @cached_property
    def organisations(self) -> dict[str, Organisation]:
        return {o.code: o for o in Organisation.objects.filter(path__startswith=self.organisation.path)}

    @cached_property
    def above(self) -> list[UUID]:
        """Ids of the organisation and of those it is part of."""
        codes = self.organisation.path.split("/")[:-1]
        paths = ["/".join(codes[: n + 1]) + "/" for n in range(len(codes))]
        return list(Organisation.objects.filter(path__in=paths).values_list("id", flat=True))

    @property
    def below(self) -> list[Any]:
        return [o.id for o in self.organisations.values()]

    @cached_property
    def sites(self) -> dict[tuple[Any, str], Site]:
        return {(s.organisation_id, s.code): s for s in Site.objects.filter(organisation__in=self.below)}

    @cached_property
    def queues(self) -> dict[tuple[Any, str], Queue]:
        rows = Queue.objects.filter(organisation__in={*self.below, *self.above}).select_related("organisation")
        return {(q.organisation.path, q.code): q for q in rows}

    @cached_property
    def hours(self) -> dict[str, Hours]:
        return {h.name: h for h in Hours.objects.filter(organisation__in={*self.below, *self.above})}

    @cached_property
    def settlements(self) -> dict[str, Settlement]:
        return {s.name: s for s in Settlement.objects.filter(organisation__in={*self.below, *self.above})}

    @cached_property
    def region(self) -> str:
        return policy_for(self.organisation).phone_region

    def site_of(self, row: Row) -> Site | None:
        """The site named by its code within the row's organisation; a problem when there is none."""
        if not row["site"]:
            return None
        site = self.sites.get((row["organisation"].id, row["site"]))
        if site is None:
            self.wrong(row, "site", _(c.NO_SITE) % {"cell": row["site"]})
        return site

    def queue_of(self, row: Row, path: str) -> Queue | None:
        """The queue of that code in the organisation at `path` or the nearest above; a problem when there is none."""
        if not row["queue"]:
            return None
        parts = path.split("/")[:-1]
        for length in range(len(parts), 0, -1):
            if found := self.queues.get(("/".join(parts[:length]) + "/", row["queue"])):
                return found
        self.wrong(row, "queue", _(c.NO_QUEUE) % {"cell": row["queue"]})
        return None


@dataclass(frozen=True, slots=True)
class Kind:
    """`columns` may need to know what is there; `put` checks across rows, then writes unless there are problems."""

    code: str
    name: str | Promise
    right: str
    columns: Callable[[Place], list[Column]]
    key: tuple[str, ...]
    put: Callable[[Place, list[Row]], list[Upserted[Any]]]


def _organisation(place: Place) -> Column:
    return Column(
        "organisation",
        gettext_lazy("Code of the organisation; empty: the one chosen for the import."),
        c.known(place.organisations, c.NO_ORGANISATION),
        default=place.organisation,
    )


# --- settlements ------------------------------------------------------------------------------------------


def _settlement_columns(place: Place) -> list[Column]:
    return [
        Column(
            "name", gettext_lazy("Name; it is what a settlement is recognised by."), c.text(120), True, example="Дубове"
        ),
        Column("latitude", gettext_lazy("Degrees north."), c.degrees(90), True, example="49.29"),
        Column("longitude", gettext_lazy("Degrees east."), c.degrees(180), True, example="33.41"),
        Column("population", gettext_lazy("People."), c.whole(50_000_000), default=None, example="2310"),
    ]


def _put_settlements(place: Place, rows: list[Row]) -> list[Upserted[Any]]:
    values = [{"organisation_id": place.organisation.id, **row.values} for row in rows]
    return [upsert(Settlement.objects.filter(organisation=place.organisation), ("name",), values)]


# --- sites ------------------------------------------------------------------------------------------------


def _site_columns(place: Place) -> list[Column]:
    return [
        Column(
            "code",
            gettext_lazy("Short name in Latin letters; it is what a site is recognised by."),
            c.code,
            True,
            example="dubove",
        ),
        Column("name", gettext_lazy("Name as patients know it."), c.text(200), True, example="Амбулаторія Дубове"),
        Column(
            "kind", gettext_lazy("What it is, as a code or in words."), c.choice(Site.Kind), True, example="ambulatory"
        ),
        _organisation(place),
        Column("address", gettext_lazy("Address."), c.text(300), example="Дубове, вул. Лісова, 21"),
        Column("phone", gettext_lazy("Telephone in any notation."), c.phone(place.region), example="+380005550103"),
        Column("latitude", gettext_lazy("Degrees north."), c.degrees(90), default=None, example="49.29"),
        Column("longitude", gettext_lazy("Degrees east."), c.degrees(180), default=None, example="33.41"),
        Column("timezone", gettext_lazy("Time zone; empty: the organisation's."), c.timezone),
        Column(
            "settlements",
            gettext_lazy("Settlements it serves, parted by semicolons."),
            c.many(c.known(place.settlements, c.NO_SETTLEMENT)),
            default=(),
            example="Дубове; Малі Вишні",
        ),
    ]


def _put_sites(place: Place, rows: list[Row]) -> list[Upserted[Any]]:
    values = [
        {"organisation_id": row["organisation"].id, **_without(row, "organisation", "settlements")} for row in rows
    ]
    sites = upsert(Site.objects.filter(organisation__in=place.below), ("organisation_id", "code"), values)
    link = Site.serves.through
    link.objects.filter(site__in=sites.rows.values()).delete()
    link.objects.bulk_create(
        link(site_id=sites[(row["organisation"].id, row["code"])].id, settlement_id=settlement.id)
        for row in rows
        for settlement in dict.fromkeys(row["settlements"])
    )
    return [sites]


# --- lines ------------------------------------------------------------------------------------------------


def _line_columns(place: Place) -> list[Column]:
    return [
        Column(
            "code",
            gettext_lazy("Names the patients' page; nobody else's line may have it."),
            c.code,
            True,
            example="dubove",
        ),
        Column("name", gettext_lazy("Name as staff know it."), c.text(120), True, example="Дубове"),
        Column(
            "number", gettext_lazy("Telephone number in any notation."), c.phone(place.region), example="+380005550103"
        ),
        _organisation(place),
        Column("site", gettext_lazy("Code of the site."), c.code, default=None, example="dubove"),
        Column(
            "queue",
            gettext_lazy("Code of the queue its callers wait in."),
            c.code,
            True,
            example="registry",
        ),
        Column(
            "hours",
            gettext_lazy("Name of the opening hours; empty: always open."),
            c.known(place.hours, c.NO_HOURS),
            default=None,
        ),
        Column(
            "languages",
            gettext_lazy("Languages spoken, parted by semicolons: uk, ru, pl, zh-hans, en."),
            c.many(c.one_of(LANGUAGES)),
            default=(),
            example="uk; ru",
        ),
        Column(
            "emergency_number",
            gettext_lazy("Number to advise in danger to life."),
            c.whole(9_999_999),
            default=None,
            example="103",
        ),
    ]


def _put_lines(place: Place, rows: list[Row]) -> list[Upserted[Any]]:
    taken = PhoneLine.objects.filter(code__in=[row["code"] for row in rows]).exclude(organisation__in=place.below)
    others = set(taken.values_list("code", flat=True))
    values = []
    for row in rows:
        site, queue = place.site_of(row), place.queue_of(row, row["organisation"].path)
        if row["code"] in others:
            place.wrong(row, "code", _("another organisation has a line with this code"))
        values.append(
            {
                "organisation_id": row["organisation"].id,
                "site_id": site and site.id,
                "code": row["code"],
                "name": row["name"],
                "number": row["number"],
                "queue_id": queue and queue.id,
                "hours_id": row["hours"] and row["hours"].id,
                "languages": list(row["languages"] or row["organisation"].languages),
                **({"emergency_number": str(row["emergency_number"])} if row["emergency_number"] is not None else {}),
            }
        )
    if place.problems:
        return []
    return [upsert(PhoneLine.objects.filter(organisation__in=place.below), ("code",), values)]


# --- topics -----------------------------------------------------------------------------------------------


def _topic_columns(place: Place) -> list[Column]:
    return [
        Column(
            "code",
            gettext_lazy("Short name in Latin letters; it is what a topic is recognised by."),
            c.code,
            True,
            example="booking-family",
        ),
        Column(
            "parent",
            gettext_lazy("Code of the topic it belongs to; empty: it stands at the top."),
            c.code,
            default=None,
            example="booking",
        ),
        *(
            Column(f"name_{language}", gettext_lazy("Name in this language."), c.text(120), True, example=example)
            for language, example in zip(
                LANGUAGES,
                ("Сімейний лікар", "Семейный врач", "Lekarz rodzinny", "家庭医生", "Family doctor"),
                strict=True,
            )
        ),
        Column("order", gettext_lazy("Its place among its neighbours."), c.whole(30_000), default=0, example="10"),
        Column("icon", gettext_lazy("Icon."), c.text(30), example="doctor"),
        Column(
            "queue",
            gettext_lazy("Code of the queue; empty: the line's."),
            c.code,
            default=None,
        ),
        Column("urgent", gettext_lazy("Goes before all others: yes or no."), c.flag, default=False, example="0"),
        Column(
            "calls", gettext_lazy("Offered to callers: yes or no; empty is yes."), c.flag, default=True, example="1"
        ),
        Column(
            "hall", gettext_lazy("Offered in the hall: yes or no; empty is yes."), c.flag, default=True, example="1"
        ),
    ]


def _put_topics(place: Place, rows: list[Row]) -> list[Upserted[Any]]:
    existing = Topic.objects.filter(organisation=place.organisation)
    parents = dict(existing.values_list("code", "parent__code"))
    parents.update({row["code"]: row["parent"] for row in rows})
    for row in rows:
        if row["parent"] and row["parent"] not in parents:
            place.wrong(row, "parent", _("there is no topic with the code “%(cell)s”") % {"cell": row["parent"]})
        elif _circles(row["code"], parents):
            place.wrong(row, "parent", _("the topic would belong to itself"))
    found = {row["code"]: place.queue_of(row, place.organisation.path) for row in rows}
    queues = {code: queue and queue.id for code, queue in found.items()}
    if place.problems:
        return []
    values = [
        {
            "organisation_id": place.organisation.id,
            "code": row["code"],
            "names": {language: row[f"name_{language}"] for language in LANGUAGES},
            "order": row["order"],
            "icon": row["icon"],
            "queue_id": queues[row["code"]],
            "urgent": row["urgent"],
            "for_calls": row["calls"],
            "for_walk_ins": row["hall"],
        }
        for row in rows
    ]
    topics = upsert(existing, ("code",), values)
    ids = dict(existing.values_list("code", "id"))
    moved = [topics[row["code"]] for row in rows if topics[row["code"]].parent_id != ids.get(row["parent"])]
    for topic in moved:
        topic.parent_id = ids.get(parents[topic.code])
    Topic.objects.bulk_update(moved, ["parent"])
    return [topics]


def _circles(code: str, parents: Mapping[str, str | None]) -> bool:
    seen = {code}
    while above := parents.get(code):
        if above in seen:
            return True
        seen.add(above)
        code = above
    return False


# --- staff ------------------------------------------------------------------------------------------------


def _staff_columns(place: Place) -> list[Column]:
    return [
        Column(
            "username",
            gettext_lazy("What the person signs in with; several lines give several postings."),
            c.username,
            True,
            example="o.kravchuk",
        ),
        Column("family_name", gettext_lazy("Family name."), c.text(150), True, example="Кравчук"),
        Column("given_name", gettext_lazy("Given name."), c.text(150), True, example="Олена"),
        Column("patronymic", gettext_lazy("Patronymic."), c.text(100), example="Ігорівна"),
        Column("role", gettext_lazy("Role, as a code or in words."), c.choice(Role), True, example="operator"),
        _organisation(place),
        Column("site", gettext_lazy("Code of the site; empty: the whole organisation."), c.code, default=None),
        Column(
            "employer",
            gettext_lazy("Code of the employing organisation, if another."),
            c.known(place.organisations, c.NO_ORGANISATION),
            default=None,
        ),
        Column("from", gettext_lazy("First day; empty: today."), c.day, default=None, example="2026-03-02"),
        Column("to", gettext_lazy("Last day; empty: no end."), c.day, default=None),
        Column("language", gettext_lazy("Language of the screens."), c.one_of(LANGUAGES), example="uk"),
        Column(
            "skills",
            gettext_lazy("Skills with proficiency 1 to 5, parted by semicolons."),
            c.many(c.skill),
            default=(),
            example="lang:uk=5; lang:pl=2",
        ),
    ]


PERSON = ("family_name", "given_name", "patronymic", "employer", "language")


def _put_staff(place: Place, rows: list[Row]) -> list[Upserted[Any]]:
    first: dict[str, Row] = {}
    for row in rows:
        person = first.setdefault(row["username"], row)
        if any(row[name] != person[name] for name in PERSON):
            place.wrong(
                row, "username", _("the person is written differently on line %(line)s") % {"line": person.line}
            )
        if row["from"] and row["to"] and row["to"] < row["from"]:
            place.wrong(row, "to", _("the posting would end before it begins"))
        place.site_of(row)
    for row in rows:
        if place.reader and row["username"] == place.reader_name:
            place.wrong(row, "username", _("you cannot change your own postings"))
    for name in _strangers(place, list(first)):
        place.wrong(first[name], "username", _("this user name belongs to someone who works outside this organisation"))
    skills = _known_skills(place)
    for row in rows:
        for code, _proficiency in row["skills"]:
            if code not in skills:
                place.wrong(row, "skills", _("there is no skill “%(cell)s”") % {"cell": code})
    if place.problems:
        return []
    return _write_staff(place, rows, list(first.values()), skills)


def _strangers(place: Place, names: list[str]) -> set[str]:
    """User names an import must not touch: of people who also work or are employed elsewhere, and of superusers.

    Whoever may change an account can act as its owner, so it must lie wholly inside the organisation.
    """
    taken = User.objects.filter(username__in=names)
    elsewhere = Posting.objects.exclude(organisation__in=place.below).values("user")
    own = taken.filter(postings__organisation__in=place.below) | taken.filter(employer__in=place.below)
    alien = Q(is_superuser=True) | Q(id__in=elsewhere) | (Q(employer__isnull=False) & ~Q(employer__in=place.below))
    return set(taken.filter(alien | ~Q(id__in=own.values("id"))).values_list("username", flat=True))


def _known_skills(place: Place) -> dict[str, Skill]:
    rows = Skill.objects.filter(organisation__in={*place.above, *place.below}).order_by("-organisation__path")
    return {row.code: row for row in rows}


def _write_staff(place: Place, rows: list[Row], people: list[Row], skills: dict[str, Skill]) -> list[Upserted[Any]]:
    today = timezone.localdate()
    users = upsert(
        User.objects.filter(username__in=[row["username"] for row in people]),
        ("username",),
        [_user(place, row) for row in people],
        # nobody can sign in until an administrator has given them a password or a link
        new_only={
            "password": make_password(None),
            "language": place.organisation.languages[0] if place.organisation.languages else "en",
        },
    )
    postings = upsert(
        Posting.objects.filter(user__in=users.rows.values()),
        ("user_id", "organisation_id", "site_id", "role"),
        [_posting(place, row, users[row["username"]]) for row in rows],
        new_only={"valid_from": today},
    )
    held = upsert(
        StaffSkill.objects.filter(user__in=users.rows.values()),
        ("user_id", "skill_id"),
        [
            {"user_id": users[row["username"]].id, "skill_id": skills[code].id, "proficiency": proficiency}
            for row in rows
            for code, proficiency in row["skills"]
        ],
    )
    return [users, postings, held]


def _user(place: Place, row: Row) -> dict[str, Any]:
    return {
        "username": row["username"],
        "last_name": row["family_name"],
        "first_name": row["given_name"],
        "patronymic": row["patronymic"],
        "employer_id": (row["employer"] or row["organisation"]).id,
        **({"language": row["language"]} if row["language"] else {}),
    }


def _posting(place: Place, row: Row, user: User) -> dict[str, Any]:
    site = place.site_of(row)
    start: date | None = row["from"]
    return {
        "user_id": user.id,
        "organisation_id": row["organisation"].id,
        "site_id": site and site.id,
        "role": row["role"],
        "valid_to": row["to"],
        **({"valid_from": start} if start else {}),
    }


def _without(row: Row, *names: str) -> dict[str, Any]:
    return {name: value for name, value in row.values.items() if name not in names}


KINDS: dict[str, Kind] = {
    kind.code: kind
    for kind in (
        Kind(
            "settlements",
            gettext_lazy("Settlements"),
            "directory.change",
            _settlement_columns,
            ("name",),
            _put_settlements,
        ),
        Kind("sites", gettext_lazy("Sites"), "directory.change", _site_columns, ("organisation", "code"), _put_sites),
        Kind("lines", gettext_lazy("Phone lines"), "directory.change", _line_columns, ("code",), _put_lines),
        Kind("topics", gettext_lazy("Topics"), "directory.change", _topic_columns, ("code",), _put_topics),
        Kind(
            "staff",
            gettext_lazy("Staff with postings and skills"),
            "staff.change",
            _staff_columns,
            ("username", "organisation", "site", "role"),
            _put_staff,
        ),
    )
}
