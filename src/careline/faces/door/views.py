from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_POST

from careline.base.accounts.actions import choose_posting
from careline.base.accounts.models import Role
from careline.base.accounts.rights import SESSION_POSTING, NoPosting, NotSignedIn, Reader, postings_now, reader_of
from careline.base.errors import NotFound

# Whoever keeps the system rather than answers patients begins in the administration.
KEEPERS = {Role.ADMINISTRATOR, Role.AUDITOR, Role.CONTENT_EDITOR}


@require_GET
def home(request: HttpRequest) -> HttpResponse:
    """After signing in: to the work of the posting, by way of choosing one where there are several."""
    try:
        return HttpResponseRedirect(_work_of(reader_of(request)))
    except NoPosting:
        if request.user.is_superuser:
            return HttpResponseRedirect("/admin/")
        raise


def posting(request: HttpRequest) -> HttpResponse:
    """Where do you work now? Also the way to switch."""
    if not request.user.is_authenticated:
        raise NotSignedIn
    if request.method == "POST":
        reader = choose_posting(request, request.POST.get("posting", ""))
        return HttpResponseRedirect(_back(request) or _work_of(reader))
    context = {
        "postings": postings_now(request.user),
        "chosen": request.session.get(SESSION_POSTING),
        "next": _back(request),
    }
    return render(request, "careline/posting.html", context, status=200 if context["postings"] else 403)


@require_POST
def language(request: HttpRequest) -> HttpResponse:
    """Speak this language from now on; to those signed in, wherever they sign in."""
    wanted = request.POST.get("language", "")
    if wanted not in dict(settings.LANGUAGES):
        raise NotFound
    if request.user.is_authenticated:
        request.user.language = wanted
        request.user.save(update_fields=["language"])
    response = HttpResponseRedirect(_back(request) or "/")
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        wanted,
        max_age=365 * 24 * 3600,
        samesite="Lax",
        secure=settings.SESSION_COOKIE_SECURE,
    )
    return response


def _work_of(reader: Reader) -> str:
    return "/admin/" if reader.role in KEEPERS else "/"


def _back(request: HttpRequest) -> str:
    """Where the person came from, when that is a page of this house."""
    wanted = request.POST.get("next") or request.GET.get("next", "")
    safe = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return wanted if safe else ""
