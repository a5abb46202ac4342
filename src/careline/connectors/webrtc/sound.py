"""What a peer says and hears. Speech is encoded once and shared; hearing is measured, not played."""

from __future__ import annotations

import asyncio
import fractions
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import av
import numpy
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError

RATE = 48_000
FRAME = 960  # 20 ms
TIME_BASE = fractions.Fraction(1, RATE)
AUDIBLE = 200.0  # root mean square of 16-bit samples; silence coded by Opus stays below 20


@dataclass(frozen=True, slots=True)
class Clip:
    """Speech as Opus packets of 20 ms, ready to be sent by any number of peers at no cost in encoding.

    An empty packet is silence: nothing is sent for its time.
    """

    packets: Sequence[bytes]

    @property
    def seconds(self) -> float:
        return len(self.packets) * FRAME / RATE


def clip(samples: numpy.ndarray[Any, Any], bit_rate: int = 24_000) -> Clip:
    """Encode 16-bit mono samples at 48 kHz."""
    codec: Any = av.CodecContext.create("libopus", "w")
    codec.bit_rate = bit_rate
    codec.format = "s16"
    codec.layout = "mono"
    codec.sample_rate = RATE
    codec.time_base = TIME_BASE
    codec.options = {"application": "voip", "frame_duration": "20"}
    packets: list[bytes] = []
    for start in range(0, len(samples) - FRAME + 1, FRAME):
        frame = av.AudioFrame.from_ndarray(samples[start : start + FRAME].reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = RATE
        frame.pts = start
        frame.time_base = TIME_BASE
        packets += [bytes(packet) for packet in codec.encode(frame)]
    packets += [bytes(packet) for packet in codec.encode(None)]
    return Clip(packets)


def tone(hertz: float = 440.0, seconds: float = 1.0, loud: float = 0.3) -> Clip:
    """A plain tone: easy to hear, cheap to make."""
    at = numpy.arange(round(seconds * RATE)) / RATE
    return clip((numpy.sin(2 * math.pi * hertz * at) * loud * 32767).astype(numpy.int16))


def read_clip(path: str) -> Clip:
    """A sound file of any format that ffmpeg knows."""
    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
    parts: list[Any] = []
    with av.open(path) as file:
        for frame in file.decode(audio=0):
            parts += [each.to_ndarray()[0] for each in resampler.resample(frame)]
    parts += [each.to_ndarray()[0] for each in resampler.resample(None)]
    return clip(numpy.concatenate(parts))


def read_opus(path: str) -> Clip:
    """A file of Opus packets of 20 ms, taken as they are: nothing is decoded."""
    with av.open(path) as file:
        return Clip([bytes(packet) for packet in file.demux(audio=0) if packet.size])


def silence(seconds: float) -> Clip:
    return Clip([b""] * round(seconds * RATE / FRAME))


def joined(*clips: Clip) -> Clip:
    """One after the other."""
    return Clip([packet for each in clips for packet in each.packets])


class Voice(MediaStreamTrack):
    """Says a clip, again and again, in real time.

    `every` sends only each n-th packet: what many peers on a small machine need to be heard, at a fraction of the
    work. `pause_s` is a silence between two rounds. `speaking=False` says nothing for the time being.
    """

    kind = "audio"

    def __init__(self, clip: Clip, *, every: int = 1, pause_s: float = 0.0) -> None:
        super().__init__()
        self.clip = clip
        self.speaking = True
        self.said = 0
        self._every = every
        self._round = len(clip.packets) + round(pause_s * RATE / FRAME)
        self._n = 0
        self._started: float | None = None

    async def recv(self) -> av.Packet:
        while True:
            if self.readyState != "live":
                raise MediaStreamError
            now = time.monotonic()
            self._started = self._started or now
            wait = self._started + self._n * FRAME / RATE - now
            if wait > 0:
                await asyncio.sleep(wait)
            elif wait < -1.0:  # the machine slept: do not chatter to catch up
                self._started = now - self._n * FRAME / RATE
            n, self._n = self._n, self._n + self._every
            place = n % self._round
            if self.speaking and place < len(self.clip.packets) and self.clip.packets[place]:
                break
        packet = av.Packet(self.clip.packets[place])
        packet.pts = n * FRAME
        packet.time_base = TIME_BASE
        self.said += 1
        return packet


@dataclass(slots=True)
class Ear:
    """Hears a track to its end: how many frames, and how loud."""

    frames: int = 0
    loudest: float = 0.0
    last_at: float = 0.0
    something: asyncio.Event = field(default_factory=asyncio.Event)  # set once it was more than silence
    _task: asyncio.Task[None] | None = field(default=None, repr=False)

    def listen(self, track: MediaStreamTrack) -> None:
        self.stop()
        self._task = asyncio.ensure_future(self._listen(track))

    def stop(self) -> None:
        if self._task:
            self._task.cancel()

    async def _listen(self, track: MediaStreamTrack) -> None:
        while True:
            try:
                frame: Any = await track.recv()
            except MediaStreamError:
                return
            self.frames += 1
            self.last_at = time.monotonic()
            samples = frame.to_ndarray().astype(numpy.float32)
            self.loudest = max(self.loudest, float(numpy.sqrt(numpy.mean(samples * samples))))
            if self.loudest > AUDIBLE:
                self.something.set()
