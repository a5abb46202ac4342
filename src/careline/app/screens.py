"""Which pages the desk's state bar leads to. Faces do not know each other; the roof knows them all."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from careline.faces.desk.screens import SCREENS, Screen

BESIDE_THE_DESK = (
    Screen("shift", _("Shift"), "i-users", "boards:supervise", "supervise", apart=True),
    Screen("contacts", _("Contacts"), "i-list", "boards:contacts", "contacts.view", apart=True),
    Screen("wallboard", _("Wallboard"), "i-signal", "boards:wall", "queues.view", apart=True),
)


def connect() -> None:
    """Once, when the addresses are loaded."""
    SCREENS.extend(screen for screen in BESIDE_THE_DESK if screen not in SCREENS)
