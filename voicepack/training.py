"""Training the projection for one voice, through frozen Kokoro."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import torch
from accelerate import Accelerator
from torch import Tensor
from tqdm import tqdm

from voicepack.alignment import AlignedClip
from voicepack.constants import FRAME_SAMPLES, HALVES, SAMPLE_RATE
from voicepack.files import written_whole
from voicepack.kokoro import Kokoro
from voicepack.losses import (
    DurationLoss,
    EnergyLoss,
    F0Loss,
    F0StatisticsLoss,
    MelLoss,
    MelStatisticsLoss,
    PriorLoss,
)
from voicepack.projection import Projection
from voicepack.voices import VoiceSpace

Device = Literal["auto", "cpu", "cuda", "mps"]


@dataclass(frozen=True)
class LossWeights:
    """What each loss counts; the losses are in voicepack/losses.py."""

    mel: float
    mel_statistics: float
    f0: float
    f0_statistics: float
    energy: float
    duration: float
    prior: float


@dataclass(frozen=True)
class VoiceTraining:
    """How the projection is trained for one voice."""

    steps: int
    lr: float
    gradient_clip: float
    window_seconds: float
    checkpoint_every: int
    seed: int
    losses: LossWeights


class VoiceLosses:
    """All losses of a voice vector against aligned recordings, by name and unweighted."""

    def __init__(self, kokoro: Kokoro, space: VoiceSpace) -> None:
        self.kokoro = kokoro
        self.mel, self.mel_statistics = MelLoss(), MelStatisticsLoss()
        self.f0, self.f0_statistics = F0Loss(), F0StatisticsLoss()
        self.energy, self.duration, self.prior = EnergyLoss(), DurationLoss(), PriorLoss(space)

    def predictor(self, voice: Tensor, clip: AlignedClip) -> dict[str, Tensor]:
        """Compare durations, F0 and energy of `voice` `[1, 256]` with a clip's. Needs no audio."""
        prosody = self.kokoro.predict(clip.text, voice, frames=clip.frames)
        return {
            "f0": self.f0(prosody.f0, clip.f0),
            "f0_statistics": self.f0_statistics(prosody.f0, clip.f0),
            "energy": self.energy(prosody.energy, clip.energy),
            "duration": self.duration(prosody.durations, clip.frames),
        }

    def decoder(self, voice: Tensor, clip: AlignedClip, seed: int) -> dict[str, Tensor]:
        """Compare the sound of `voice` `[1, 256]` with a clip, speaking with the clip's durations, F0 and energy."""
        render = self.kokoro.decode(clip.text, clip.frames, clip.f0, clip.energy, voice, seed=seed)
        return {
            "mel": self.mel(render, clip.audio, clip.bandwidth),
            "mel_statistics": self.mel_statistics(render, clip.audio, clip.bandwidth),
        }


def resolve_device(wanted: Device) -> torch.device:
    """Return the device to train on; `auto` takes the best that Accelerate finds."""
    return Accelerator(cpu=wanted == "cpu").device if wanted in ("auto", "cpu") else torch.device(wanted)


def window(clip: AlignedClip, seconds: float, generator: torch.Generator) -> AlignedClip:
    """Cut a random stretch of whole phonemes of about `seconds` out of a clip, for the decoder alone."""
    length = int(seconds * SAMPLE_RATE / FRAME_SAMPLES)
    ends = clip.frames.cumsum(0)
    total = int(ends[-1])
    if total <= length:
        return clip
    start = int(torch.randint(total - length + 1, (), generator=generator))
    frames = ends.clamp(start, start + length).diff(prepend=torch.tensor([start], device=ends.device))
    hops, samples = slice(2 * start, 2 * (start + length)), slice(600 * start, 600 * (start + length))
    return AlignedClip(
        clip.name, clip.text, frames, clip.f0[:, hops], clip.energy[:, hops], clip.audio[samples], clip.bandwidth
    )


def choose_start(losses: VoiceLosses, clips: Sequence[AlignedClip], candidates: Tensor, weights: LossWeights) -> Tensor:
    """Choose each half of the voice vector to start from among candidates `[C, 256]`, by the training's own losses."""
    generator = torch.Generator().manual_seed(0)
    windows = [window(clip, 1.5, generator) for clip in clips[:2]]
    with torch.no_grad():
        scores = torch.tensor(
            [
                [
                    sum(float(weighted(losses.decoder(voice[None], clip, 0), weights)) for clip in windows),
                    sum(float(weighted(losses.predictor(voice[None], clip), weights)) for clip in clips[:2]),
                ]
                for voice in tqdm(candidates, "start")
            ]
        )
    best = scores.argmin(0)
    return torch.cat([candidates[best[index], half] for index, half in enumerate(HALVES)])


def weighted(losses: Mapping[str, Tensor], weights: LossWeights) -> Tensor:
    """Add up losses by their weights."""
    by_name = asdict(weights)
    return torch.stack([by_name[name] * value for name, value in losses.items()]).sum()


def train_voice(
    losses: VoiceLosses,
    clips: Sequence[AlignedClip],
    styles: Tensor,
    projection: Projection,
    start: Tensor,
    settings: VoiceTraining,
    report: Callable[[int, Mapping[str, float]], None],
    checkpoints: Path,
) -> Projection:
    """Train `projection` so that the mean of `styles` `[N, 256]` maps to a voice that speaks as `clips` do.

    It starts at the voice vector `start` `[256]`. Every step takes one clip: its prosody whole, its sound in a window,
    and as input the mean style of a random half of the clips, so that the network maps the speaker's neighbourhood
    and not one point. A run that finds a checkpoint in `checkpoints` goes on from there.
    """
    accelerator = Accelerator(cpu=losses.kokoro.device.type == "cpu")
    with torch.no_grad():
        projection.offset += start.cpu() - projection(styles.mean(0, keepdim=True))[0]
    optimizer = torch.optim.Adam(projection.parameters(), settings.lr)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, settings.steps, settings.lr / 20)
    first = _resume(checkpoints, settings.steps, projection, optimizer, schedule)
    projection, optimizer = accelerator.prepare(projection, optimizer)
    styles = styles.to(accelerator.device)
    progress = tqdm(range(first, settings.steps), "train", initial=first, total=settings.steps)
    for step in progress:
        generator = torch.Generator().manual_seed(settings.seed * 1_000_003 + step)
        clip = clips[_shuffled(step, len(clips), settings.seed)]
        some = torch.randperm(len(styles), generator=generator)[: (len(styles) + 1) // 2]
        voice = projection(styles[some].mean(0, keepdim=True))
        values = losses.predictor(voice, clip)
        values |= losses.decoder(voice, window(clip, settings.window_seconds, generator), step)
        values["prior"] = losses.prior(voice)
        total = weighted(values, settings.losses)
        accelerator.backward(total)
        accelerator.clip_grad_norm_(projection.parameters(), settings.gradient_clip)
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
        progress.set_postfix(loss=f"{total.item():.3f}", mel=f"{values['mel'].item():.3f}")
        report(step, {"loss": total.item(), **{name: value.item() for name, value in values.items()}})
        if (step + 1) % settings.checkpoint_every == 0 or step + 1 == settings.steps:
            _save(checkpoints / f"step_{step + 1:05d}.pt", step + 1, projection, optimizer, schedule)
    return accelerator.unwrap_model(projection).cpu()


def _shuffled(step: int, count: int, seed: int) -> int:
    """Return the clip of a step: every clip once per epoch, each epoch in its own order."""
    epoch, place = divmod(step, count)
    return int(torch.randperm(count, generator=torch.Generator().manual_seed(seed + epoch))[place])


def _save(
    path: Path,
    step: int,
    projection: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
) -> None:
    with written_whole(path) as temporary:
        torch.save(
            {
                "step": step,
                "projection": projection.state_dict(),
                "optimizer": optimizer.state_dict(),
                "schedule": schedule.state_dict(),
            },
            temporary,
        )


def _resume(
    checkpoints: Path,
    steps: int,
    projection: Projection,
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
) -> int:
    """Load the newest checkpoint of a run that was cut off, and return the steps already done.

    A run that was finished is not gone on with: who asks for it again wants it done again.
    """
    saved = sorted(checkpoints.glob("step_*.pt"))
    state = torch.load(saved[-1], weights_only=True) if saved else None
    if state is None or state["step"] >= steps:
        for path in saved:
            path.unlink()
        return 0
    projection.load_state_dict(state["projection"])
    optimizer.load_state_dict(state["optimizer"])
    schedule.load_state_dict(state["schedule"])
    return int(state["step"])
