"""The import pages of the admin: choose a file, see what it would change or every bad row, then import it."""

from __future__ import annotations

import base64
from pathlib import PurePath
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core import signing
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from careline.base.accounts.covering import admin_reader
from careline.base.accounts.rights import covered
from careline.base.organisations.models import Organisation
from careline.care.directory.importing import KINDS, BadFile, Report, import_directory, template
from careline.care.directory.importing.reading import MOST_BYTES

TYPES = (".csv", ".txt", ".tsv", ".xlsx")
LONGEST_HELD = 2_000_000  # characters of a checked file carried in the page; Django takes 2.5 MB of form
HELD_FOR_S = 3600
SHOWN_PROBLEMS = 1000
EXCEL = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class ImportForm(forms.Form):
    kind = forms.ChoiceField(label=gettext_lazy("What the file holds"))
    organisation = forms.ModelChoiceField(Organisation.objects.none(), label=gettext_lazy("Organisation"))
    file = forms.FileField(label=gettext_lazy("File"), widget=forms.FileInput(attrs={"accept": ",".join(TYPES)}))

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["kind"].choices = [(code, KINDS[code].name) for code in _allowed(request)]  # type: ignore[attr-defined]
        organisations = _organisations(request)
        self.fields["organisation"].queryset = organisations  # type: ignore[attr-defined]
        self.initial.setdefault("organisation", organisations.first())  # the broadest: most have only one

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if PurePath(file.name).suffix.lower() not in TYPES:
            raise forms.ValidationError(_("Choose a CSV file or an Excel workbook (.xlsx)."))
        if file.size > MOST_BYTES:
            raise forms.ValidationError(
                _("The file is larger than %(megabytes)s MB.") % {"megabytes": MOST_BYTES // 2**20}
            )
        return file


class ImportPages(admin.ModelAdmin):
    """Adds the import pages beside a model's own. Mix into one or more admins; the pages are the same."""

    change_list_template = "admin/directory/change_list.html"

    def get_urls(self) -> list[Any]:
        at = f"{self.opts.app_label}_{self.opts.model_name}"
        view = self.admin_site.admin_view
        return [
            path("import/", view(self.import_page), name=f"{at}_import"),
            path("import/<slug:kind>.xlsx", view(self.import_template), name=f"{at}_import_template"),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        context = {**(extra_context or {}), "import_url": self._url("import") if _allowed(request) else ""}
        return super().changelist_view(request, context)

    def import_page(self, request: HttpRequest) -> HttpResponse:
        if not _allowed(request) or not _organisations(request).exists():
            raise PermissionDenied
        if request.method == "POST" and "held" in request.POST:
            return self._carry_out(request)
        form = ImportForm(request, request.POST or None, request.FILES or None)
        if request.method == "POST" and form.is_valid():
            return self._check(request, form)
        return self._page(request, form)

    def import_template(self, request: HttpRequest, kind: str) -> HttpResponse:
        organisation = _organisations(request).first()
        if kind not in _allowed(request) or organisation is None:
            raise Http404
        return HttpResponse(
            template(kind, organisation),
            content_type=EXCEL,
            headers={"Content-Disposition": f'attachment; filename="{kind}.xlsx"'},
        )

    def _check(self, request: HttpRequest, form: ImportForm) -> HttpResponse:
        chosen = form.cleaned_data
        content = chosen["file"].read()
        try:
            report = import_directory(
                chosen["organisation"], chosen["kind"], content, dry_run=True, reader=admin_reader(request)
            )
        except BadFile as error:
            form.add_error("file", str(error))
            return self._page(request, form)
        held = _hold(request, chosen["kind"], chosen["organisation"], content) if report.good else ""
        if report.good and len(held) > LONGEST_HELD:
            form.add_error("file", _("All rows are good, but the file is too large for this page. Split it."))
            return self._page(request, form)
        return self._page(request, form, report, held)

    def _carry_out(self, request: HttpRequest) -> HttpResponse:
        form = ImportForm(request)
        try:
            kind, organisation, content = _held(request)
        except signing.BadSignature:
            messages.error(request, _("The check was too long ago. Choose the file again."))
            return self._page(request, form)
        report = import_directory(organisation, kind, content, reader=admin_reader(request))
        if not report.good:  # something else has changed since the check
            return self._page(request, form, report)
        self.log_change(request, organisation, f"{kind} imported: {report.rows} rows")  # type: ignore[arg-type]
        messages.success(request, _counts(report))
        return HttpResponseRedirect(self._url("import"))

    def _page(
        self, request: HttpRequest, form: ImportForm, report: Report | None = None, held: str = ""
    ) -> TemplateResponse:
        templates = [(KINDS[k].name, self._url("import_template", k)) for k in _allowed(request)]
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Import the directory from a file"),
            "form": form,
            "report": report,
            "problems": report.problems[:SHOWN_PROBLEMS] if report else [],
            "more": max(0, len(report.problems) - SHOWN_PROBLEMS) if report else 0,
            "counts": _counts(report) if report else "",
            "held": held,
            "templates": templates,
        }
        return TemplateResponse(
            request, "admin/directory/import.html", context, status=422 if report and not held else 200
        )

    def _url(self, name: str, *args: Any) -> str:
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_{name}", args=args)


def _allowed(request: HttpRequest) -> list[str]:
    """The kinds this administrator may import."""
    reader = admin_reader(request)
    return [kind.code for kind in KINDS.values() if reader is None or reader.may(kind.right)]


def _organisations(request: HttpRequest) -> QuerySet[Organisation]:
    """Whole organisations only: an administrator of one site imports nothing."""
    reader = admin_reader(request)
    rows = Organisation.objects.order_by("path")
    if reader is None:
        return rows
    return rows.none() if reader.site_id else covered(reader, rows, organisation="")


def _counts(report: Report) -> str:
    rows = ngettext("%(rows)s row", "%(rows)s rows", report.rows) % {"rows": report.rows}
    return _("%(rows)s: %(created)s new, %(updated)s changed, %(unchanged)s as before") % {
        "rows": rows,
        "created": report.created,
        "updated": report.updated,
        "unchanged": report.unchanged,
    }


def _hold(request: HttpRequest, kind: str, organisation: Organisation, content: bytes) -> str:
    """The checked file, signed, so that exactly what was checked is imported, by the same person."""
    value = [str(request.user.pk), kind, str(organisation.pk), base64.b85encode(content).decode()]
    return signing.dumps(value, salt="directory.import", compress=True)


def _held(request: HttpRequest) -> tuple[str, Organisation, bytes]:
    """Raises BadSignature, also for what another person checked or an organisation no longer covered."""
    user, kind, organisation_id, text = signing.loads(request.POST["held"], salt="directory.import", max_age=HELD_FOR_S)
    organisation = _organisations(request).filter(pk=organisation_id).first()
    if user != str(request.user.pk) or kind not in _allowed(request) or organisation is None:
        raise signing.BadSignature
    return kind, organisation, base64.b85decode(text)
