"""Finding and opening patients. Every look is one row of the audit, written in the same transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import reduce
from operator import or_
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib.postgres.expressions import ArraySubquery
from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from careline.base.accounts.rights import Reader
from careline.base.audit.actions import record
from careline.base.errors import NotFound
from careline.base.organisations.models import Organisation
from careline.base.policy.queries import policy_for
from careline.base.policy.rules import Policy
from careline.base.prepared import Prepared
from careline.care.patients import rules
from careline.care.patients.models import NameWord, Patient
from careline.core import names
from careline.core.names.keys import CARD

# How many records of a step are looked at to put the best first. A search that matches more is too wide to be read.
MOST_CANDIDATES = 400
MOST_CORRECTIONS = 24


@dataclass(frozen=True, slots=True)
class PatientHit:
    """What a list shows of a patient. `flags` are codes: interpreter, hard_of_hearing, safety, child."""

    id: UUID
    number: str
    display_name: str
    short_name: str
    birth_date: date | None
    age: int | None
    sex: str
    language: str
    settlement: str
    site: str
    flags: tuple[str, ...]
    matched_by: str  # name, phone, birth_date, number, similar; "name birth_date" when by both


def network(reader: Reader) -> list[UUID]:
    """The organisations whose records the reader may search: all of the network the posting stands in, no other.

    A patient belongs to the network, not to a desk of it: a clinic's registrar finds the patient of the next clinic.
    """
    return list(Organisation.objects.filter(path__startswith=_root(reader)).values_list("pk", flat=True))


def _root(reader: Reader) -> str:
    return reader.path.split("/", 1)[0] + "/"


def _organisation(reader: Reader) -> Organisation:
    return _own(id=reader.organisation_id)[0]


_own = Prepared(lambda id: Organisation.objects.filter(pk=id), id=UUID)
_with_number = Prepared(
    lambda e164, root: (
        Patient.objects.filter(phones__e164=e164, organisation__path__startswith=root)
        .order_by("sort_key", "pk")
        .values_list("pk", flat=True)
    ),
    e164=str,
    root=str,
)


def policy_of(reader: Reader) -> Policy:
    return policy_for(_organisation(reader))


def search_patients(reader: Reader, text: str, limit: int = 20) -> list[PatientHit]:
    """The patients the text may mean, best first: any part of a name in any alphabet, telephone, birth date, card
    number, several at once, in any order. Writes one audit row with the ids shown, never the text.

    Raises NotAllowed. Takes a few index looks; see docs/explanation/names-and-search.md.
    """
    reader.require("patients.search")
    organisation, mine = _ground(reader)
    today = _today(organisation)
    search = rules.read_search(text, policy_for(organisation).phone_region, today)
    with transaction.atomic():
        found = _find(reader, mine, search, limit) if search.terms else {}
        hits = _hits(reader, found, today, search.kinds)
        record(reader, "patient.searched", "patient", [hit.id for hit in hits], by=search.kinds, found=len(hits))
    return hits


def candidates_for_number(reader: Reader, number: str, limit: int = 20) -> list[PatientHit]:
    """Whose records have this number: a list to choose from, even when it is one. A caller's number proves nothing.

    `number` in any notation; an impossible or withheld one has no candidates. One audit row. Raises NotAllowed.
    """
    reader.require("patients.search")
    organisation = _organisation(reader)
    try:
        e164 = rules.e164(number, policy_for(organisation).phone_region)
    except rules.BadNumber:
        return []
    with transaction.atomic(savepoint=False):
        ids = _with_number(e164=e164, root=_root(reader))[:limit]
        hits = _hits(reader, dict.fromkeys(ids, rules.Tier.EXACT), _today(organisation), ["phone"])
        record(reader, "patient.listed", "patient", ids, by=["phone"], found=len(ids))
    return hits


def hits_of(reader: Reader, ids: Iterable[UUID], reason: str = "") -> list[PatientHit]:
    """Known patients as a list shows them, in the order of `ids`, without those of other networks. One audit row."""
    reader.require("patients.search")
    organisation = Organisation.objects.get(pk=reader.organisation_id)
    with transaction.atomic():
        mine = set(
            Patient.objects.filter(pk__in=list(ids), organisation__in=network(reader)).values_list("pk", flat=True)
        )
        hits = _hits(reader, {i: rules.Tier.EXACT for i in ids if i in mine}, _today(organisation), [])
        if hits:
            record(reader, "patient.listed", "patient", [hit.id for hit in hits], reason)
    return hits


def open_patient(reader: Reader, patient_id: UUID, reason: str = "") -> Patient:
    """The whole record with its phones, settlement and clinic; one audit row. Raises NotAllowed, NotFound."""
    reader.require("patients.search")
    with transaction.atomic():
        patient = _record_of(reader, patient_id)
        record(reader, "patient.opened", "patient", [patient.pk], reason)
    return patient


def history_of(reader: Reader, patient_id: UUID) -> list[dict[str, Any]]:
    """What was changed, newest first: {"at", "by", "before", "after"}. One audit row. Raises NotAllowed, NotFound."""
    reader.require("patients.search")
    with transaction.atomic():
        patient = _record_of(reader, patient_id)
        record(reader, "patient.history_opened", "patient", [patient.pk])
        return [dict(row) for row in patient.changes.order_by("-id").values("at", "by", "before", "after")]


def flags_of(patient: Patient, today: date, policy: Policy | None = None) -> tuple[str, ...]:
    """What one must know before the first word. A child: somebody else decides for them by the site's policy."""
    flags = []
    if patient.needs_interpreter:
        flags.append("interpreter")
    if patient.hard_of_hearing:
        flags.append("hard_of_hearing")
    if patient.safety_note:
        flags.append("safety")
    below = policy.minors.guardian_decides_below if policy else 16
    if patient.birth_date and names.age_on(patient.birth_date, today) < below:
        flags.append("child")
    return tuple(flags)


def _record_of(reader: Reader, patient_id: UUID) -> Patient:
    rows = Patient.objects.select_related("settlement", "site", "organisation").prefetch_related("phones")
    patient = rows.filter(pk=patient_id, organisation__in=network(reader)).first()
    if patient is None:
        raise NotFound
    return patient


def _today(organisation: Organisation) -> date:
    return timezone.now().astimezone(ZoneInfo(organisation.timezone)).date()


# --- searching -----------------------------------------------------------------------------------------------------


def _ground(reader: Reader) -> tuple[Organisation, list[UUID]]:
    """The reader's organisation and `network(reader)`, in one query."""
    root = reader.path.split("/", 1)[0] + "/"
    own = Organisation.objects.annotate(
        network=ArraySubquery(Organisation.objects.filter(path__startswith=root).values("pk"))
    ).get(pk=reader.organisation_id)
    return own, own.network


def _find(reader: Reader, mine: list[UUID], search: rules.Search, limit: int) -> dict[UUID, rules.Tier]:
    """Ids, best first, with the step that found them. A farther step is taken only while there are too few."""
    found: dict[UUID, rules.Tier] = {}
    with _Steered():
        strange = _strange(search)
        for tier, query in rules.steps(search):
            if strange and tier < rules.Tier.MENDED:
                continue
            # Who typed two things that fit wants them both, not whatever begins so.
            if found and (tier is rules.Tier.MENDED or (tier is rules.Tier.BEGINNING and len(search.terms) > 1)):
                break
            for patient_id in _step(reader, mine, search, query, limit):
                found.setdefault(patient_id, tier)
            if len(found) >= limit:
                break
        if not found and (query := rules.slip_step(search, _near(search, strange))):
            found = dict.fromkeys(_step(reader, mine, search, query, limit), rules.Tier.SLIP)
    return dict(list(found.items())[:limit])


class _Steered:
    """Keeps the planner on the index of keys: with a limit it may believe that reading the table finds enough sooner,
    and with many rows compiling the query takes longer than the query. Ends with the transaction, and inside a
    longer one with the block.
    """

    def __enter__(self) -> None:
        self._set("off", "off")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None and connection.savepoint_ids:
            self._set("on", "on")

    @staticmethod
    def _set(seqscan: str, jit: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('enable_seqscan', %s, true), set_config('jit', %s, true)", [seqscan, jit])


# The condition on the organisation stands in IS TRUE so that no other index than that of the keys can serve it.
STEP = """
WITH candidate AS MATERIALIZED (
    SELECT id, site_id, sort_key, name_keys[1] AS family,
        CASE WHEN family_name >= '一' AND family_name < '龥' THEN length(family_name) + length(given_name) END
            AS chinese_length,
        name_keys && %(cards)s::text[] AS card
    FROM patients_patient
    WHERE array_to_tsvector(name_keys) @@ %(query)s::tsquery AND (organisation_id = ANY(%(network)s)) IS TRUE
    LIMIT %(most)s
)
SELECT id FROM candidate
ORDER BY card DESC, family = ANY(%(words)s) DESC, starts_with(family, %(first)s) DESC,
    coalesce(site_id = %(site)s::uuid, false) DESC, chinese_length, sort_key, id
LIMIT %(limit)s
"""


def step_values(reader: Reader, mine: list[UUID], search: rules.Search, query: str, limit: int) -> dict[str, Any]:
    words = [term.text for term in search.terms if term.kind == "name"]
    return {
        "query": query,
        "network": mine,
        "most": max(MOST_CANDIDATES, limit),
        "words": words,
        "first": words[0] if words else "",
        "cards": [CARD + term.text for term in search.terms if term.kind == "number"],
        "site": reader.site_id,
        "limit": limit,
    }


def _step(reader: Reader, mine: list[UUID], search: rules.Search, query: str, limit: int) -> list[UUID]:
    with connection.cursor() as cursor:
        cursor.execute(STEP, step_values(reader, mine, search, query, limit))
        return [row[0] for row in cursor.fetchall()]


def _strange(search: rules.Search) -> list[rules.Term]:
    """The words that no record has, nor any that begins so: then the steps that look for them can be spared."""
    return [
        term
        for term in search.terms
        if term.starts
        and min(map(len, term.starts)) > 2  # shorter words are not in the list
        and not NameWord.objects.filter(reduce(or_, (Q(word__startswith=start) for start in term.starts))).exists()
    ]


def _near(search: rules.Search, strange: list[rules.Term]) -> dict[str, list[str]]:
    """For the words that no record has (for all, if every one of them is a beginning), the nearest that one has."""
    terms = [term for term in search.terms if term.sounds]
    forms = [form for term in terms for form in term.sounds]
    known = set(NameWord.objects.filter(word__in=forms).values_list("word", flat=True))
    wrong = strange or [term for term in terms if known.isdisjoint(term.sounds)] or terms
    return {term.text: [word for form in term.sounds if len(form) >= 3 for word in _near_words(form)] for term in wrong}


def _near_words(word: str) -> list[str]:
    """Words of the records one slip away, or two of a long word."""
    rows = NameWord.objects.filter(deletes__overlap=names.deletes(word)).values_list("word", flat=True)[:200]
    close = _closest(word, rows, 2 if len(word) >= 7 else 1)
    if not close and len(word) >= 7:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT word FROM patients_nameword WHERE word %% %s ORDER BY word <-> %s LIMIT 50", [word, word]
            )
            close = _closest(word, [row[0] for row in cursor.fetchall()], 2)
    return close


def _closest(word: str, rows: Iterable[str], most: int) -> list[str]:
    """The rows that differ least from the word, at most by `most`."""
    ranked = sorted((names.distance(word, other), other) for other in rows if other != word)
    return [other for distance, other in ranked if distance == ranked[0][0] <= most][:MOST_CORRECTIONS]


def _hits(reader: Reader, found: dict[UUID, rules.Tier], today: date, kinds: Sequence[str]) -> list[PatientHit]:
    if not found:
        return []
    rows = Patient.objects.select_related("settlement", "site", "organisation").in_bulk(list(found))
    return [_hit(rows[i], tier, reader.language, today, kinds) for i, tier in found.items() if i in rows]


def _hit(patient: Patient, tier: rules.Tier, language: str, today: date, kinds: Sequence[str]) -> PatientHit:
    parts = (patient.family_name, patient.given_name, patient.middle_name)
    return PatientHit(
        id=patient.pk,
        number=patient.number,
        display_name=names.display_name(*parts, language=language),
        short_name=names.short_name(*parts),
        birth_date=patient.birth_date,
        age=names.age_on(patient.birth_date, today) if patient.birth_date else None,
        sex=patient.sex,
        language=patient.language,
        settlement=patient.settlement.name if patient.settlement else "",
        site=patient.site.name if patient.site else "",
        flags=flags_of(patient, today, policy_for(patient.organisation)),
        matched_by="similar" if tier >= rules.Tier.MENDED else " ".join(kinds),
    )
