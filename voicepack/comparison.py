"""A render compared with a recording of the same words by the real speaker: spectrum, melody, rate and loudness."""

from __future__ import annotations

import functools
import math

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.fft import dct
from torch import Tensor
from torchaudio.transforms import MelSpectrogram

from voicepack.alignment import voiced_pairs, warping_path
from voicepack.constants import SAMPLE_RATE
from voicepack.pitch import energy_curve, f0_rmse_cents
from voicepack.silence import trim_silence

_BANDS, _COEFFICIENTS = 80, 13
_DEPTH = 50 / 20 * math.log(10)  # 50 dB, in nepers of amplitude


def compare(render: Tensor, recording: Tensor, render_f0: Tensor, recording_f0: Tensor) -> dict[str, float]:
    """Compare a render with a recording, `[samples]` each; F0 curves as `voicepack.pitch.f0_curve` gives them.

    Frames are paired by time warping. NaN where there is nothing to compare, as F0 in a whisper.

    `mcd_db`            mel-cepstral distortion, see `mel_cepstral_distortion`
    `f0_rmse_cents`     root mean square difference of F0 where both are voiced, the tracker's octave errors included;
                        without them, by `voiced_pairs`:
    `f0_correlation`    correlation of log F0: the shape of the melody
    `f0_mean_ratio`     mean F0 (geometric) of the render by the recording's
    `f0_spread_ratio`   the same of the standard deviation of log F0: below 1 is flatter than the speaker
    `rate_ratio`        speaking rate by the speaker's: above 1 is faster
    `energy_correlation`
    """
    path = warping_path(render, recording)
    spoken, recorded = voiced_pairs(path, render_f0, recording_f0)
    return {
        "mcd_db": mel_cepstral_distortion(render, recording),
        "f0_rmse_cents": f0_rmse_cents(render_f0, recording_f0, path),
        "f0_correlation": _correlation(spoken, recorded),
        "f0_mean_ratio": float((spoken - recorded).mean().exp()),
        "f0_spread_ratio": float(spoken.std() / recorded.std()) if len(spoken) > 1 else math.nan,
        "rate_ratio": len(trim_silence(recording)) / len(trim_silence(render)),
        "energy_correlation": _correlation(energy_curve(render)[path[:, 0]], energy_curve(recording)[path[:, 1]]),
    }


def mel_cepstral_distortion(render: Tensor, recording: Tensor) -> float:
    """Return the mel-cepstral distortion in dB (Kubichek 1993) of `[samples]` and `[samples]`, after time warping.

    Coefficients 1 to 13 of the cosine transform of an 80-band log mel (window 1024, hop 256), 50 dB deep: below that
    lies the recording's noise. Level does not count. Values depend on these choices: compare them with each other.
    """
    from librosa.sequence import dtw

    first, second = _mel_cepstra(render), _mel_cepstra(recording)
    _, path = dtw(first, second, metric="euclidean")
    distances = np.linalg.norm(first[:, path[:, 0]] - second[:, path[:, 1]], axis=0)
    return float(10 * np.sqrt(2) / np.log(10) * distances.mean())


def _mel_cepstra(audio: Tensor) -> NDArray[np.float64]:
    """Return coefficients 1 to 13 `[13, frames]`: `2/M sum_m log_mel_m cos(pi d (m + 1/2) / M)`, M bands."""
    power = _mel_power()(audio.double()).numpy()
    amplitude = np.log(np.maximum(power, 1e-10)) / 2
    cepstra: NDArray[np.float64] = dct(np.maximum(amplitude, amplitude.max() - _DEPTH), axis=0) / _BANDS
    return cepstra[1 : _COEFFICIENTS + 1]


@functools.cache
def _mel_power() -> MelSpectrogram:
    """Return the mel spectrogram of the usual measure: bands of equal area, evenly spaced on Slaney's scale."""
    return MelSpectrogram(
        SAMPLE_RATE, n_fft=1024, hop_length=256, n_mels=_BANDS, norm="slaney", mel_scale="slaney", pad_mode="constant"
    ).double()


def _correlation(first: Tensor, second: Tensor) -> float:
    if len(first) < 2:
        return math.nan
    return float(torch.corrcoef(torch.stack([first, second]))[0, 1])
