"""Training the style encoders to read the voice vector behind rendered speech.

Several processes (`voicepack.processes`) share every batch out among themselves, so that steps, schedule and result
are those of one process, but for rounding: in double precision weights agree to 1e-15 after 150 steps, in single
precision to 1e-6 after 12, and then they part as with another number of threads.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
from accelerate import Accelerator
from accelerate.utils import DataLoaderConfiguration, broadcast_object_list
from torch import Tensor
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from voicepack.constants import HALVES, SAMPLE_RATE
from voicepack.damage import damage
from voicepack.errors import VoicepackError
from voicepack.files import written_whole
from voicepack.mel import style_mel
from voicepack.processes import processes
from voicepack.rendered_speech import Speech
from voicepack.style_encoder import StyleEncoders
from voicepack.voices import relative_errors

Tensors = tuple[Tensor, ...] | list[Tensor]


@dataclass(frozen=True)
class EncoderTraining:
    """How the encoders are trained."""

    channels: int
    widest: int
    steps: int
    batch: int  # clips per step, of all processes together
    lr: float
    shortest_crop: float  # seconds
    longest_crop: float
    weight_decay: float
    evaluate_every: int
    seed: int


class DamagedCrops(Dataset[tuple[Tensor, Tensor]]):
    """Random crops of rendered clips, damaged anew each time: (audio `[samples]`, voice vector `[256]`).

    Item `index` is drawn from its own number alone, so that a resumed run sees what an unbroken one would have seen.
    The crops of one batch are equally long.
    """

    def __init__(self, speech: Speech, settings: EncoderTraining, first_step: int = 0) -> None:
        self.speech, self.settings, self.first_step = speech, settings, first_step

    def __len__(self) -> int:
        return (self.settings.steps - self.first_step) * self.settings.batch

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        settings = self.settings
        step = self.first_step + index // settings.batch
        shortest, longest = settings.shortest_crop, settings.longest_crop
        share = float(torch.rand((), generator=torch.Generator().manual_seed(settings.seed * 10**9 + step)))
        samples = int((shortest + (longest - shortest) * share) * SAMPLE_RATE)

        number = self.first_step * settings.batch + index
        generator = torch.Generator().manual_seed((settings.seed + 1) * 10**10 + number)
        clip = int(torch.randint(len(self.speech.audio), (), generator=generator))
        audio = damage(self.speech.audio[clip], generator)
        if len(audio) > samples:
            start = int(torch.randint(len(audio) - samples + 1, (), generator=generator))
            audio = audio[start : start + samples]
        else:  # silence on both sides, as a recording has
            before = int(torch.randint(samples - len(audio) + 1, (), generator=generator))
            audio = torch.nn.functional.pad(audio, (before, samples - len(audio) - before))
        return audio, self.speech.voices[clip]


def train_encoder(
    speech: Speech,
    held_out: Speech,
    settings: EncoderTraining,
    checkpoint: Path,
    report: Callable[[int, Mapping[str, float]], None],
) -> StyleEncoders:
    """Train both encoders on damaged crops and return the best by error on held-out voices.

    The weights that are evaluated and kept are a running average, which reads unseen voices better than the last
    step. A run that finds `checkpoint` goes on from there. Each half's loss is in units of its own variance.
    Of several processes the main one alone averages, evaluates, calls `report` and reads and writes `checkpoint`; all
    return the same encoders. Raises VoicepackError if they cannot share a batch equally.
    """
    if settings.batch % processes().num_processes:
        raise VoicepackError(
            f"a batch of {settings.batch} clips cannot be shared equally by {processes().num_processes} processes."
            " Change encoder.training.batch in params.yaml, or start another number of processes."
        )
    accelerator = Accelerator(dataloader_config=DataLoaderConfiguration(split_batches=True))
    torch.manual_seed(settings.seed)
    model = StyleEncoders(settings.channels, settings.widest)
    variance = torch.stack([speech.voices[:, half].var(0).mean() for half in HALVES])
    model.start_at(speech.voices.mean(0))
    optimizer = torch.optim.AdamW(model.parameters(), lr=settings.lr, weight_decay=settings.weight_decay)
    warmup = max(settings.steps // 20, 1)
    schedule = torch.optim.lr_scheduler.LambdaLR(  # not for Accelerate to prepare: it is stepped once per step as it is
        optimizer,
        lambda step: min((step + 1) / warmup, 0.5 + 0.5 * math.cos(math.pi * min(step / settings.steps, 1)) + 0.01),
    )
    average = AveragedModel(model, multi_avg_fn=_average)
    first, best, best_state = _resume(checkpoint, settings.steps, model, average, optimizer, schedule)
    loader = DataLoader(DamagedCrops(speech, settings, first), settings.batch, num_workers=0)
    model, optimizer, loader = accelerator.prepare(model, optimizer, loader)
    model.train()
    progress = tqdm(loader, "encoder", initial=first, total=settings.steps, disable=not accelerator.is_main_process)
    for step, (audio, voices) in enumerate(progress, start=first + 1):
        difference = model(style_mel(audio)) - voices
        losses = torch.stack([difference[:, half].square().mean() for half in HALVES]) / variance.to(difference.device)
        accelerator.backward(losses.sum())
        accelerator.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        losses = accelerator.reduce(losses.detach(), "mean")  # of the whole batch
        if not accelerator.is_main_process:
            continue
        average.update_parameters(accelerator.unwrap_model(model))
        if step % 20 == 0:
            report(step, {"train_acoustic": losses[0].item(), "train_prosodic": losses[1].item()})
        if step % settings.evaluate_every == 0 or step == settings.steps:
            averaged = cast(StyleEncoders, average.module)
            errors = relative_errors(averaged.encode(held_out.audio), held_out.voices)
            progress.set_postfix(acoustic=f"{errors.acoustic:.3f}", prosodic=f"{errors.prosodic:.3f}")
            report(step, {"held_out_acoustic": errors.acoustic, "held_out_prosodic": errors.prosodic})
            if errors.acoustic + errors.prosodic < best:
                best = errors.acoustic + errors.prosodic
                best_state = {name: value.clone() for name, value in averaged.state_dict().items()}
            state = {
                "net": averaged.checkpoint_state(), "step": step, "best": best, "best_state": best_state,
                "model": accelerator.unwrap_model(model).state_dict(), "average": average.state_dict(),
                "optimizer": optimizer.state_dict(), "schedule": schedule.state_dict(),
            }  # fmt: skip
            with written_whole(checkpoint) as temporary:
                torch.save(state, temporary)
    result = StyleEncoders(settings.channels, settings.widest)
    result.load_state_dict(broadcast_object_list([best_state])[0])
    return result.eval().requires_grad_(False)


@torch.no_grad()
def _average(average: Tensors, current: Tensors, updates: Tensor | int) -> None:
    """Move the running average on, over about the last 200 steps, or the last tenth while there are fewer."""
    decay = min(0.995, float((1 + updates) / (10 + updates)))
    torch._foreach_lerp_(average, current, 1 - decay)


def _resume(
    checkpoint: Path,
    steps: int,
    model: StyleEncoders,
    average: AveragedModel,
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
) -> tuple[int, float, dict[str, Tensor]]:
    """Load the checkpoint of a run that was cut off; a finished one is begun anew.

    The main process reads it for all. Return the steps done, the best error so far and the weights that had it.
    """
    found = processes().is_main_process and checkpoint.exists()
    state = torch.load(checkpoint, map_location="cpu", weights_only=True) if found else None
    (state,) = broadcast_object_list([state])
    if state is None or state["step"] >= steps:
        return 0, math.inf, {}
    for part, name in ((model, "model"), (average, "average"), (optimizer, "optimizer"), (schedule, "schedule")):
        part.load_state_dict(state[name])
    return state["step"], state["best"], state["best_state"]
