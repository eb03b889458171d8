"""One voice trained through frozen Kokoro: its vector or, with `network: mlp`, the projection that gives it."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from stages import places
from stages.stage import running
from voicepack.alignment import AlignedClip, align
from voicepack.clips import choose_clips, read_clips
from voicepack.device import Device, Precision, resolve_device, resolve_precision
from voicepack.errors import VoicepackError
from voicepack.files import read_table, read_tensors, sha256, write_table, write_tensors, written_whole
from voicepack.kokoro import Kokoro
from voicepack.projection import Projection, load_projection
from voicepack.quantised import MODEL_FILE
from voicepack.rows import base_vector
from voicepack.training import VoiceTraining, choose_start, train_voice
from voicepack.voice_losses import VoiceLosses, speaker_heard_in


@dataclass(frozen=True)
class TrainSettings(VoiceTraining):
    device: Device
    precision: Precision
    max_seconds: float
    start_candidates: int

    def __post_init__(self) -> None:
        """Raise VoicepackError for a number that is too small."""
        super().__post_init__()
        if self.start_candidates < 0:
            raise VoicepackError(f"train.start_candidates is {self.start_candidates}. Write 0 or more.")


def main() -> None:
    with running("train", TrainSettings) as stage:
        settings = stage.settings
        files = (
            places.clips(stage.voice) / "clips.tsv", places.styles(stage.voice), places.PRIOR, places.STOCK_VOICES,
            places.KOKORO / MODEL_FILE, places.code("train"),
        )  # fmt: skip
        # First, so that a missing one is reported before minutes of aligning.
        digests = [sha256(file) for file in files]
        material = read_material(stage.voice, settings)
        kokoro = material.losses.kokoro
        if kokoro.device.type == "cuda":  # which adds up in no fixed order unless told to; measured no slower
            warnings.filterwarnings("ignore", message="reflection_pad1d_backward")  # has no such kernel: no difference
            torch.use_deterministic_algorithms(True, warn_only=True)
        inputs = repr((settings, kokoro.device, kokoro.precision, *digests))
        checkpoints = places.CHECKPOINTS / stage.voice / hashlib.sha256(inputs.encode()).hexdigest()[:12]
        noted, history = checkpoints / "losses.tsv", list[dict[str, Any]]()

        def report(step: int, values: Mapping[str, float]) -> None:
            if step and not history:  # a run that was cut off goes on
                history.extend(row for row in read_table(noted) if int(row["step"]) < step)
            history.append({"step": step, **values})
            write_table(noted, history)
            stage.run.log_metrics(values, step)

        projection = train_voice(
            material.losses, material.clips, material.style, material.projection, material.start, settings, report,
            checkpoints,
        )  # fmt: skip
        with torch.no_grad():
            voice = projection(material.style[None])[0]
        tensors = {**projection.state_dict(), "voice": voice}
        write_tensors(places.projection(stage.voice), tensors)
        write_table(places.training(stage.voice), history)
        with written_whole(checkpoints / places.MADE) as temporary:
            temporary.write_text(sha256(places.projection(stage.voice)))


@dataclass(frozen=True)
class Material:
    """What a voice is trained from."""

    losses: VoiceLosses
    clips: list[AlignedClip]
    style: Tensor  # [256], the mean of the clips'
    projection: Projection
    start: Tensor  # [256], the voice vector to start from


def read_material(voice: str, settings: TrainSettings) -> Material:
    """Read what training needs of a voice, align its clips and choose where to start."""
    packs, _ = read_tensors(places.STOCK_VOICES)
    styles, _ = read_tensors(places.styles(voice))
    device = resolve_device(settings.device)
    kokoro = Kokoro(places.KOKORO, device, resolve_precision(settings.precision, device))
    projection = load_projection(places.PRIOR)
    clips = choose_clips(read_clips(places.clips(voice), "train"), settings.max_seconds, settings.seed)

    nearest = [base_vector(packs[name]) for name in stock_by_style(styles["mean"])]
    projected = projection(styles["mean"][None])[0].detach()
    candidates = torch.stack([projected, *nearest[: settings.start_candidates], styles["voice"]])
    aligned = align(kokoro, clips, nearest[0][None])
    losses = VoiceLosses(kokoro, packs, speaker_heard_in(clips, settings.losses))
    start = choose_start(losses, aligned, candidates.to(kokoro.device), settings)
    return Material(losses, aligned, styles["mean"], projection, start)


def stock_by_style(style: Tensor) -> list[str]:
    """Return the stock voices in the order in which their renderings' styles are near to `style` `[256]`."""
    pairs, about = read_tensors(places.PAIRS)
    every = (pairs["stock_styles"] - style).div(pairs["stock_styles"].std(0)).norm(dim=1)
    return list(dict.fromkeys(about["stock"].split()[index] for index in every.argsort().tolist()))


if __name__ == "__main__":
    main()
