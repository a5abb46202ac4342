"""What may be told to whom, and how long things may take or be kept. Pure: a pack of rules in, an answer out.

Levels of disclosure: 0 public facts; 1 the caller named two identifiers; 2 a code sent to the registered number came
back. A telephone number that calls proves nothing and is no identifier. A third person, relative or not, is not even
told that the patient is here unless listed, with the code word.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass, replace
from enum import IntEnum, StrEnum
from typing import Any

from django.utils.translation import gettext_lazy as _

from careline.base.errors import CareError


class Level(IntEnum):
    PUBLIC = 0
    IDENTIFIED = 1
    CONFIRMED = 2


class Fact(StrEnum):
    """What a caller may ask to hear or have done. `DISCLOSURE` says which level each needs."""

    OPENING_HOURS = "opening_hours"
    STAFF_HOURS = "staff_hours"
    PRICES = "prices"
    PREPARATION = "preparation"
    HOW_TO_REGISTER = "how_to_register"
    APPOINTMENT = "appointment"
    BOOK = "book"
    MOVE = "move"
    CANCEL = "cancel"
    CALL_BACK = "call_back"
    ATTACHMENT = "attachment"
    RESULT_READY = "result_ready"
    RESULT = "result"
    DIAGNOSIS = "diagnosis"
    PRESCRIPTION = "prescription"
    DOCUMENT = "document"
    CONTACT_DETAILS = "contact_details"


class Identifier(StrEnum):
    """What may stand for one of the two identifiers of level 1. The calling number is not among them."""

    FULL_NAME = "full_name"
    BIRTH_DATE = "birth_date"
    ADDRESS = "address"
    CARD_NUMBER = "card_number"


DISCLOSURE: dict[Fact, Level] = {
    **dict.fromkeys(
        (Fact.OPENING_HOURS, Fact.STAFF_HOURS, Fact.PRICES, Fact.PREPARATION, Fact.HOW_TO_REGISTER), Level.PUBLIC
    ),
    **dict.fromkeys(
        (Fact.APPOINTMENT, Fact.BOOK, Fact.MOVE, Fact.CANCEL, Fact.CALL_BACK, Fact.ATTACHMENT, Fact.RESULT_READY),
        Level.IDENTIFIED,
    ),
    **dict.fromkeys(
        (Fact.RESULT, Fact.DIAGNOSIS, Fact.PRESCRIPTION, Fact.DOCUMENT, Fact.CONTACT_DETAILS), Level.CONFIRMED
    ),
}


class PolicyLoosened(CareError):
    code = "policy_loosened"
    message = _("A site may tighten its policy pack, not loosen it: %(name)s.")


class UnknownPolicy(CareError):
    code = "unknown_policy"
    message = _("There is no policy pack %(code)s.")


@dataclass(frozen=True, slots=True)
class Disclosure:
    identifiers_needed: int = 2  # for level 1
    code_minutes: int = 10  # how long a code of level 2 holds
    levels: tuple[tuple[Fact, Level], ...] = tuple(DISCLOSURE.items())


@dataclass(frozen=True, slots=True)
class Secrecy:
    seeking_care_is_secret: bool = True
    refused_consent_blocks_care: bool = False
    persons_told_named_in_consent: bool = False
    contractor_bound: bool = True
    separate_consent_for_sensitive_data: bool = False
    visit_in_person_always_offered: bool = False
    voice_identifies: bool = False
    notice_before_recording: bool = True


@dataclass(frozen=True, slots=True)
class Minors:
    """Ages in whole years. From `both_decide_from` until adult the minor and a parent both consent; 0: no such time."""

    guardian_decides_below: int = 16
    both_decide_from: int = 0
    adult_from: int = 18


@dataclass(frozen=True, slots=True)
class Recordings:
    """Days; None leaves it to the site."""

    kept_at_most_days: int | None = None
    emergency_kept_at_least_days: int | None = None


@dataclass(frozen=True, slots=True)
class Complaints:
    """Time limits of an answer: the usual, the extended and the longest; calendar days unless `working_days`."""

    answer_days: int = 30
    extended_days: int | None = None
    longest_days: int | None = None
    working_days: bool = False


@dataclass(frozen=True, slots=True)
class Data:
    stays_in_country: bool = False
    request_days: int = 30
    breach_hours: int | None = None
    impact_assessment: bool = False


@dataclass(frozen=True, slots=True)
class Policy:
    """One country's pack as the site uses it. `version` and `basis` say where it comes from."""

    code: str
    version: str
    basis: tuple[str, ...]
    phone_region: str  # ISO country whose national notation of numbers is meant
    confirmed_by_counsel: bool = False
    disclosure: Disclosure = Disclosure()
    secrecy: Secrecy = Secrecy()
    minors: Minors = Minors()
    recordings: Recordings = Recordings()
    complaints: Complaints = Complaints()
    data: Data = Data()
    lists: tuple[tuple[str, int], ...] = ()  # most patients on one doctor's list, by kind
    tightened: bool = False


# What "tighter" means, by field; a field not here is fixed by the pack. True/False: the stricter value of a switch.
_LOWER = {
    "code_minutes",
    "kept_at_most_days",
    "answer_days",
    "extended_days",
    "longest_days",
    "request_days",
    "breach_hours",
    "family",
    "therapist",
    "paediatrician",
}
_HIGHER = {"identifiers_needed", "guardian_decides_below", "emergency_kept_at_least_days"}
_SWITCH = {
    "stays_in_country": True,
    "impact_assessment": True,
    "persons_told_named_in_consent": True,
    "separate_consent_for_sensitive_data": True,
    "visit_in_person_always_offered": True,
}


def may_disclose(policy: Policy, what: Fact | str, verified_level: int) -> bool:
    """Whether a caller verified to `verified_level` may be told or have done `what`. ValueError for an unknown fact."""
    return verified_level >= level_needed(policy, what)


def level_needed(policy: Policy, what: Fact | str) -> Level:
    return dict(policy.disclosure.levels)[Fact(what)]


def level_reached(policy: Policy, identifiers: set[Identifier], code_confirmed: bool = False) -> Level:
    """The level a caller has reached who named these identifiers rightly, and returned the code sent or not."""
    if len(identifiers) < policy.disclosure.identifiers_needed:
        return Level.PUBLIC
    return Level.CONFIRMED if code_confirmed else Level.IDENTIFIED


def may_tell_third_person(listed: bool, code_word_right: bool) -> bool:
    """Even that the patient is here is told only to someone on the patient's list who says the code word."""
    return listed and code_word_right


def guardian_decides(policy: Policy, age: int) -> bool:
    return age < policy.minors.guardian_decides_below


def both_decide(policy: Policy, age: int) -> bool:
    """The minor and a parent must both agree."""
    minors = policy.minors
    return bool(minors.both_decide_from) and minors.both_decide_from <= age < minors.adult_from


def from_data(data: dict[str, Any]) -> Policy:
    """A pack from its file's content. TypeError for a field that does not exist."""
    parts = {
        "secrecy": Secrecy,
        "minors": Minors,
        "recordings": Recordings,
        "complaints": Complaints,
        "data": Data,
        "disclosure": Disclosure,
    }
    values: dict[str, Any] = dict(data)
    for name, kind in parts.items():
        if name in values:
            values[name] = kind(**values[name])
    values["basis"] = tuple(values["basis"])
    values["lists"] = tuple(sorted(values.get("lists", {}).items()))
    return Policy(**values)


def tighten(policy: Policy, changes: dict[str, Any]) -> Policy:
    """The policy with the site's stricter values, in the pack's own sections. Raises PolicyLoosened for any other."""
    values: dict[str, Any] = {"tightened": True}
    for section, wanted in changes.items():
        if section == "levels":
            values["disclosure"] = _raise_levels(values.get("disclosure", policy.disclosure), wanted)
        elif section == "lists":
            limits = dict(policy.lists)
            for name, value in wanted.items():
                _check(name, limits.get(name), value)
            values["lists"] = tuple(sorted({**limits, **wanted}.items()))
        else:
            current = values.get(section) or getattr(policy, section, None)
            if not is_dataclass(current) or isinstance(current, type):
                raise PolicyLoosened(name=section)
            known = {field.name for field in fields(current)}
            for name, value in wanted.items():
                if name not in known:
                    raise PolicyLoosened(name=f"{section}.{name}")
                _check(name, getattr(current, name), value)
            values[section] = replace(current, **wanted)
    return replace(policy, **values)


def _raise_levels(disclosure: Disclosure, wanted: dict[str, int]) -> Disclosure:
    levels = dict(disclosure.levels)
    for name, value in wanted.items():
        if name not in set(Fact) or value < levels[Fact(name)]:
            raise PolicyLoosened(name=f"levels.{name}")
        levels[Fact(name)] = Level(value)
    return replace(disclosure, levels=tuple(levels.items()))


def _check(name: str, now: Any, wanted: Any) -> None:
    stricter = (
        (name in _LOWER and (now is None or wanted <= now))
        or (name in _HIGHER and (now is None or wanted >= now))
        or (name in _SWITCH and wanted in (now, _SWITCH[name]))
    )
    if not stricter:
        raise PolicyLoosened(name=name)
