"""The training step: how long its parts take, against the plain loop and against what the machine allows."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from voicepack.alignment import AlignedClip
from voicepack.constants import SAMPLE_RATE
from voicepack.kokoro import EncodedText, Kokoro
from voicepack.speed.operations import Rates, Roofline
from voicepack.speed.plain_loop import PlainLoop
from voicepack.speed.timing import interleaved, now
from voicepack.training import VoiceTraining
from voicepack.voice_losses import VoiceLosses, speaker_heard_in, weighted

PARTS = ("predict", "decode", "loss", "backward")  # of a step, in the order in which they begin


def spoken_clip(kokoro: Kokoro, phonemes: str, voice: Tensor) -> AlignedClip:
    """Return what `voice` `[1, 256]` says as if it were a recording: a clip of any length, aligned by itself."""
    text = kokoro.encode_text(phonemes)
    with torch.no_grad():
        prosody = kokoro.predict(text, voice)
        audio = kokoro.decode(text, prosody.frames, prosody.f0, prosody.energy, voice, seed=0)
    return AlignedClip("spoken", text, prosody.frames, prosody.f0, prosody.energy, audio, SAMPLE_RATE / 2)


class ClockedKokoro(Kokoro):
    """Kokoro that adds up the seconds spent in each of its parts, and keeps no text."""

    def __init__(self, folder: Path, device: torch.device, precision: torch.dtype) -> None:
        super().__init__(folder, device, precision)
        self.seconds = dict.fromkeys(PARTS, 0.0)

    def encode_text(self, phonemes: str) -> EncodedText:
        return self._encode_text_anew(phonemes)

    def predict(self, *args: Any, **kwargs: Any) -> Any:
        return self._clocked("predict", lambda: super(ClockedKokoro, self).predict(*args, **kwargs))

    def decode(self, *args: Any, **kwargs: Any) -> Any:
        return self._clocked("decode", lambda: super(ClockedKokoro, self).decode(*args, **kwargs))

    def _clocked(self, part: str, work: Callable[[], Any]) -> Any:
        start = now(self.device)
        result = work()
        self.seconds[part] += now(self.device) - start
        return result


@dataclass(frozen=True)
class StepTimes:
    """Seconds by round of the project's step, of its parts, and of the plain loop's on the same clips."""

    step: list[float]
    encode: list[float]  # a text, once per run: training keeps it, so no step holds it
    plain: list[float]
    parts: dict[str, list[float]]
    floor: float  # at the machine's best rates
    fused_floor: float  # if only operations counted, not what is moved between them


class StepBench:
    """Steps over the same clips in turn, as training takes them."""

    def __init__(
        self,
        weights: Path,
        packs: dict[str, Tensor],
        clips: Sequence[AlignedClip],
        settings: VoiceTraining,
        device: torch.device,
        precision: torch.dtype,
    ) -> None:
        recordings = speaker_heard_in(clips, settings.losses)
        self.kokoro, self.plain_loop = ClockedKokoro(weights, device, precision), PlainLoop(weights, recordings, device)
        self.losses = VoiceLosses(self.kokoro, packs, recordings)
        self.clips, self.settings, self.taken = clips, settings, 0
        self.voice = self.losses.space.mean[None].clone().requires_grad_()

    def measure(self, rates: Rates, rounds: int) -> StepTimes:
        """Time `rounds` epochs of both loops, in turn; of the project's so many that its kinds of steps are even."""
        clocked: list[dict[str, float]] = []
        count = len(self.clips)
        steps = math.lcm(count, max(1, self.settings.own_prosody_every))

        def epoch() -> None:
            self.kokoro.seconds = dict.fromkeys(PARTS, 0.0)
            for _ in range(steps):
                self.step()
            now(self.kokoro.device)  # what was asked for is done
            clocked.append(self.kokoro.seconds.copy())

        works = {"step": epoch, "encode": self._encode, "plain": self._plain_epoch}
        seconds = interleaved(works, rounds)
        for parts, whole in zip(clocked[1:], seconds["step"], strict=True):
            parts["loss"] = whole - sum(parts.values())
        with Roofline(rates) as needed:
            for _ in range(steps):
                self.step()
        return StepTimes(
            step=[each / steps for each in seconds["step"]],
            encode=[each / count for each in seconds["encode"]],
            plain=[each / count for each in seconds["plain"]],
            parts={part: [each[part] / steps for each in clocked[1:]] for part in PARTS},
            floor=needed.seconds / steps,
            fused_floor=needed.operations / rates.operations / steps,
        )

    def step(self) -> None:
        """Take the project's next step, but for the optimiser's, which is a thousandth of it."""
        number, self.taken = self.taken, self.taken + 1
        generator = torch.Generator().manual_seed(number)
        chosen = [self.clips[(number + later) % len(self.clips)] for later in range(self.settings.prosody_clips)]
        own, seconds = self.settings.own_prosody(number), self.settings.window_seconds
        values = self.losses.of_step(self.voice, chosen, seconds, generator, number, own_prosody=own)
        total = weighted(values, self.settings.losses)
        start, predicted = now(self.kokoro.device), self.kokoro.seconds["predict"]
        total.backward()
        # What it computes again, of long clips, is counted where it is computed.
        again = self.kokoro.seconds["predict"] - predicted
        self.kokoro.seconds["backward"] += now(self.kokoro.device) - start - again
        self.voice.grad = None

    def _encode(self) -> None:
        for clip in self.clips:
            self.kokoro.encode_text(clip.text.phonemes)
        now(self.kokoro.device)

    def _plain_epoch(self) -> None:
        for clip in self.clips:
            self.plain_loop.step(self.voice, clip)
            self.voice.grad = None
        now(self.kokoro.device)  # what was asked for is done
