"""Patient or client: the site's word, in whole sentences.

A word cannot be put into a sentence of another language, so each sentence stands here twice and is translated twice.
Whoever shows one asks `worded` with the sentence about patients and gets the one of the site.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.utils.functional import lazy
from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

CLIENT = "client"

# The sentence about patients -> the same about clients.
CLIENTS = {
    _("Patient"): _("Client"),
    _("Patients"): _("Clients"),
    _("the patient"): _("the client"),
    _("Find a patient"): _("Find a client"),
    _("New patient"): _("New client"),
    _("Patient: name, telephone or date of birth"): _("Client: name, telephone or date of birth"),
    _("Part of a name in any alphabet, a telephone or a date of birth; several patients may be chosen."): _(
        "Part of a name in any alphabet, a telephone or a date of birth; several clients may be chosen."
    ),
    _("No earlier contact of this number or these patients."): _("No earlier contact of this number or these clients."),
    _("Calling the patient"): _("Calling the client"),
    _("Patient not reached"): _("Client not reached"),
    _("Rated by the patient"): _("Rated by the client"),
    _("date of birth of the patient"): _("date of birth of the client"),
    _("Every desk of your place shows it at once. No names of patients."): _(
        "Every desk of your place shows it at once. No names of clients."
    ),
    _("A patient needs a family name."): _("A client needs a family name."),
    _("Another patient has this number of the clinic's own system."): _(
        "Another client has this number of the clinic's own system."
    ),
    _("no contact of the same patient on the same topic within %(days)s days"): _(
        "no contact of the same client on the same topic within %(days)s days"
    ),
}

_word: ContextVar[str] = ContextVar("word", default="patient")


@contextmanager
def calling(word: str) -> Iterator[None]:
    """Within, people are called as the site calls them: `word` is its `Organisation.patient_word`."""
    before = _word.set(word)
    try:
        yield
    finally:
        _word.reset(before)


def worded(sentence: str) -> str:
    """The sentence (a key of CLIENTS) in the site's word and the reader's language. Raises KeyError for another."""
    of_clients = CLIENTS[sentence]
    return gettext(of_clients if _word.get() == CLIENT else sentence)


worded_lazy = lazy(worded, str)
