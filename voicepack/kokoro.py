"""Frozen, differentiable synthesis with Kokoro-82M.

`kokoro.KModel` wraps its forward pass in `no_grad` and does everything at once. Here it is taken apart: what depends
on the text alone is computed once per text and kept; durations, F0 and energy can be predicted or given; and
gradients flow from the audio and from the prosody back to the voice vector, never into Kokoro.
"""

from __future__ import annotations

import contextlib
import functools
import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from voicepack.constants import DECODER, MAX_PHONEMES, PREDICTOR
from voicepack.errors import VoicepackError
from voicepack.files import read_tensors
from voicepack.quantised import CONFIG_FILE, MODEL_FILE, dequantise


@dataclass(frozen=True)
class EncodedText:
    """What Kokoro knows of a text before it knows the voice. T = phonemes + 2 (a boundary at each end)."""

    phonemes: str
    prosodic: Tensor  # [1, 512, T], for the predictor
    acoustic: Tensor  # [1, 512, T], for the decoder


@dataclass(frozen=True)
class Prosody:
    """When and how high. F = frames.sum(), frames of 600 samples."""

    durations: Tensor  # [T], in frames, unrounded: this is where a duration loss has a gradient
    frames: Tensor  # [T], whole frames
    f0: Tensor  # [1, 2 F], Hz, near 0 where unvoiced
    energy: Tensor  # [1, 2 F], log norm of the mel


class Kokoro:
    """Kokoro-82M with its parameters frozen. A voice vector is `[1, 256]`: decoder half, predictor half."""

    def __init__(
        self, folder: Path, device: torch.device | str = "cpu", precision: torch.dtype = torch.float32
    ) -> None:
        """Load the `weights` stage's folder. Raises VoicepackError if a file is missing or does not fit.

        With `precision` bfloat16 the decoder computes in it, all but its last layer and its sine source: what that
        changes in the audio is less than another seed does, and where the processor has the instructions it takes half
        the time.
        """
        self.model: Any = load_model(folder).to(device)
        self.device = torch.device(device)
        if self.device.type == "cuda":
            torch.backends.cudnn.allow_tf32 = False  # as coarse as bfloat16, where operations take no time: docs/gpu.md
        self.precision = precision
        generator = self.model.get_submodule("decoder.generator")
        generator.conv_post = InFloat32(generator.get_submodule("conv_post"))
        if precision != torch.float32:
            hold_in(precision, self.model.get_submodule("decoder"), but=("generator.conv_post", "generator.m_source"))
        # Recent texts are kept: training and evaluation speak the same few hundred again and again.
        self._encode_text = functools.lru_cache(maxsize=512)(self._encode_text_anew)

    def encode_text(self, phonemes: str) -> EncodedText:
        """Run ALBERT and the text encoder, once per text.

        Raises VoicepackError for more than 510 phonemes, or none that Kokoro knows.
        """
        return self._encode_text(phonemes)

    @torch.no_grad()
    def _encode_text_anew(self, phonemes: str) -> EncodedText:
        known = [self.model.vocab[phoneme] for phoneme in phonemes if phoneme in self.model.vocab]
        if not known or len(phonemes) > MAX_PHONEMES:
            raise VoicepackError(
                f"'{phonemes[:40]}': {len(phonemes) if known else 0} phonemes, Kokoro speaks 1 to {MAX_PHONEMES}."
            )
        tokens = torch.tensor([[0, *known, 0]], device=self.device)
        prosodic = self.model.bert_encoder(self.model.bert(tokens, attention_mask=torch.ones_like(tokens)))
        lengths = torch.tensor([tokens.shape[1]])
        acoustic = self.model.text_encoder(tokens, lengths, torch.zeros_like(tokens, dtype=torch.bool))
        return EncodedText(phonemes, prosodic.transpose(1, 2), acoustic)

    def predict(self, text: EncodedText, voice: Tensor, *, frames: Tensor | None = None, speed: float = 1.0) -> Prosody:
        """Predict durations, F0 and energy from the predictor half of `voice` `[1, 256]`.

        `frames` `[T]` replaces the predicted durations, so that F0 and energy can be compared with a recording.
        """
        style = voice[:, PREDICTOR]
        length = text.prosodic.shape[2]
        mask = torch.zeros(1, length, dtype=torch.bool, device=self.device)
        predictor = self.model.predictor
        encoded = predictor.text_encoder(text.prosodic, style, torch.tensor([length]), mask)
        hidden, _ = predictor.lstm(encoded)
        durations = torch.sigmoid(predictor.duration_proj(hidden)).sum(-1)[0] / speed
        if frames is None:
            frames = durations.detach().round().clamp(min=1).long()
        aligned = encoded.transpose(1, 2).repeat_interleave(frames, dim=2)
        f0, energy = predictor.F0Ntrain(aligned, style)
        return Prosody(durations, frames, f0, energy)

    def decode(
        self, text: EncodedText, frames: Tensor, f0: Tensor, energy: Tensor, voice: Tensor, *, seed: int | None = None
    ) -> Tensor:
        """Make audio `[600 * frames.sum()]` with the decoder half of `voice` `[1, 256]`.

        frames `[T]`, f0 `[1, 2 F]` in Hz and energy `[1, 2 F]` come from `predict` or from a recording. Kokoro draws
        noise on every call; the same `seed` gives the same audio and leaves the global generator as it was.
        """
        aligned = text.acoustic.repeat_interleave(frames, dim=2)
        mixed = torch.autocast(self.device.type, self.precision, enabled=self.precision != torch.float32)
        with seeded(seed, self.device), mixed:
            return self.model.decoder(aligned, f0, energy, voice[:, DECODER]).reshape(-1)

    def synthesize(self, phonemes: str, voice: Tensor, *, speed: float = 1.0, seed: int | None = None) -> Tensor:
        """Speak phonemes with a voice vector `[1, 256]`: audio `[samples]` at 24 kHz, with gradients to `voice`."""
        text = self.encode_text(phonemes)
        prosody = self.predict(text, voice, speed=speed)
        return self.decode(text, prosody.frames, prosody.f0, prosody.energy, voice, seed=seed)

    @torch.no_grad()
    def render(self, phonemes: str, pack: Tensor, *, speed: float = 1.0, seed: int = 0) -> Tensor:
        """Speak phonemes with a pack `[510, 1, 256]`, by KPipeline's choice of row, or with one vector `[1, 256]`.

        Whatever the device, the audio `[samples]` is on the processor: that is where it is heard and written.
        """
        self.encode_text(phonemes)  # says what is wrong with a text for which there is no row
        return self.synthesize(phonemes, row_of(pack, phonemes).to(self.device), speed=speed, seed=seed).cpu()


def row_of(pack: Tensor, phonemes: str) -> Tensor:
    """Return the vector `[1, 256]` that speaks phonemes: KPipeline's choice among the rows of a pack `[510, 1, 256]`.

    One vector `[1, 256]` speaks them all.
    """
    return pack[len(phonemes) - 1] if pack.dim() == 3 else pack


class InFloat32(nn.Module):
    """A layer that computes in float32 whatever is around it: e is raised to what it gives."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, values: Tensor) -> Tensor:
        with torch.autocast(values.device.type, enabled=False):
            return self.layer(values.float())


def hold_in(precision: torch.dtype, decoder: nn.Module, but: tuple[str, ...]) -> None:
    """Hold a decoder, but some parts, in another precision: what lies between its layers then moves half the bytes."""
    for name, parameter in decoder.named_parameters():
        if not name.startswith(but):
            parameter.data = parameter.data.to(precision)


def load_model(folder: Path) -> nn.Module:
    """Load `kokoro.KModel` with the frozen weights of the `weights` stage, ready for KPipeline(model=…).

    Raises VoicepackError for a missing file, or unless every tensor has its place and every parameter its tensor.
    """
    from accelerate import init_empty_weights
    from kokoro import KModel

    stored, _ = read_tensors(folder / MODEL_FILE)
    if not (folder / CONFIG_FILE).exists():
        raise VoicepackError(f"{folder / CONFIG_FILE}: no such file. Run `dvc repro -f weights`.")
    # Without the random numbers that parameters begin with: drawing them takes longer than all that follows.
    with tempfile.NamedTemporaryFile(suffix=".pt") as empty, init_empty_weights():
        torch.save({}, empty.name)  # KModel wants a checkpoint in its constructor: ours is loaded below, strictly
        model = KModel("hexgrad/Kokoro-82M", json.loads((folder / CONFIG_FILE).read_text()), empty.name)
    model.bert.pooler = None  # never used; the hub's checkpoint has it
    for module in model.modules():
        if hasattr(module, "weight_g"):
            torch.nn.utils.remove_weight_norm(module)
        if isinstance(module, nn.InstanceNorm1d):
            for name in ("weight", "bias"):  # of AdaIN: 1 and 0 by construction
                module.register_parameter(name, None)
    missing, unexpected = model.load_state_dict(dequantise(stored), strict=False, assign=True)
    unexpected = [name for name in unexpected if not name.startswith("bert.pooler.")]
    if missing or unexpected:
        raise VoicepackError(
            f"{folder / MODEL_FILE}: does not fit Kokoro-82M ({len(missing)} tensors missing, {len(unexpected)} left"
            " over). Run `dvc repro -f weights`."
        )
    model.eval().requires_grad_(False)
    for module in model.modules():
        if isinstance(module, nn.LSTM):  # of one layer, so without dropout: nothing else depends on the mode
            module.train()  # in evaluation mode cuDNN refuses the backward pass (pytorch#8582)
    return model


@contextlib.contextmanager
def seeded(seed: int | None, device: torch.device | str = "cpu") -> Iterator[None]:
    """Draw the same noise inside the block for the same seed on every device, and leave the generator as it was."""
    if seed is None:
        yield
        return
    drawn = contextlib.nullcontext() if torch.device(device).type == "cpu" else DrawnOnProcessor()
    with torch.random.fork_rng(devices=[]), drawn:
        torch.default_generator.manual_seed(seed)  # not those of GPUs, which nothing draws from
        yield


class DrawnOnProcessor(TorchFunctionMode):
    """Has the processor draw what Kokoro draws for a device: each device has a generator with numbers of its own."""

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if function not in (torch.rand, torch.randn_like):
            return function(*args, **kwargs)
        device = args[0].device if function is torch.randn_like else kwargs["device"]
        return function(*args, **kwargs | {"device": "cpu"}).to(device)
