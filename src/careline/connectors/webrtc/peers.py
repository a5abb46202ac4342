"""A patient and an operator as programs: they call, answer, speak and hear through the real addresses.

They serve the demo's traffic, the benchmarks and the journeys. Media follows docs/reference/live.md as the browsers'
`talk.js` does.
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.sdp import candidate_from_sdp

from careline.connectors.webrtc.line import Line, Refused
from careline.connectors.webrtc.sound import Clip, Ear, Voice

HELLO_AGAIN_S = 3.0
GIVE_UP_S = 15.0  # offered but not connected: begin anew

SendSignal = Callable[[dict[str, Any]], Awaitable[Any]]


class Talk:
    """One peer connection at a time; each session begins afresh."""

    def __init__(self, clip: Clip, send: SendSignal, *, every: int = 1, pause_s: float = 0.0) -> None:
        self.ear = Ear()
        self.voice: Voice | None = None
        self.session = ""
        self.connected = asyncio.Event()
        self.sessions = 0
        self.new_voice: Callable[[], Voice] = lambda: Voice(clip, every=every, pause_s=pause_s)  # for each session
        self._send = send
        self._pc: RTCPeerConnection | None = None

    async def close(self) -> None:
        self.connected.clear()
        self.ear.stop()
        pc, self._pc = self._pc, None
        if self.voice:
            self.voice.stop()
        if pc:
            await pc.close()

    async def send(self, **data: Any) -> None:
        """Signals that come too late are nobody's loss."""
        with contextlib.suppress(Refused):
            await self._send({"session": self.session, **data})

    async def _fresh(self, session: str) -> RTCPeerConnection:
        await self.close()
        self.session = session
        self.sessions += 1
        pc = self._pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.voice = self.new_voice()

        @pc.on("track")
        def hear(track: Any) -> None:
            if track.kind == "audio":
                self.ear.listen(track)

        @pc.on("connectionstatechange")
        async def changed() -> None:
            if pc is self._pc:
                if pc.connectionState == "connected":
                    self.connected.set()
                elif pc.connectionState == "failed":
                    self.connected.clear()
                    await self.broken()

        return pc

    async def broken(self) -> None:
        """The connection is gone for good."""

    async def _candidate(self, said: dict[str, Any]) -> None:
        if self._pc is None or not self._pc.remoteDescription or not said.get("candidate"):
            return
        candidate = candidate_from_sdp(said["candidate"].removeprefix("candidate:"))
        candidate.sdpMid, candidate.sdpMLineIndex = said.get("sdpMid"), said.get("sdpMLineIndex")
        await self._pc.addIceCandidate(candidate)


class PageTalk(Talk):
    """The patient's side: answers every hello with an offer."""

    async def hear(self, data: dict[str, Any]) -> None:
        if data["kind"] == "hello":
            await self._offer(data["session"])
        elif data["session"] != self.session or self._pc is None:
            return
        elif data["kind"] == "answer" and self._pc.signalingState == "have-local-offer":
            await self._pc.setRemoteDescription(RTCSessionDescription(data["sdp"], "answer"))
        elif data["kind"] == "candidate":
            await self._candidate(data["candidate"])

    async def _offer(self, session: str) -> None:
        if session == self.session and self._pc is not None:
            if self._pc.signalingState == "have-local-offer":  # it may not have arrived
                await self.send(kind="offer", sdp=self._pc.localDescription.sdp, video=False)
            return
        pc = await self._fresh(session)
        pc.addTrack(self.voice)  # type: ignore[arg-type]
        await pc.setLocalDescription(await pc.createOffer())
        if pc is self._pc:
            await self.send(kind="offer", sdp=pc.localDescription.sdp, video=False)

    async def broken(self) -> None:
        await self.send(kind="lost")


class DeskTalk(Talk):
    """The operator's side: says hello until the page answers."""

    def __init__(self, clip: Clip, send: SendSignal, *, every: int = 1, pause_s: float = 0.0) -> None:
        super().__init__(clip, send, every=every, pause_s=pause_s)
        self._next: asyncio.TimerHandle | None = None
        self._acting: asyncio.Task[None] | None = None
        self._give_up_s = GIVE_UP_S

    async def hello(self) -> None:
        """A new session: at the start, and whenever the old one is broken."""
        await self.close()
        self.session = str(uuid.uuid4())
        await self._say_hello()

    async def _say_hello(self) -> None:
        self._then(HELLO_AGAIN_S, self._say_hello)
        await self.send(kind="hello")

    async def broken(self) -> None:
        await self.hello()

    async def close(self) -> None:
        if self._next:
            self._next.cancel()
        if self._acting and self._acting is not asyncio.current_task():
            self._acting.cancel()
        await super().close()

    async def hear(self, data: dict[str, Any]) -> None:
        if data["kind"] == "lost":
            await self.hello()
        elif data["session"] != self.session:
            return
        elif data["kind"] == "offer" and self._pc is None:
            await self._answer(data)
        elif data["kind"] == "candidate":
            await self._candidate(data["candidate"])

    async def _answer(self, data: dict[str, Any]) -> None:
        pc = await self._fresh(data["session"])
        self._then(self._give_up_s, self.hello)
        self._give_up_s *= 2  # a machine that is slow today is not helped by doing it all again
        await pc.setRemoteDescription(RTCSessionDescription(data["sdp"], "offer"))
        pc.addTrack(self.voice)  # type: ignore[arg-type]
        await pc.setLocalDescription(await pc.createAnswer())
        if pc is self._pc:
            await self.send(kind="answer", sdp=pc.localDescription.sdp)

    def _then(self, seconds: float, act: Callable[[], Coroutine[Any, Any, None]]) -> None:
        def begin() -> None:
            if not self.connected.is_set():
                self._acting = asyncio.ensure_future(act())

        if self._next:
            self._next.cancel()
        self._next = asyncio.get_running_loop().call_later(seconds, begin)


class Peer(ABC):
    """What a caller and an operator have in common: a line, its events one after the other, and their watchers."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self._heard: asyncio.Queue[tuple[str, dict[str, Any]]] = asyncio.Queue()
        self._news = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None

    def _listen(self, path: str) -> None:
        self.line.listen(path, lambda event, data: self._heard.put_nowait((event, data)))
        self._task = asyncio.create_task(self._work())

    async def _work(self) -> None:
        while True:
            event, data = await self._heard.get()
            await self.heard(event, data)
            async with self._news:
                self._news.notify_all()

    @abstractmethod
    async def heard(self, event: str, data: dict[str, Any]) -> None:
        """One event of the stream, as docs/reference/live.md names them."""

    @property
    def over(self) -> bool:
        """Nothing more will happen here: the server has refused us, or hearing its events has failed."""
        return self.line.over or (self._task is not None and self._task.done())

    async def until(self, fits: Callable[[], bool], timeout_s: float = 30.0) -> None:
        """Until `fits` holds after some event. Raises TimeoutError."""
        async with asyncio.timeout(timeout_s), self._news:
            await self._news.wait_for(fits)

    async def close(self) -> None:
        await self._stop_hearing()
        await self.line.close()

    async def _stop_hearing(self) -> None:
        """First of all, so that nothing begins anew while it is being closed."""
        task, self._task = self._task, None
        if task:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


class Caller(Peer):
    """A patient's page. `state` is the last it was told."""

    def __init__(self, line: Line, clip: Clip, *, every: int = 1, pause_s: float = 0.0) -> None:
        super().__init__(line)
        self.contact = ""
        self.state: dict[str, Any] = {}
        self.texts: list[dict[str, Any]] = []
        self.talk = PageTalk(clip, lambda data: self.act("signal", data=data), every=every, pause_s=pause_s)

    async def call(self, code: str, language: str, *, topic: str = "", channel: str = "voice", **more: Any) -> str:
        """Start the call and listen. Returns the contact. Raises Refused."""
        wish = {"line": code, "language": language, "topic": topic, "channel": channel, **more}
        self.contact = (await self.line.post("/live/call", **wish))["contact"]
        self._listen("/live/call/events")
        return self.contact

    async def act(self, action: str, **more: Any) -> None:
        await self.line.post("/live/call/actions", action=action, **more)

    @property
    def phase(self) -> str:
        return self.state.get("phase", "")

    async def hang_up(self) -> None:
        with contextlib.suppress(Refused):  # the other side was quicker
            await self.act("hang_up")

    async def heard(self, event: str, data: dict[str, Any]) -> None:
        if event == "state":
            self.state = data
            if self.talk.voice:
                self.talk.voice.speaking = self.phase != "held"
            if self.phase == "ended":
                await self.talk.close()
        elif event == "signal":
            await self.talk.hear(data["data"])
        elif event == "text" and all(data["id"] != known["id"] for known in self.texts):
            self.texts.append(data)

    async def close(self) -> None:
        await self._stop_hearing()
        await self.talk.close()
        await super().close()


class Operator(Peer):
    """A desk. `phone` is the last it was told; offers are answered at once when `answers` is set."""

    def __init__(self, line: Line, clip: Clip, *, answers: bool = True, every: int = 1, pause_s: float = 0.0) -> None:
        super().__init__(line)
        self.phone: dict[str, Any] = {"work": []}
        self.answers = answers
        self.talks: dict[tuple[str, int], DeskTalk] = {}
        self._answered: set[str] = set()
        self._clip, self._every, self._pause_s = clip, every, pause_s

    async def start(self) -> None:
        """Sit down and say ready."""
        self._listen("/live/desk/events")
        await self.act("ready")

    async def act(self, action: str, **more: Any) -> None:
        await self.line.post("/live/desk/actions", action=action, **more)

    def work(self, *phases: str) -> list[dict[str, Any]]:
        return [each for each in self.phone["work"] if each["phase"] in phases]

    async def heard(self, event: str, data: dict[str, Any]) -> None:
        if event == "phone":
            self.phone = data
            await self._follow()
        elif event == "signal":
            talk = self.talks.get((data["contact"], data["talk"]))
            if talk:
                await talk.hear(data["data"])

    async def _follow(self) -> None:
        """Answer what rings, speak where a talk has begun, be silent where one is over."""
        for each in self.work("offered"):
            if self.answers and each["offer"] not in self._answered:
                self._answered.add(each["offer"])
                with contextlib.suppress(Refused):
                    await self.act("answer", contact=each["contact"], offer=each["offer"])
        wanted = {(each["contact"], each["talk"]) for each in self.work("talking", "held")}
        for key in set(self.talks) - wanted:
            await self.talks.pop(key).close()
        for contact, number in wanted - set(self.talks):
            await self._begin(contact, number)
        for each in self.work("talking", "held"):
            if voice := self.talks[each["contact"], each["talk"]].voice:
                voice.speaking = each["phase"] == "talking"

    async def _begin(self, contact: str, number: int) -> None:
        def send(data: dict[str, Any]) -> Awaitable[Any]:
            return self.act("signal", contact=contact, talk=number, data=data)

        talk = self.talks[contact, number] = DeskTalk(self._clip, send, every=self._every, pause_s=self._pause_s)
        await talk.hello()

    async def end(self, contact: str) -> None:
        """End the talk and finish the writing."""
        with contextlib.suppress(Refused):
            await self.act("end", contact=contact)
            await self.act("wrap_up_done", contact=contact)

    async def close(self) -> None:
        await self._stop_hearing()
        for talk in self.talks.values():
            await talk.close()
        await super().close()
