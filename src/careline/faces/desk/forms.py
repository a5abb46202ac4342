"""Forms of the desk."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _


class RecordForm(forms.Form):
    """How a contact ends. Topic and outcome are each one of the chips, else one of the list."""

    key = forms.UUIDField()
    topic = forms.UUIDField(required=False)
    topic_more = forms.UUIDField(required=False)
    outcome = forms.CharField(required=False, max_length=30)
    outcome_more = forms.CharField(required=False, max_length=30)
    note = forms.CharField(required=False, max_length=4000)
    caller_name = forms.CharField(required=False, max_length=200)
    relation = forms.CharField(required=False, max_length=12)
    next = forms.BooleanField(required=False)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        for name in ("topic", "outcome"):
            cleaned[name] = cleaned.get(name) or cleaned.get(f"{name}_more")
        return cleaned


class NewPatientForm(forms.Form):
    """What is needed to have a record at all; the rest is asked when there is time."""

    family_name = forms.CharField(label=_("Family name"), max_length=100)
    given_name = forms.CharField(label=_("Given name"), max_length=100, required=False)
    middle_name = forms.CharField(label=_("Patronymic or middle name"), max_length=100, required=False)
    birth_date = forms.DateField(
        label=_("Date of birth"), required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    phone = forms.CharField(label=_("Telephone"), max_length=200, required=False)
    address = forms.CharField(label=_("Address"), max_length=300, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            field.widget.attrs |= {"class": "field field--s", "autocomplete": "off", "id": f"new-{name}"}


class EraseForm(forms.Form):
    """Erasing cannot be undone: somebody writes why, and says that they have looked."""

    reason = forms.CharField(label=_("Reason"), max_length=200)
    checked = forms.BooleanField(label=_("Nothing obliges us to keep this record."))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].widget.attrs |= {"class": "field", "autocomplete": "off", "id": "erase-reason"}
        self.fields["checked"].widget.attrs |= {"id": "erase-checked"}
