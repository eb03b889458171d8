"""StyleTTS2's two style encoders: one reads timbre from a recording, the other prosody."""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from voicepack.constants import SAMPLE_RATE, SHORTEST_SECONDS
from voicepack.errors import VoicepackError
from voicepack.files import NOT_SAVED_BY_TORCH, read_tensors, write_tensors
from voicepack.hub import fetch
from voicepack.mel import style_mel

# Their names in StyleTTS2's checkpoints, in the order of its `compute_style`: acoustic, then prosodic.
ENCODERS = ("style_encoder", "predictor_encoder")
STYLE_SIZE = 128


class StyleEncoders(nn.Module):
    """Two `styletts2.models.StyleEncoder`, read together: mel to a style vector `[256]`, acoustic | prosodic.

    Spectral norm is folded into the weights. It only matters in training, where it tames a discriminator; an encoder
    that has to learn a regression it starves: every layer shrinks the signal, and in 200 steps of 16 clips the error
    on new voices falls by 0.2 % with it, by 20 % without.
    """

    def __init__(self, channels: int, widest: int) -> None:
        """`channels` after the first layer, doubled by each of the four blocks up to `widest`. LibriTTS: 64, 512."""
        super().__init__()
        from styletts2.models import StyleEncoder

        self.encoders = nn.ModuleDict({name: StyleEncoder(channels, STYLE_SIZE, widest) for name in ENCODERS})
        for module in self.modules():
            if hasattr(module, "weight_orig"):
                nn.utils.remove_spectral_norm(module)
                module._load_state_dict_pre_hooks.clear()  # torch forgets this one, and it would ask for the norm
        for parameter in self.parameters():
            if parameter.dim() == 4:  # a third faster on the CPU
                parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)

    def forward(self, mel: Tensor) -> Tensor:
        """Encode `style_mel` spectrograms `[B, 80, frames]`, at least 80 frames, to style vectors `[B, 256]`."""
        return torch.cat([self.encoders[name](mel[:, None]) for name in ENCODERS], dim=1)

    @torch.no_grad()
    def encode(self, clips: Sequence[Tensor]) -> Tensor:
        """Read clips, float `[samples]` at 24 kHz each, to style vectors `[N, 256]`, in evaluation mode.

        Raises VoicepackError for a clip shorter than a second, in which the encoders read nothing reliable.
        """
        for clip in clips:
            if len(clip) < SHORTEST_SECONDS * SAMPLE_RATE:
                raise VoicepackError(
                    f"a clip of {len(clip) / SAMPLE_RATE:.2f} s is too short to read: use 1 s or more."
                )
        mode = self.training
        self.eval()
        styles = torch.cat([self(style_mel(clip)[None]) for clip in clips])
        self.train(mode)
        return styles

    def start_at(self, style: Tensor) -> None:
        """Draw weights that keep the signal's size from layer to layer, and read about `style` `[256]` in everything.

        He et al. 2015 (arXiv:1502.01852) for leaky ReLU of slope 0.2.
        """
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, 0.2)
        for encoder, part in zip(self.encoders.values(), style.split(STYLE_SIZE), strict=True):
            last = cast(nn.Linear, encoder.unshared)
            last.weight.data *= 0.1
            last.bias.data.copy_(part)

    def checkpoint_state(self) -> dict[str, dict[str, Tensor]]:
        """Return the parameters as a StyleTTS2 checkpoint keeps them under `net`."""
        return {name: dict(encoder.state_dict()) for name, encoder in self.encoders.items()}


def read_checkpoint(path: Path, *, allow_pickle: bool = False) -> dict[str, Tensor]:
    """Read the style encoders of a StyleTTS2 checkpoint: tensors named `style_encoder.…`, `predictor_encoder.…`.

    A checkpoint is a pickle with `net`, a dictionary of modules, whose parameter names may start with `module.`.
    A pickle that holds more than tensors can run any code when it is loaded: refused unless `allow_pickle`.
    Raises VoicepackError if the file is missing, refused, or has no style encoders.
    """
    try:
        checkpoint: Any = torch.load(path, map_location="cpu", weights_only=not allow_pickle)
    except FileNotFoundError:
        raise VoicepackError(f"{path}: no such file. Set encoder.source in params.yaml to a checkpoint.") from None
    except pickle.UnpicklingError as error:
        if allow_pickle or "Unsupported" not in str(error):
            raise VoicepackError(f"{path}: not a PyTorch checkpoint.") from None
        raise VoicepackError(
            f"{path}: holds more than tensors, and loading it could run any code. If you trust where it is from, set"
            " encoder.allow_pickle to true in params.yaml."
        ) from None
    except NOT_SAVED_BY_TORCH:
        raise VoicepackError(f"{path}: not a PyTorch checkpoint.") from None
    modules = checkpoint.get("net") if isinstance(checkpoint, Mapping) else None
    if not isinstance(modules, Mapping) or not all(name in modules for name in ENCODERS):
        raise VoicepackError(f"{path}: not a StyleTTS2 checkpoint (no 'net' with {' and '.join(ENCODERS)}).")
    return {
        f"{encoder}.{name.removeprefix('module.')}": value
        for encoder in ENCODERS
        for name, value in modules[encoder].items()
    }


def _without_spectral_norm(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Fold `weight_orig` divided by its norm `u·Wv` (Miyato et al. 2018, arXiv:1802.05957) into `weight`."""
    folded = {}
    for name, value in tensors.items():
        module, _, part = name.rpartition(".")
        if part == "weight_orig":
            rows = value.flatten(1)
            norm = torch.dot(tensors[f"{module}.weight_u"], rows @ tensors[f"{module}.weight_v"])
            folded[f"{module}.weight"] = value / norm
        elif part not in ("weight_u", "weight_v"):
            folded[name] = value
    return folded


def fetch_checkpoint(repository: str, revision: str, file: str) -> Path:
    """Fetch a StyleTTS2 checkpoint from the Hugging Face hub at a pinned revision and return where it lies."""
    return fetch(repository, revision, [file], setting="encoder.source", otherwise="trained") / file


def write_style_encoder(path: Path, encoders: StyleEncoders, metadata: Mapping[str, str]) -> None:
    """Write the encoders in half precision, a tenth of a percent off, half the size."""
    tensors = encoders.encoders.state_dict()
    write_tensors(path, {name: value.half().contiguous() for name, value in tensors.items()}, metadata)


def load_style_encoder(path: Path) -> StyleEncoders:
    """Load what `write_style_encoder` wrote, frozen and ready to encode.

    Raises VoicepackError if the file is missing or its tensors are not those of two style encoders.
    """
    tensors, _ = read_tensors(path)
    return build_style_encoder(tensors, str(path))


def build_style_encoder(tensors: Mapping[str, Tensor], where: str) -> StyleEncoders:
    """Build the encoders from their tensors, with or without spectral norm; the sizes are read off the shapes."""
    try:
        tensors = _without_spectral_norm(tensors)
        channels = tensors[f"{ENCODERS[0]}.shared.0.weight"].shape[0]
        widest = tensors[f"{ENCODERS[0]}.unshared.weight"].shape[1]
        encoders = StyleEncoders(channels, widest)
        for name, encoder in encoders.encoders.items():
            prefix = f"{name}."
            encoder.load_state_dict(
                {key.removeprefix(prefix): value.float() for key, value in tensors.items() if key.startswith(prefix)}
            )
    except (KeyError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise VoicepackError(f"{where}: not a pair of StyleTTS2 style encoders ({reason}).") from None
    return encoders.eval().requires_grad_(False)
