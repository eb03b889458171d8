"""Training the projection for one voice, through frozen Kokoro."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, cast

import torch
from accelerate import Accelerator
from torch import Tensor
from torch.optim.swa_utils import AveragedModel
from tqdm import tqdm

from voicepack.alignment import AlignedClip
from voicepack.constants import FRAME_SAMPLES, HALVES, SAMPLE_RATE
from voicepack.files import written_whole
from voicepack.kokoro import Kokoro
from voicepack.losses import MelLoss, MelStatisticsLoss, PriorLoss
from voicepack.projection import Projection
from voicepack.prosody_losses import DurationLoss, EnergyLoss, F0Loss, F0StatisticsLoss
from voicepack.rows import RowCurve
from voicepack.shifted_projection import ShiftedProjection
from voicepack.speaker_loss import SpeakerLoss
from voicepack.timbre import TimbreLoss
from voicepack.voices import VoiceSpace

Device = Literal["auto", "cpu", "cuda", "mps"]
Precision = Literal["auto", "float32", "bfloat16"]


@dataclass(frozen=True)
class LossWeights:
    """What each loss counts: see voicepack/losses.py, prosody_losses.py, timbre.py and speaker_loss.py."""

    mel: float
    mel_statistics: float
    timbre: float
    speaker: float
    f0: float
    f0_statistics: float
    energy: float
    duration: float
    prior: float


@dataclass(frozen=True)
class VoiceTraining:
    """How the projection is trained for one voice."""

    network: Literal["shift", "mlp"]
    steps: int
    lr: float
    gradient_clip: float
    window_seconds: float
    prosody_clips: int
    checkpoint_every: int
    seed: int
    losses: LossWeights


class VoiceLosses:
    """All losses of a voice vector against aligned recordings, by name and unweighted."""

    def __init__(
        self, kokoro: Kokoro, space: VoiceSpace, rows: RowCurve, recordings: Sequence[Tensor] | None = None
    ) -> None:
        """Prepare the losses; that of the speaker only if given his recordings `[samples]`."""
        self.kokoro, self.space = kokoro, space
        self.rows = RowCurve(**{name: part.to(kokoro.device) for name, part in vars(rows).items()})
        self.mel, self.mel_statistics = MelLoss(), MelStatisticsLoss()
        self.timbre = TimbreLoss().to(kokoro.device)
        self.speaker = SpeakerLoss(recordings).to(kokoro.device) if recordings else None
        self.f0, self.f0_statistics = F0Loss(), F0StatisticsLoss()
        self.energy, self.duration, self.prior = EnergyLoss(), DurationLoss(), PriorLoss(space)

    def of_step(
        self, voice: Tensor, clips: Sequence[AlignedClip], seconds: float, generator: torch.Generator, seed: int
    ) -> dict[str, Tensor]:
        """Compare `voice` `[1, 256]` with clips: the prosody of all, the sound of the first for `seconds`."""
        prosody = [self.predictor(voice, clip) for clip in clips]
        values = {name: torch.stack([each[name] for each in prosody]).mean() for name in prosody[0]}
        values |= self.decoder(voice, window(clips[0], seconds, generator), seed)
        return values | {"prior": self.prior(voice)}

    def predictor(self, voice: Tensor, clip: AlignedClip) -> dict[str, Tensor]:
        """Compare durations, F0 and energy of `voice` `[1, 256]` with a clip's. Needs no audio."""
        prosody = self.kokoro.predict(clip.text, self._row(voice, clip), frames=clip.frames)
        return {
            "f0": self.f0(prosody.f0, clip.f0),
            "f0_statistics": self.f0_statistics(prosody.f0, clip.f0),
            "energy": self.energy(prosody.energy, clip.energy),
            "duration": self.duration(prosody.durations, clip.frames, clip.text.phonemes),
        }

    def decoder(self, voice: Tensor, clip: AlignedClip, seed: int) -> dict[str, Tensor]:
        """Compare the sound of `voice` `[1, 256]` with a clip, speaking with the clip's durations, F0 and energy."""
        row = self._row(voice, clip)
        render = self.kokoro.decode(clip.text, clip.frames, clip.f0, clip.energy, row, seed=seed)
        values = {
            "mel": self.mel(render, clip.audio, clip.bandwidth),
            "mel_statistics": self.mel_statistics(render, clip.audio, clip.bandwidth),
            "timbre": self.timbre(render, clip.audio),
        }
        return values | ({"speaker": self.speaker(render)} if self.speaker else {})

    def _row(self, voice: Tensor, clip: AlignedClip) -> Tensor:
        """Return what the pack of `voice` `[1, 256]` will speak a clip's text with, `[1, 256]`."""
        return self.rows.expand(voice)[len(clip.text.phonemes) - 1]


def resolve_device(wanted: Device) -> torch.device:
    """Return the device to train on; `auto` takes the best that Accelerate finds."""
    return Accelerator(cpu=wanted == "cpu").device if wanted in ("auto", "cpu") else torch.device(wanted)


def resolve_precision(wanted: Precision, device: torch.device) -> torch.dtype:
    """Return what the decoder computes in; `auto` is bfloat16 where the device multiplies it faster than float32."""
    if wanted != "auto":
        return torch.bfloat16 if wanted == "bfloat16" else torch.float32
    if device.type == "cuda":
        faster = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        processor = torch.cpu.get_capabilities() if device.type == "cpu" else {}
        faster = bool(processor.get("avx512_bf16") or processor.get("amx_bf16"))
    return torch.bfloat16 if faster else torch.float32


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
    windows = [window(clip, 2.0, generator) for clip in clips[:2]]
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
    style: Tensor,
    projection: Projection,
    start: Tensor,
    settings: VoiceTraining,
    report: Callable[[int, Mapping[str, float]], None],
    checkpoints: Path,
) -> Projection:
    """Train `projection` so that `style` `[256]` maps to a voice that speaks as `clips` do.

    It starts at the voice vector `start` `[256]`. Every step compares the prosody of a few clips and the sound of one
    in a window. What it returns is the mean over the second half of the steps: each of them hears two seconds, and
    the mean is nearer to what all of them ask for than the last. A run that finds a checkpoint in `checkpoints` goes on
    from there.
    """
    accelerator = Accelerator(cpu=losses.kokoro.device.type == "cpu")
    with torch.no_grad():
        projection.offset += start.cpu() - projection(style[None])[0]
    network: torch.nn.Module = projection
    if settings.network == "shift":
        network = ShiftedProjection(projection, losses.space.to(torch.device("cpu")))
    optimizer = torch.optim.Adam([each for each in network.parameters() if each.requires_grad], settings.lr)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, settings.steps, settings.lr / 20)
    average = AveragedModel(network)
    first = _resume(checkpoints, settings.steps, network, average, optimizer, schedule)
    network, optimizer = accelerator.prepare(network, optimizer)
    average, style = average.to(accelerator.device), style.to(accelerator.device)
    progress = tqdm(range(first, settings.steps), "train", initial=first, total=settings.steps)
    for step in progress:
        generator = torch.Generator().manual_seed(settings.seed * 1_000_003 + step)
        count = min(settings.prosody_clips, len(clips))
        chosen = [clips[_shuffled(step + later, len(clips), settings.seed)] for later in range(count)]
        values = losses.of_step(network(style[None]), chosen, settings.window_seconds, generator, step)
        total = weighted(values, settings.losses)
        accelerator.backward(total)
        accelerator.clip_grad_norm_(network.parameters(), settings.gradient_clip)
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
        if step >= settings.steps // 2:
            average.update_parameters(accelerator.unwrap_model(network))
        progress.set_postfix(loss=f"{total.item():.3f}", mel=f"{values['mel'].item():.3f}")
        report(step, {"loss": total.item(), **{name: value.item() for name, value in values.items()}})
        if (step + 1) % settings.checkpoint_every == 0 or step + 1 == settings.steps:
            _save(checkpoints / f"step_{step + 1:05d}.pt", step + 1, network, average, optimizer, schedule)
    trained = average.module.cpu()
    return trained.merged() if isinstance(trained, ShiftedProjection) else cast(Projection, trained)


def _shuffled(step: int, count: int, seed: int) -> int:
    """Return the clip of a step: every clip once per epoch, each epoch in its own order."""
    epoch, place = divmod(step, count)
    return int(torch.randperm(count, generator=torch.Generator().manual_seed(seed + epoch))[place])


def _save(
    path: Path,
    step: int,
    network: torch.nn.Module,
    average: AveragedModel,
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
) -> None:
    with written_whole(path) as temporary:
        torch.save(
            {
                "step": step,
                "network": network.state_dict(),
                "average": average.state_dict(),
                "optimizer": optimizer.state_dict(),
                "schedule": schedule.state_dict(),
            },
            temporary,
        )


def _resume(
    checkpoints: Path,
    steps: int,
    network: torch.nn.Module,
    average: AveragedModel,
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
    for part, name in ((network, "network"), (average, "average"), (optimizer, "optimizer"), (schedule, "schedule")):
        part.load_state_dict(state[name])
    return int(state["step"])
