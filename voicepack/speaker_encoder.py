"""Speaker encoders that judge likeness: pretrained networks, and by default one that training does not hear with.

A voice that was optimised for an encoder satisfies it without sounding alike, and the number would stop meaning
anything; `embed` therefore carries no gradient. CAM++, which the speaker loss uses, can judge voices that were trained
without it; the report says so where it judges others.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from voicepack.audio import at_16_khz
from voicepack.campplus import CamPlusPlus
from voicepack.constants import SAMPLE_RATE
from voicepack.errors import VoicepackError
from voicepack.hub import fetch

_SHORTEST = 0.35  # seconds that WavLM's x-vector head needs; less tells CAM++ nothing either


class SpeakerEncoder(Protocol):
    """Turns speech into a vector that is near for one speaker and far for two."""

    size: int  # D

    def embed(self, audio: Tensor) -> Tensor:
        """Embed audio `[samples]` at 24 kHz as a unit vector `[D]`, the same one every time.

        Raises VoicepackError if there is no speech in it.
        """


def load_speaker_encoder(name: str) -> SpeakerEncoder:
    """Return the encoder that `stock.judge` names: `resemblyzer`, `campplus`, `wavlm:FOLDER`, `wavlm:REPO@REVISION`.

    Raises VoicepackError for any other name, or if the weights cannot be had.
    """
    kind, _, source = name.partition(":")
    if kind == "resemblyzer" and not source:
        return Resemblyzer()
    if kind == "campplus" and not source:
        return CamPlusPlusJudge()
    if kind == "wavlm" and source:
        return WavLM(source)
    raise VoicepackError(
        f"stock.judge is '{name}'. Use resemblyzer, campplus, wavlm:FOLDER, or wavlm:REPOSITORY@REVISION of a WavLM for"
        " speaker verification, such as microsoft/wavlm-base-plus-sv."
    )


class Resemblyzer:
    """GE2E (Wan et al. 2018, arXiv:1710.10467) as Resemblyzer trained it: 256 values, weights in the package."""

    size = 256

    def __init__(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # it imports from scipy.ndimage.morphology
            from resemblyzer import VoiceEncoder

        self._encoder = VoiceEncoder("cpu", verbose=False).eval()

    def embed(self, audio: Tensor) -> Tensor:
        """Embed audio as `SpeakerEncoder.embed` says.

        It is prepared as Resemblyzer does: levelled to -30 dBFS if quieter, long silences shortened.
        """
        from resemblyzer import preprocess_wav

        speech = np.zeros(0, np.float32)
        if audio.any():  # the level of pure silence is not a number
            # Resemblyzer detects speech in 16-bit samples, which would wrap around above full scale.
            speech = preprocess_wav(_wave(audio).clamp(-1, 1).numpy())
        if not len(speech):
            raise _no_speech(audio)
        return torch.from_numpy(self._encoder.embed_utterance(speech))


class CamPlusPlusJudge:
    """CAM++ as a judge: independent only of voices that were trained without the speaker loss."""

    size = CamPlusPlus.size

    def __init__(self) -> None:
        self._network = CamPlusPlus()

    @torch.no_grad()
    def embed(self, audio: Tensor) -> Tensor:
        """Embed audio as `SpeakerEncoder.embed` says."""
        if len(audio) < _SHORTEST * SAMPLE_RATE or not audio.any():
            raise _no_speech(audio)
        embedding: Tensor = self._network(audio.detach().cpu().float())
        return embedding


class WavLM:
    """WavLM with an x-vector head (Chen et al. 2022, arXiv:2110.13900): 512 values, from the hub or a folder."""

    def __init__(self, source: str) -> None:
        """Load a folder as transformers saves it, or REPOSITORY@REVISION from the hub. Raises VoicepackError."""
        from transformers import WavLMForXVector

        folder = Path(source)
        if not folder.is_dir():
            repository, _, revision = source.partition("@")
            if not revision:
                raise VoicepackError(
                    f"{source}: no such folder, and a repository needs @REVISION to be the same always."
                )
            patterns = ("config.json", "*.safetensors", "pytorch_model.bin")
            folder = fetch(repository, revision, patterns, setting="stock.judge", otherwise="resemblyzer")
        try:
            self._model = WavLMForXVector.from_pretrained(folder, local_files_only=True).eval()
        except (OSError, ValueError) as error:
            raise VoicepackError(
                f"{folder}: not a WavLM for speaker verification ({str(error).split('.')[0]})."
            ) from None
        self.size = self._model.config.xvector_output_dim

    @torch.no_grad()
    def embed(self, audio: Tensor) -> Tensor:
        """Embed audio as `SpeakerEncoder.embed` says; the level is normalised as in its training."""
        if len(audio) < _SHORTEST * SAMPLE_RATE or not audio.any():
            raise _no_speech(audio)
        wave = _wave(audio)
        wave = (wave - wave.mean()) / (wave.var(correction=0) + 1e-7).sqrt()
        return torch.nn.functional.normalize(self._model(wave[None]).embeddings[0], dim=0)


def _wave(audio: Tensor) -> Tensor:
    return at_16_khz(audio.detach().cpu().float())


def _no_speech(audio: Tensor) -> VoicepackError:
    return VoicepackError(
        f"no speech in {len(audio) / SAMPLE_RATE:.1f} s of audio, so no voice to compare. Leave the clip out."
    )
