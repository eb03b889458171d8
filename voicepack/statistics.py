"""What can be measured of a voice without a network: statistics of its spectrum, its pitch and its loudness.

A network that is trained on a few thousand clips knows the voices it was trained on best. Statistics over time know
none of them and generalise better; `voicepack.voice_reader` weighs what both read.
"""

from __future__ import annotations

import torch
from torch import Tensor

from voicepack.constants import HOP_SAMPLES, SAMPLE_RATE
from voicepack.errors import VoicepackError
from voicepack.mel import style_mel
from voicepack.pitch import fast_f0_curve, mel_energy

_QUANTILES = torch.tensor([0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95])
_SPEECH_RANGE = 2.0  # of the style mel's mean over bands, in its units: 35 dB below the loudest frame is silence
_BANDS = 256  # of the fine spectrum: 47 Hz each
_MODULATION_FRAMES = 512  # 6.4 s: the modulation spectrum has a line every 0.16 Hz


def voice_statistics(audio: Tensor) -> Tensor:
    """Measure a recording: audio `[samples]` at 24 kHz, a second or more, to `[1894]` in no common unit.

    Spectrum: per band of the style mel mean, standard deviation, mean change and quantiles; covariance of its bands;
    fine spectrum. Prosody: quantiles of log F0, of energy and of their changes, and their modulation spectra.
    Raises VoicepackError where there is no speech to measure.
    """
    mel = style_mel(audio)
    level = mel.mean(0)
    spoken = mel[:, level > level.max() - _SPEECH_RANGE]
    energy = mel_energy(mel[:, : len(audio) // HOP_SAMPLES])
    statistics = torch.cat([_spectrum(spoken), _fine_spectrum(audio), _prosody(fast_f0_curve(audio), energy)])
    if not statistics.isfinite().all():
        raise VoicepackError(f"no speech to measure in {len(audio) / SAMPLE_RATE:.1f} s of audio. Leave the clip out.")
    return statistics


def _spectrum(mel: Tensor) -> Tensor:
    """Summarise a style mel `[80, frames]` over time, `[1300]`."""
    change = mel.diff(dim=1).abs().mean(1)
    quantiles = mel.quantile(torch.tensor([0.1, 0.5, 0.9]), dim=1)
    pairs = mel.reshape(40, 2, -1).mean(1)
    upper = torch.triu_indices(40, 40).unbind()
    covariance = torch.cov(pairs, correction=0)[upper]
    return torch.cat([mel.mean(1), mel.std(1), change, quantiles.flatten(), covariance])


def _fine_spectrum(audio: Tensor) -> Tensor:
    """Return mean and standard deviation over time of the log power in 256 equal bands, `[512]`."""
    window = torch.hann_window(1200)
    power = torch.stft(audio, 2048, HOP_SAMPLES, 1200, window, return_complex=True).abs().square()
    level = power.sum(0).clamp_min(1e-9).log()
    log_power = torch.log(power[:, level > level.max() - 7] + 1e-6)[:1024]
    bands = log_power.reshape(_BANDS, -1, log_power.shape[1]).mean(1)
    return torch.cat([bands.mean(1), bands.std(1)])


def _prosody(f0: Tensor, energy: Tensor) -> Tensor:
    """Summarise F0 and energy `[frames]` between the first and the last frame of speech, `[82]`."""
    speech = energy > energy.max() - 4.5
    first, last = speech.nonzero()[[0, -1], 0].tolist()
    f0, energy, speech = f0[first : last + 1], energy[first : last + 1], speech[first : last + 1]
    energy = energy.clamp_min(float(energy.max()) - 7)
    energy = energy - energy[speech].mean()
    voiced = f0 > 0
    log_f0 = torch.log(f0.clamp_min(1.0))
    pitch = log_f0[voiced] if voiced.sum() > 10 else torch.full((10,), 5.0)  # whispered: exp(5) is 148 Hz
    steps = log_f0.diff()[voiced[1:] & voiced[:-1]]
    steps = steps if len(steps) > 5 else torch.zeros(5)
    contour = torch.where(voiced, log_f0, pitch.mean()) - pitch.mean()
    return torch.cat(
        [
            _distribution(pitch), _distribution(steps.abs()), _distribution(energy), _distribution(energy.diff()),
            _distribution(energy[voiced] if voiced.sum() > 10 else energy), _ends(contour, energy),
            torch.stack([voiced.float().mean(), speech.float().mean()]),
            _modulation(contour), _modulation(energy - energy.mean()),
        ]
    )  # fmt: skip


def _distribution(values: Tensor) -> Tensor:
    """Return mean, standard deviation and seven quantiles, `[9]`."""
    return torch.cat([values.mean()[None], values.std()[None], values.quantile(_QUANTILES)])


def _ends(contour: Tensor, energy: Tensor) -> Tensor:
    """Return the mean of pitch in the last fifth and of energy in the first and the last fifth, `[3]`."""
    parts = [contour.tensor_split(5)[-1].mean(), energy.tensor_split(5)[0].mean(), energy.tensor_split(5)[-1].mean()]
    return torch.stack(parts)


def _modulation(curve: Tensor) -> Tensor:
    """Return the log power of a curve's slow changes in 16 bands of 1.25 Hz up to 20 Hz, `[16]`."""
    curve = curve[:_MODULATION_FRAMES]
    power = torch.fft.rfft(curve, _MODULATION_FRAMES).abs().square() / len(curve)
    return torch.log(power[1:129].reshape(16, 8).mean(1) + 1e-5)
