"""Training a voice through frozen Kokoro: its vector, or the projection that gives it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

import torch
from accelerate import Accelerator
from torch import Tensor
from torch.optim.swa_utils import AveragedModel
from tqdm import tqdm

from voicepack.alignment import AlignedClip
from voicepack.constants import HALVES
from voicepack.errors import VoicepackError
from voicepack.files import written_whole
from voicepack.projection import Projection
from voicepack.shifted_projection import ShiftedProjection
from voicepack.voice_losses import LossWeights, VoiceLosses, weighted, window

SHORTEST_WINDOW = 0.25  # seconds that CAM++ needs to hear a speaker
_START_CLIPS = 2  # that every candidate speaks


@dataclass(frozen=True)
class VoiceTraining:
    """How a voice is trained."""

    network: Literal["shift", "mlp"]
    steps: int
    lr: float
    adam_beta2: float
    gradient_clip: float
    window_seconds: float
    prosody_clips: int
    own_prosody_every: int
    checkpoint_every: int
    seed: int
    losses: LossWeights

    def __post_init__(self) -> None:
        """Raise VoicepackError for a number that is too small."""
        for name in ("steps", "prosody_clips", "checkpoint_every"):
            if getattr(self, name) < 1:
                raise VoicepackError(f"train.{name} is {getattr(self, name)}. Write 1 or more.")
        if not 0 <= self.adam_beta2 < 1:
            raise VoicepackError(f"train.adam_beta2 is {self.adam_beta2}. Write 0 or more, less than 1.")
        if self.window_seconds < SHORTEST_WINDOW:
            raise VoicepackError(f"train.window_seconds is {self.window_seconds}. Write {SHORTEST_WINDOW} or more.")

    def own_prosody(self, step: int) -> bool:
        """Return whether the voice speaks with its own F0 and energy in a step, not with the recording's."""
        return self.own_prosody_every > 0 and step % self.own_prosody_every == self.own_prosody_every - 1


def choose_start(
    losses: VoiceLosses, clips: Sequence[AlignedClip], candidates: Tensor, settings: VoiceTraining
) -> Tensor:
    """Choose the voice vector `[256]` to start from, each half of it among candidates `[C, 256]`.

    They are compared by the training's own losses, on two clips: the acoustic half by their sound, in a window of each,
    the prosodic half by their prosody.
    """
    clips, generator = clips[:_START_CLIPS], torch.Generator().manual_seed(0)
    windows = [window(clip, settings.window_seconds, generator) for clip in clips]

    def loss_of(compared: Iterable[Mapping[str, Tensor]]) -> float:
        return sum(float(weighted(values, settings.losses)) for values in compared)

    sound, prosody = [], []
    with torch.no_grad():
        for voice in tqdm(candidates[:, None], "start"):  # [1, 256] each
            sound.append(loss_of(losses.decoder(voice, clip, 0) for clip in windows))
            prosody.append(loss_of(losses.predictor(voice, clip) for clip in clips))
    best = sound.index(min(sound)), prosody.index(min(prosody))
    return torch.cat([candidates[index, half] for index, half in zip(best, HALVES, strict=True)])


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
    moved = [each for each in network.parameters() if each.requires_grad]
    optimizer = torch.optim.Adam(moved, settings.lr, betas=(0.9, settings.adam_beta2))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, settings.steps, settings.lr / 20)
    average = AveragedModel(network)
    first = _resume(checkpoints, settings.steps, network, average, optimizer, schedule)
    network, optimizer = accelerator.prepare(network, optimizer)
    average, style = average.to(accelerator.device), style.to(accelerator.device)
    progress = tqdm(range(first, settings.steps), "train", initial=first, total=settings.steps)
    for step in progress:
        values = step_losses(losses, clips, network(style[None]), settings, step)
        total = weighted(values, settings.losses)
        if not total.isfinite():
            wrong = ", ".join(name for name, value in values.items() if not value.isfinite())
            raise VoicepackError(f"a loss is not a number in step {step}: {wrong}. Leave out clips without speech.")
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


def step_losses(
    losses: VoiceLosses, clips: Sequence[AlignedClip], voice: Tensor, settings: VoiceTraining, step: int
) -> dict[str, Tensor]:
    """Return the losses of `voice` `[1, 256]` by name, unweighted, on the clips and the window of a training step."""
    generator = torch.Generator().manual_seed(settings.seed * 1_000_003 + step)
    count = min(settings.prosody_clips, len(clips))
    chosen = [clips[_shuffled(step + later, len(clips), settings.seed)] for later in range(count)]
    own = settings.own_prosody(step)
    return losses.of_step(voice, chosen, settings.window_seconds, generator, step, own_prosody=own)


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
    state = torch.load(saved[-1], map_location="cpu", weights_only=True) if saved else None
    if state is None or state["step"] >= steps:
        for path in saved:
            path.unlink()
        return 0
    for part, name in ((network, "network"), (average, "average"), (optimizer, "optimizer"), (schedule, "schedule")):
        part.load_state_dict(state[name])
    return int(state["step"])
