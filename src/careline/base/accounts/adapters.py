"""How allauth behaves in this house: no sign-up, no mail, sentences of our own, secrets sealed."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialLogin
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from careline.base.accounts.models import User
from careline.base.accounts.sealing import seal, unseal
from careline.base.accounts.second_factor import note_after_sign_in
from careline.base.errors import NotAllowed
from careline.base.errors.pages import refusal


class UnknownAtThisSite(NotAllowed):
    code = "unknown_here"
    message = _("You are known to the sign-in service, but not here. Ask your administrator to add you.")


class AccountAdapter(DefaultAccountAdapter):
    error_messages = DefaultAccountAdapter.error_messages | {
        "account_inactive": _("This account is closed."),
        "enter_current_password": _("This is not your present password."),
        "incorrect_code": _("This code is not right."),
        "incorrect_password": _("This password is not right."),
        "too_many_login_attempts": _("Too many wrong attempts. Wait five minutes and try again."),
        "username_password_mismatch": _("The sign-in name or the password is not right."),
        "rate_limited": _("That was too much in too short a time. Wait a minute and try again."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False  # staff are added by their administrator

    def post_login(self, request: HttpRequest, user: User, **kwargs: Any) -> HttpResponse:
        note_after_sign_in(request, user)
        return super().post_login(request, user, **kwargs)

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        return reverse("door:home")

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        return reverse("door:home")

    def get_logout_redirect_url(self, request: HttpRequest) -> str:
        return reverse("account_login")

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Nobody needs an e-mail address to work here, so nothing depends on a letter arriving."""

    def send_notification_mail(self, *args: Any, **kwargs: Any) -> None:
        """As `send_mail`."""


class MFAAdapter(DefaultMFAAdapter):
    error_messages = DefaultMFAAdapter.error_messages | {
        "incorrect_code": _("This code is not right."),
        "cannot_generate_recovery_codes": _("Set up an authenticator app or a key first."),
    }

    def get_totp_issuer(self) -> str:
        return f"Careline {super().get_totp_issuer()}"

    def encrypt(self, text: str) -> str:
        return seal(text)

    def decrypt(self, encrypted_text: str) -> str:
        return unseal(encrypted_text)


class SocialAccountAdapter(DefaultSocialAccountAdapter):
    """People who come through the house's identity provider (OIDC).

    It says who they are; what they may do is decided here.
    """

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        return False

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Link the first time by sign-in name; afterwards by the provider's own lasting id of the person."""
        if sociallogin.is_existing:
            return
        user = User.objects.filter(username=_claimed_name(sociallogin), is_active=True).first()
        # The name in the claim may be changeable at the provider: it must never open the account that rules the system.
        if user is None or user.is_superuser:
            raise ImmediateHttpResponse(refusal(request, UnknownAtThisSite()))
        sociallogin.connect(request, user)


def _claimed_name(sociallogin: SocialLogin) -> str:
    data = sociallogin.account.extra_data
    claims = {**data.get("id_token", {}), **data.get("userinfo", {})}
    return str(claims.get(settings.OIDC_USERNAME_CLAIM) or "")
