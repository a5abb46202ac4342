"""Form fields of the directory: a week as seven rows, a text in five languages, rules one a line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from careline.base.errors import CareError
from careline.care.directory.errors import WEEKDAYS
from careline.care.directory.models import Hours, HoursException, Notice, PhoneLine, Queue, StaffSkill, Topic
from careline.care.directory.rules import (
    holidays_known,
    read_overflow,
    read_relax,
    write_overflow,
    write_relax,
    written_day,
)
from careline.core import hours as core

LANGUAGES = [code for code, _name in settings.LANGUAGES]


class Rows(forms.MultiWidget):
    """Several inputs under each other, each with its own label."""

    template_name = "directory/rows.html"
    use_fieldset = True

    def __init__(self, widgets: list[forms.Widget], labels: list[Any]) -> None:
        super().__init__(widgets)
        self.labels = labels

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        context["widget"]["rows"] = [
            {**row, "label": label} for row, label in zip(context["widget"]["subwidgets"], self.labels, strict=True)
        ]
        return context


class WeekRows(Rows):
    def __init__(self) -> None:
        super().__init__([forms.TextInput({"size": 40}) for _day in WEEKDAYS], list(WEEKDAYS))

    def decompress(self, value: Any) -> list[str]:
        return [""] * len(WEEKDAYS)  # a week that is stored comes as rows already: see WeekField.prepare_value


class WeekField(forms.MultiValueField):
    """Seven rows of "08:00-12:00, 13:00-16:00"; an empty row is a closed day."""

    widget = WeekRows

    def __init__(self, **kwargs: Any) -> None:
        fields = [forms.CharField(required=False, max_length=200) for _day in WEEKDAYS]
        super().__init__(fields=fields, require_all_fields=False, required=False, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        """What is stored as rows of text; rows that were typed stay as they are."""
        stored = isinstance(value, list) and all(isinstance(day, list) for day in value)
        return [_day_text(day) for day in value] if stored else value

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(self.prepare_value(initial), data)

    def compress(self, rows: list[str]) -> list[list[list[str]]]:
        return [_valid(written_day, text, index) for index, text in enumerate(rows or [""] * 7)]


class DayField(forms.CharField):
    """One day's hours; empty is closed."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, max_length=200, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return value if isinstance(value, str) else _day_text(value or [])

    def to_python(self, value: Any) -> Any:
        return _valid(written_day, super().to_python(value))

    def has_changed(self, initial: Any, data: Any) -> bool:
        return (data or "").strip() != self.prepare_value(initial)


class TextsRows(Rows):
    """One input for each language, marked as being in it."""

    def __init__(self, long: bool) -> None:
        def box(code: str) -> forms.Widget:
            return forms.Textarea({"lang": code, "rows": 2}) if long else forms.TextInput({"lang": code, "size": 60})

        super().__init__([box(code) for code in LANGUAGES], [name for _code, name in settings.LANGUAGES])

    def decompress(self, value: Any) -> list[str]:
        return [(value or {}).get(code, "") for code in LANGUAGES]


class TextsField(forms.MultiValueField):
    """A text in each language. `every`: none may be empty; otherwise at least one."""

    def __init__(self, *, long: bool = False, every: bool = False, **kwargs: Any) -> None:
        fields = [forms.CharField(required=every, max_length=2000 if long else 120) for _code in LANGUAGES]
        super().__init__(fields=fields, require_all_fields=every, widget=TextsRows(long), **kwargs)

    def compress(self, texts: list[str]) -> dict[str, str]:
        return {code: text for code, text in zip(LANGUAGES, texts or [], strict=False) if text}


class RulesField(forms.CharField):
    """Rules as lines of text; `read` and `write` turn them into what is stored and back."""

    widget = forms.Textarea({"rows": 3, "cols": 40})

    def __init__(self, read: Callable[[str], Any], write: Callable[[Any], str], **kwargs: Any) -> None:
        super().__init__(required=False, max_length=1000, **kwargs)
        self.read, self.write = read, write

    def prepare_value(self, value: Any) -> Any:
        return value if isinstance(value, str) else self.write(value or [])

    def to_python(self, value: Any) -> Any:
        return _valid(self.read, super().to_python(value))

    def has_changed(self, initial: Any, data: Any) -> bool:
        return (data or "").split() != self.prepare_value(initial).split()


class LanguagesField(forms.MultipleChoiceField):
    widget = forms.CheckboxSelectMultiple

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(choices=settings.LANGUAGES, **kwargs)


def _zones() -> list[tuple[str, str]]:
    return [(zone, zone) for zone in sorted(available_timezones())]


def _day_text(stored: Any) -> str:
    try:
        return core.write_day(core.parse_day(stored))
    except core.BadHours:
        return ""


def _valid(read: Callable[..., Any], *values: Any) -> Any:
    try:
        return read(*values)
    except CareError as error:
        raise ValidationError(str(error), code=error.code) from error


# --- forms ------------------------------------------------------------------------------------------------


class HoursForm(forms.ModelForm):
    week = WeekField(
        label=_("Week"),
        help_text=_(
            "Local time, such as 08:00-12:00, 13:00-16:00. Empty: closed."
            " A night is two days: 20:00-24:00 and 00:00-08:00."
        ),
    )
    timezone = forms.ChoiceField(label=_("Time zone"), choices=_zones)

    class Meta:
        model = Hours
        fields = ("organisation", "name", "timezone", "holidays", "week")
        help_texts = {"holidays": _("Two letters of a country, such as UA or PL. Empty: open on public holidays.")}

    def clean_holidays(self) -> str:
        country = self.cleaned_data["holidays"].strip().upper()
        if country and not holidays_known(country):
            raise ValidationError(_("The public holidays of “%(country)s” are not known."), params={"country": country})
        return country


class HoursExceptionForm(forms.ModelForm):
    open = DayField(label=_("Open"), help_text=_("Such as 08:00-12:00. Empty: closed."))

    class Meta:
        model = HoursException
        fields = ("date", "open", "reason")


class QueueForm(forms.ModelForm):
    relax = RulesField(
        read_relax,
        write_relax,
        label=_("Relaxation of skills"),
        help_text=_("One a line: seconds waited, then by how much every skill asked for falls. Example: 60 1"),
    )
    overflow = RulesField(
        read_overflow,
        write_overflow,
        label=_("Overflow"),
        help_text=_(
            "One a line: code of the queue that helps, seconds waited (or -), callers for each ready operator."
            " Example: city 90 2.0"
        ),
    )

    class Meta:
        model = Queue
        exclude = ("closed",)


class PhoneLineForm(forms.ModelForm):
    languages = LanguagesField(label=_("Languages"))
    greeting = TextsField(
        long=True,
        required=False,
        label=_("Greeting"),
        help_text=_("What the operator says first; {name} becomes their given name."),
    )

    class Meta:
        model = PhoneLine
        exclude = ("closed",)


class TopicForm(forms.ModelForm):
    names = TextsField(every=True, label=_("Names"))

    class Meta:
        model = Topic
        fields = (
            "organisation",
            "parent",
            "code",
            "names",
            "icon",
            "order",
            "queue",
            "head_start_s",
            "urgent",
            "for_calls",
            "for_walk_ins",
            "active",
        )

    def clean_parent(self) -> Topic | None:
        parent: Topic | None = self.cleaned_data["parent"]
        above = parent
        while above is not None:
            if above.pk == self.instance.pk:
                raise ValidationError(_("The topic would belong to itself."))
            above = above.parent
        return parent


class NoticeForm(forms.ModelForm):
    texts = TextsField(long=True, label=_("Texts"))

    class Meta:
        model = Notice
        fields = ("organisation", "site", "kind", "texts", "for_callers", "valid_from", "valid_to")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        start, end = cleaned.get("valid_from"), cleaned.get("valid_to")
        if start and end and end <= start:
            self.add_error("valid_to", _("The notice would end before it begins."))
        return cleaned


class StaffSkillForm(forms.ModelForm):
    proficiency = forms.IntegerField(label=_("Proficiency, 1 (some) to 5 (best)"), min_value=1, max_value=5, initial=3)

    class Meta:
        model = StaffSkill
        fields = ("user", "skill", "proficiency")
