"""Flags of Chromium that all tests in browsers share."""

from __future__ import annotations

# Each new window otherwise starts a process more, for suggestions in an address bar that nobody sees.
UNSEEN = ("WebUIOmniboxPopup", "WebUIOmniboxAimPopup")


def disabled(*features: str) -> str:
    """One flag for all: Chromium heeds the last of several."""
    return "--disable-features=" + ",".join((*UNSEEN, *features))


LEAN = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage"]
