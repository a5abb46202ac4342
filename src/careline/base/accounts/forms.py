"""allauth's forms with words of our own, so that all five languages say the same."""

from __future__ import annotations

import ipaddress
from typing import Any

from allauth.account import forms as account
from allauth.core import context
from allauth.mfa.base import forms as mfa
from allauth.mfa.totp import forms as totp
from allauth.mfa.webauthn import forms as webauthn
from django.conf import settings
from django.contrib.auth import password_validation
from django.forms import Form
from django.utils.translation import gettext_lazy as _


def _name(form: Form, field: str, label: Any, help_text: Any = "") -> None:
    form.fields[field].label = label
    form.fields[field].help_text = help_text
    form.fields[field].widget.attrs.pop("placeholder", None)  # a label stays when one types, a placeholder does not


class LoginForm(account.LoginForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _name(self, "login", _("Sign-in name"))
        _name(self, "password", _("Password"))
        self.fields["login"].widget.attrs |= {"autocapitalize": "none", "spellcheck": "false"}

    @property
    def idle_minutes(self) -> int:
        return settings.SESSION_IDLE_S // 60

    @property
    def passkeys_work(self) -> bool:
        """Browsers bind a passkey to a host name, never to a bare address, and want TLS or localhost."""
        host = context.request.get_host().rsplit(":", 1)[0].strip("[]")
        try:
            ipaddress.ip_address(host)
        except ValueError:
            return context.request.is_secure() or host == "localhost"
        return False


class ReauthenticateForm(account.ReauthenticateForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _name(self, "password", _("Password"))


class ChangePasswordForm(account.ChangePasswordForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _name(self, "oldpassword", _("Present password"))
        _name(self, "password1", _("New password"), password_validation.password_validators_help_text_html())
        _name(self, "password2", _("New password once more"))

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        if self.cleaned_data.get("password1") and self.user.check_password(self.cleaned_data["password1"]):
            self.add_error("password1", _("The new password must differ from the present one."))
        return cleaned

    def save(self) -> None:
        super().save()
        self.user.must_change_password = False
        self.user.save(update_fields=["must_change_password"])


class CodeForm(mfa.AuthenticateForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _name(self, "code", _("Code"), _("Six digits from your app, or one of your recovery codes."))
        self.fields["code"].widget.attrs |= {"inputmode": "numeric", "autofocus": True}


class CodeAgainForm(mfa.ReauthenticateForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _name(self, "code", _("Code"), _("Six digits from your app, or one of your recovery codes."))


class ActivateTOTPForm(totp.ActivateTOTPForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _name(self, "code", _("Code the app shows now"))
        self.fields["code"].widget.attrs |= {"inputmode": "numeric"}


class AddWebAuthnForm(webauthn.AddWebAuthnForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _name(self, "name", _("What you call this key"))
        if not self.is_bound:
            self.initial["name"] = ""
        _name(
            self,
            "passwordless",
            _("Sign in with this key alone"),
            _("The key then asks for your fingerprint, face or PIN, and the password is not needed."),
        )


class EditWebAuthnForm(webauthn.EditWebAuthnForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _name(self, "name", _("What you call this key"))
