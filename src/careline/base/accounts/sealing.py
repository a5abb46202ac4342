"""What is encrypted with keys made from the site's secret: the seeds of authenticator apps and of recovery codes."""

from __future__ import annotations

import base64
from typing import Any

from allauth.mfa.models import Authenticator
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.db import transaction
from django.utils.encoding import force_bytes

from careline.base.keys import ever

SEALED = ("secret", "seed", "migrated_codes")  # where allauth keeps what it gave us to encrypt


def seal(text: str) -> str:
    return _key(settings.SECRET_KEY).encrypt(text.encode()).decode()


def unseal(sealed: str) -> str:
    """With the site's secret, or one it had before. Raises InvalidToken."""
    return _keys().decrypt(sealed.encode()).decode()


def seal_anew() -> int:
    """Seals with the present secret whatever is sealed with an earlier one. Returns how many people's it was.

    What no known secret opens is left as it is: it may be opened when the right one is put back.
    """
    changed = 0
    for pk in Authenticator.objects.order_by("pk").values_list("pk", flat=True):
        with transaction.atomic():
            row = Authenticator.objects.select_for_update().filter(pk=pk).first()
            if row is not None and (fresh := _anew(row.data)) != row.data:
                row.data = fresh
                row.save(update_fields=["data"])
                changed += 1
    return changed


def _anew(data: dict[str, Any]) -> dict[str, Any]:
    return {name: _renewed(value) if name in SEALED else value for name, value in data.items()}


def _renewed(value: Any) -> Any:
    if isinstance(value, list):
        return [_renewed(each) for each in value]
    try:
        _key(settings.SECRET_KEY).decrypt(value.encode())
    except InvalidToken:
        try:
            return seal(unseal(value))
        except InvalidToken:
            return value
    return value


def _keys() -> MultiFernet:
    return MultiFernet([_key(secret) for secret in (settings.SECRET_KEY, *ever(settings.SECRET_KEY_FALLBACKS))])


def _key(secret: str | bytes) -> Fernet:
    derived = HKDF(hashes.SHA256(), length=32, salt=None, info=b"careline second factor").derive(force_bytes(secret))
    return Fernet(base64.urlsafe_b64encode(derived))
