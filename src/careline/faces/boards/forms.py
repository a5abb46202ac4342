"""What the list of contacts is narrowed to, as it comes from the browser."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django import forms
from django.conf import settings
from django.utils import timezone
from django.utils.choices import BaseChoiceIterator
from django.utils.translation import gettext_lazy as _

from careline.base.accounts.models import User
from careline.base.accounts.rights import Reader, covered
from careline.base.organisations.models import Site
from careline.care.contacts.models import Contact
from careline.care.contacts.queries import CAUSES, Filters
from careline.care.contacts.rules import Outcome
from careline.care.directory.queries import lines, queues, topics
from careline.faces.shared import same_for, shared, timezone_of

ANY = [("", _("Any"))]


class Offered(BaseChoiceIterator):
    """Choices made once for many forms: Django takes these as they are, and goes through a list at every form."""

    def __init__(self, choices: list[tuple[str, Any]]) -> None:
        self._choices = ANY + choices

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        return iter(self._choices)


def _choices(reader: Reader) -> dict[str, Offered]:
    sites = covered(reader, Site.objects.order_by("name"), site="id")
    choices = {
        "line": [(str(row.pk), row.name) for row in lines(reader)],
        "queue": [(str(row.pk), row.name) for row in queues(reader)],
        "site": [(str(row.pk), row.name) for row in sites],
        "topic": [(str(row.pk), str(row)) for row in topics(reader.organisation_id)],
        "agent": [(str(row.pk), row.get_full_name() or row.username) for row in _staff(reader)],
    }
    return {name: Offered(each) for name, each in choices.items()}


class FiltersForm(forms.Form):
    """Every field is optional. The words looked for are personal: this form is only ever posted."""

    since = forms.DateField(label=_("From"), required=False)
    until = forms.DateField(label=_("To"), required=False)
    line = forms.ChoiceField(label=_("Line"), required=False)
    queue = forms.ChoiceField(label=_("Queue"), required=False)
    site = forms.ChoiceField(label=_("Site"), required=False)
    topic = forms.ChoiceField(label=_("Topic"), required=False)
    agent = forms.ChoiceField(label=_("Operator"), required=False)
    channel = forms.ChoiceField(label=_("Channel"), required=False, choices=Offered(Contact.Channel.choices))
    language = forms.ChoiceField(label=_("Language"), required=False, choices=Offered(list(settings.LANGUAGES)))
    outcome = forms.ChoiceField(label=_("Outcome"), required=False, choices=Offered(Outcome.choices))
    cause = forms.ChoiceField(label=_("How it ended"), required=False, choices=Offered(list(CAUSES.items())))
    missing = forms.BooleanField(label=_("Without an outcome"), required=False)
    text = forms.CharField(label=_("Caller's name or number"), required=False, max_length=80)

    def __init__(self, reader: Reader, data: Any = None) -> None:
        super().__init__(data, initial={"since": timezone.localdate().isoformat()}, label_suffix="")
        self._zone = ZoneInfo(timezone_of(reader))
        for name, choices in shared(same_for(reader, "filters"), lambda: _choices(reader), for_s=30.0).items():
            self.fields[name].choices = choices  # type: ignore[attr-defined]
        if not reader.may("patients.search"):
            del self.fields["text"]
        for name, each in self.fields.items():
            each.widget.attrs |= {"class": "tick" if name == "missing" else "field", "autocomplete": "off"}
        for name in ("since", "until"):
            self.fields[name].widget.input_type = "date"

    def filters(self) -> Filters:
        """Of a valid form, or of one that was not sent yet (today). Days are the organisation's own."""
        sent = self.is_bound and self.is_valid()
        said: dict[str, Any] = self.cleaned_data if sent else {"since": timezone.localdate()}
        ids: dict[str, Any] = {
            name: UUID(said[name]) for name in ("line", "queue", "site", "topic", "agent") if said.get(name)
        }
        codes: dict[str, Any] = {
            name: said.get(name) or "" for name in ("channel", "language", "outcome", "cause", "text")
        }
        until = said.get("until")
        return Filters(
            since=self._midnight(said.get("since")),
            until=self._midnight(until + timedelta(days=1) if until else None),
            missing=bool(said.get("missing")),
            **ids,
            **codes,
        )

    def _midnight(self, day: date | None) -> datetime | None:
        return datetime.combine(day, time(), self._zone) if day else None


def _staff(reader: Reader):
    """Whoever is or was posted where the reader's posting covers."""
    here = User.objects.filter(postings__organisation__path__startswith=reader.path, postings__role__in=_TAKERS)
    if reader.site_id is not None:
        here = here.filter(postings__site_id=reader.site_id)
    return here.distinct().order_by("last_name", "first_name", "username")


_TAKERS = ("operator", "registrar", "patient_administrator", "doctor", "supervisor")
