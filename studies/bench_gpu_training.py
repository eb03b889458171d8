"""Whether a CUDA GPU computes what the processor does, and twice the same: two parts of studies/bench_gpu.py."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from statistics import fmean

import torch
from torch import Tensor

from stages import places
from stages.settings import load_settings
from stages.train import TrainSettings, read_material
from studies.bench_step import aligned_clips, any_voice
from voicepack.alignment import AlignedClip
from voicepack.files import read_tensors
from voicepack.kokoro import Kokoro
from voicepack.likeness import cosine
from voicepack.markdown import markdown_table
from voicepack.sentence import fixed_sentences
from voicepack.speed.timing import now
from voicepack.training import step_losses, train_voice
from voicepack.voice_losses import VoiceLosses, speaker_heard_in, weighted

_GPU = torch.device("cuda")
_STEPS = 4  # whose gradients are compared: with the recording's prosody, and with the voice's own
_SENTENCES = 4
_TRAINED = 6  # steps of a training that is done twice


def agreement(voice: str) -> tuple[dict[str, float], str]:
    """Compare renders and gradients of the GPU with the processor's in float32."""
    settings, speaker = load_settings("train", TrainSettings), any_voice()
    processor = Kokoro(places.KOKORO)
    clips = aligned_clips(processor, voice, speaker)

    def computed(kokoro: Kokoro) -> tuple[list[Tensor], list[Tensor]]:
        there = [clip.to(kokoro.device) for clip in clips]
        return _renders(kokoro, speaker, 0), _gradients(kokoro, there, speaker, settings)

    expected = computed(processor)
    gpu, half = (Kokoro(places.KOKORO, _GPU, precision) for precision in (torch.float32, torch.bfloat16))
    ways = {"float32": computed(gpu), "decoder in bfloat16": computed(half)}
    with in_tf32():
        ways["float32, convolutions in TF32"] = computed(gpu)
    ways["the processor with other noise"] = _renders(processor, speaker, 1), []
    rows = []
    for name, (renders, gradients) in ways.items():
        pairs = list(zip(renders, expected[0], strict=True))
        equal = [pair for pair in pairs if len(pair[0]) == len(pair[1])]
        noise = fmean(signal_to_noise(*pair) for pair in equal) if equal else float("nan")
        alike = ""
        if gradients:
            alike = f"{fmean(cosine(*pair) for pair in zip(gradients, expected[1], strict=True)):.3f}"
        rows.append((name, f"{len(equal)} of {len(pairs)}", f"{noise:.0f}", alike))
    header = ("against float32 on the processor", "equally long", "signal to difference, dB", "cosine of the gradients")
    return {}, markdown_table(header, rows)


def repeated(voice: str) -> tuple[dict[str, float], str]:
    """Train twice on the GPU, as it comes and with PyTorch's deterministic kernels alone."""
    settings = replace(load_settings("train", TrainSettings), device="cuda", steps=_TRAINED)
    material = read_material(voice, settings)

    def train() -> tuple[Tensor, float]:
        with tempfile.TemporaryDirectory() as scratch:
            start = now(_GPU)
            projection = train_voice(
                material.losses, material.clips, material.style, deepcopy(material.projection), material.start,
                settings, lambda *_: None, Path(scratch),
            )  # fmt: skip
            seconds = (now(_GPU) - start) / settings.steps
        with torch.no_grad():
            return projection(material.style[None].cpu())[0], seconds

    train()  # what is loaded and chosen at the first step
    figures, rows = {}, []
    for name, exact in (("as it comes", False), ("deterministic", True)):
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            torch.use_deterministic_algorithms(exact, warn_only=True)
            (first, _), (second, seconds) = train(), train()
            torch.use_deterministic_algorithms(False)
        lacking = sorted({str(each.message).split()[0] for each in seen if "deterministic" in str(each.message)})
        equal = "yes" if torch.equal(first, second) else f"within {float((first - second).abs().max()):.1e}"
        rows.append((name, equal, f"{seconds:.3f}", ", ".join(lacking)))
        figures[f"{name.replace(' ', '_')}_step_s"] = seconds
    header = (f"{_TRAINED} steps, twice", "the same vector", "seconds a step", "kernels without a deterministic one")
    return figures, markdown_table(header, rows)


def signal_to_noise(found: Tensor, expected: Tensor) -> float:
    """Return how far below audio `[samples]` what was found differs from it, in dB."""
    return float(10 * (expected.square().sum() / (found - expected).square().sum().clamp_min(1e-20)).log10())


@contextmanager
def in_tf32() -> Iterator[None]:
    """Let cuDNN round what it convolves to TF32, as PyTorch does by itself."""
    torch.backends.cudnn.allow_tf32 = True
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = False


def _renders(kokoro: Kokoro, speaker: Tensor, seed: int) -> list[Tensor]:
    return [kokoro.render(each.phonemes, speaker, seed=seed) for each in fixed_sentences(_SENTENCES)]


def _gradients(kokoro: Kokoro, clips: Sequence[AlignedClip], speaker: Tensor, settings: TrainSettings) -> list[Tensor]:
    """Return the gradient `[256]` of all losses in the voice vector, in some steps of training."""
    recordings = speaker_heard_in(clips, settings.losses)
    losses = VoiceLosses(kokoro, read_tensors(places.STOCK_VOICES)[0], recordings)
    found = []
    for step in range(_STEPS):
        vector = speaker.to(kokoro.device, copy=True).requires_grad_()
        total = weighted(step_losses(losses, clips, vector, settings, step), settings.losses)
        found.append(torch.autograd.grad(total, vector)[0][0].cpu())
    return found
