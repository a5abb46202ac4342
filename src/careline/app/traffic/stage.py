"""What every simulated person of this process shares: where the centre is, the clips, who talks with whom."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from functools import cache
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from uuid import UUID

from careline.app.traffic.cast import CSRF
from careline.connectors.webrtc.line import Line
from careline.connectors.webrtc.sound import Clip, Voice, joined, read_opus, silence
from careline.faces.live.orm import Orm

CLIPS = Path(__file__).parent / "clips"
BESIDE = DefaultCookiePolicy(secure_protocols=("http", "https"))  # this machine's inside has no TLS to wait for
SPARSE = 25  # between two simulated people each voice sends every n-th packet: nobody listens, and laptops are small
ANSWERS = (("more2", 7.0), ("more1", 6.0), ("more3", 6.0), ("more2", 7.0), ("more1", 5.0))  # sentence, silence before


@dataclass(frozen=True, slots=True)
class Wants:
    """What a simulated colleague may know of a simulated caller: how long the talk takes, whom it is about."""

    talk_s: float
    patient: UUID


@dataclass
class Stage:
    """`live`: address of the live process; `host`: a name it answers to. Belongs to the event loop."""

    live: str
    host: str
    orm: Orm
    rng: random.Random = field(default_factory=random.Random)
    with_colleague: set[str] = field(default_factory=set)  # contacts in the hands of simulated colleagues
    callers: dict[str, Wants] = field(default_factory=dict)  # by contact

    def line(self, cookies: dict[str, str] | None = None) -> Line:
        """A patient's browser, or with the cookies of `cast.sign_in` a colleague's."""
        line = Line(self.live, cookies=cookies, origin=f"http://{self.host}", csrf=CSRF if cookies else "")
        line.http.headers["Host"] = self.host
        line.http.cookies.jar.set_policy(BESIDE)
        return line

    def voice(self, contact: str, clip: Clip) -> Voice:
        """Full speech for a real listener, next to nothing for a simulated one."""
        return Voice(clip, every=SPARSE if contact in self.with_colleague else 1)


@cache
def sentence(language: str, name: str, sex: str) -> Clip:
    return read_opus(str(CLIPS / f"{language}-{name}-{sex}.opus"))


@cache
def story(language: str, opening: str, sex: str) -> Clip:
    """What a caller says in a whole call: why they call, answers with silences before them, thanks."""
    parts = [silence(0.6), sentence(language, opening, sex)]
    for name, pause_s in ANSWERS:
        parts += [silence(pause_s), sentence(language, name, sex)]
    return joined(*parts, silence(5.0), sentence(language, "bye", sex), silence(0.8))


@cache
def greeting(language: str, sex: str) -> Clip:
    """What a colleague says."""
    return joined(sentence(language, "greet", sex), silence(6.0), sentence(language, "explain", sex), silence(9.0))
