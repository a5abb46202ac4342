"""What the hall's phone sends. Nobody types any of it, so a refusal means a broken or hostile client."""

from __future__ import annotations

from datetime import UTC, datetime

from django import forms


class MomentField(forms.FloatField):
    """Seconds since the epoch by the phone's clock, as an aware datetime."""

    def clean(self, value: object) -> datetime | None:
        seconds = super().clean(value)
        if seconds is None:
            return None
        try:
            return datetime.fromtimestamp(seconds, UTC)
        except (ValueError, OverflowError, OSError):
            raise forms.ValidationError("moment") from None


class WhereForm(forms.Form):
    key = forms.UUIDField()
    site = forms.UUIDField(required=False)
    place = forms.CharField(max_length=120, required=False)
    at = MomentField(required=False)


class LogForm(WhereForm):
    topic = forms.UUIDField()
    outcome = forms.CharField(max_length=30)


class UndoForm(forms.Form):
    contact = forms.UUIDField()
