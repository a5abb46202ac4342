"""Makes the clips of the simulated people anew: `python -m careline.app.traffic.synthesise`. Needs espeak-ng.

The demo only plays what is in the package; nothing of this runs there.
"""

from __future__ import annotations

import subprocess
import tomllib
from pathlib import Path
from typing import Any

import av

CLIPS = Path(__file__).parent / "clips"
VOICES = {"f": "+f3", "m": "+m3"}  # espeak-ng's variants
SPEED = 150  # words a minute: clear, on the telephone's side of slow
BIT_RATE = 14_000
RATE = 48_000


def main() -> None:
    sentences = tomllib.loads((CLIPS / "sentences.toml").read_text(encoding="utf-8"))
    for language, said in sentences.items():
        voice, speed = said.pop("espeak"), said.pop("speed", SPEED)
        for name, text in said.items():
            for sex, variant in VOICES.items():
                spoken = CLIPS / f"{language}-{name}-{sex}.wav"
                command = ["espeak-ng", "-v", voice + variant, "-s", str(speed), "-w", str(spoken), text]
                subprocess.run(command, check=True)
                encode(spoken, CLIPS / f"{language}-{name}-{sex}.opus")
                spoken.unlink()


def encode(spoken: Path, file: Path) -> None:
    """As Opus packets of 20 ms in an Ogg file, which a peer sends as they are."""
    with av.open(str(spoken)) as source_file, av.open(str(file), "w", format="ogg") as out:
        options = {"application": "voip", "frame_duration": "20"}
        stream: Any = out.add_stream("libopus", rate=RATE, options=options)
        stream.bit_rate = BIT_RATE
        stream.layout = "mono"
        resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE, frame_size=960)
        for frame in source_file.decode(audio=0):
            for each in resampler.resample(frame):
                out.mux(stream.encode(each))
        out.mux(stream.encode(None))


if __name__ == "__main__":
    main()
