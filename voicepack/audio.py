"""Recordings: reading and writing them, and what can be measured on the waveform. Audio is float32 mono at 24 kHz."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import soundfile
import torch
import torchaudio
from torch import Tensor

from voicepack.constants import SAMPLE_RATE
from voicepack.errors import VoicepackError
from voicepack.files import written_whole

FULL_BANDWIDTH = SAMPLE_RATE / 2  # Hz
LISTENERS_RATE = 16_000  # Hz, at which networks that hear speech were trained
LEVEL_FRAME = SAMPLE_RATE // 40  # 25 ms
_LOWEST_LEVEL = -100.0  # dB, what digital silence counts as
_CANCELLED = 0.01  # of the power of a channel is left of all; of two that have nothing in common, half is
_LEAST_OFFSET_DB = -45.0  # of the speech; less of it is no sound: that ends 35 dB below loud speech
_ONE_LEVEL = 0.05  # root mean square, -26 dB
_LOUD_SECONDS = 0.5  # of speech at least in a recording, however long the silence around it
# Coefficients of the resampler. 11,127 Hz, as on old Macintoshes, needs 30 million; 22,051 Hz, as in a header that
# lies, 529 million, which take 8 GB.
_LARGEST_FILTER = 50_000_000


def read_audio(path: Path) -> Tensor:
    """Read whatever libsndfile reads as float32 mono `[samples]` at 24 kHz; channels are averaged.

    Raises VoicepackError if the file is missing, holds no audio, or has a rate that cannot be resampled.
    """
    with opened(path) as file:
        samples, rate = file.read(dtype="float32", always_2d=True), file.samplerate  # [samples, channels]
    check_rate(path, rate)
    audio = mono(torch.from_numpy(samples))
    if rate == SAMPLE_RATE or not len(audio):
        return audio
    # The default filter is so gentle that a 4 kHz recording would seem to reach 5 kHz: these settings, torchaudio's
    # "kaiser best", cut it off sharply.
    resampled: Tensor = torchaudio.functional.resample(
        audio,
        rate,
        SAMPLE_RATE,
        lowpass_filter_width=64,
        rolloff=0.9475937167399596,
        resampling_method="sinc_interp_kaiser",
        beta=14.769656459379492,
    )
    return resampled


def mono(samples: Tensor) -> Tensor:
    """Average channels `[samples, channels]`; take the loudest where they cancel, as with a pole swapped."""
    if samples.shape[1] == 1:
        return samples[:, 0]
    average, powers = samples.mean(1), samples.square().mean(0)
    if average.square().mean() < _CANCELLED * powers.max():
        return samples[:, powers.argmax()]
    return average


@contextmanager
def opened(path: Path) -> Iterator[soundfile.SoundFile]:
    """Open a recording to read from. Raises VoicepackError if it is missing or, at once or on reading, no audio."""
    if not path.is_file():
        raise VoicepackError(f"{path}: no such file. Add the recording, or leave it out.")
    no_audio = VoicepackError(f"{path}: not an audio file. Save it as WAV or FLAC.")
    try:
        file = soundfile.SoundFile(path)
    except (soundfile.SoundFileError, TypeError):  # TypeError: a headerless format
        raise no_audio from None
    try:
        with file:
            yield file
    except (soundfile.SoundFileError, ValueError, MemoryError):  # the last two: a length that no array can have
        raise no_audio from None


def without_offset(audio: Tensor) -> Tensor:
    """Take the offset of a recorder (DC) off audio `[samples]`: in silence it would count as sound."""
    offset = audio.mean()
    centred = audio - offset
    return centred if 20 * torch.log10(offset.abs()) > speech_level(centred) + _LEAST_OFFSET_DB else audio


def at_one_level(audio: Tensor) -> Tensor:
    """Bring audio `[samples]` to a root mean square of 0.05; the gradient knows that its level is taken away."""
    return audio * (_ONE_LEVEL / audio.square().mean().clamp_min(1e-10).sqrt())


def at_16_khz(audio: Tensor) -> Tensor:
    """Resample audio `[…, samples]` for the networks that listen; the gradient passes."""
    resampled: Tensor = torchaudio.functional.resample(audio, SAMPLE_RATE, LISTENERS_RATE)
    return resampled


def limit_band(audio: Tensor, limit: float) -> Tensor:
    """Remove what is above `limit` Hz from audio `[samples]`, as a lower sampling rate does; the gradient passes."""
    frequency = torch.fft.rfftfreq(len(audio), 1 / SAMPLE_RATE, device=audio.device)
    return torch.fft.irfft(torch.fft.rfft(audio) * (frequency < limit), len(audio))


def is_odd_rate(rate: int) -> bool:
    """Tell whether bringing a sampling rate in Hz to 24 kHz would take more memory than any usual rate does."""
    return math.lcm(rate, SAMPLE_RATE) / math.gcd(rate, SAMPLE_RATE) > _LARGEST_FILTER


def check_rate(path: Path, rate: int) -> None:
    """Raise VoicepackError for a recording whose sampling rate in Hz is odd."""
    if is_odd_rate(rate):
        raise VoicepackError(f"{path}: odd sampling rate, {rate} Hz. Save it at {SAMPLE_RATE} Hz.")


def write_audio(path: Path, audio: Tensor) -> None:
    """Write audio `[samples]` at 24 kHz with 16 bits, as WAV or what `path` ends in. Values beyond ±1 are cut."""
    with written_whole(path) as temporary:
        soundfile.write(temporary, to_int16(audio).numpy(), SAMPLE_RATE, subtype="PCM_16")


def to_int16(audio: Tensor) -> Tensor:
    """Turn float audio into 16-bit samples, of the same shape."""
    return (audio.detach().cpu() * 32768).round().clamp(-32768, 32767).short()


def from_int16(samples: Tensor) -> Tensor:
    """Turn 16-bit samples into float audio: the inverse of `to_int16` within half a step, 2⁻¹⁶."""
    return samples.float() / 32768


def speech_level(audio: Tensor) -> float:
    """Return the level of the speech in dB: the RMS over the frames within 30 dB of the loud ones."""
    levels = _frame_levels(audio)
    power = 10 ** (levels[_active(levels)] / 10)
    return float(10 * torch.log10(power.mean()))


def set_level(audio: Tensor, level_db: float) -> Tensor:
    """Scale audio `[samples]` to a `speech_level` of `level_db`, or to what its peak allows below ±1.

    Digital silence stays as it is.
    """
    peak = float(audio.abs().max()) if len(audio) else 0.0
    if peak == 0:
        return audio
    gain = 10 ** ((level_db - speech_level(audio)) / 20)
    return audio * min(gain, 0.999 / peak)


def signal_to_noise(audio: Tensor) -> float:
    """Return the 95th minus the 5th percentile of the levels of 25 ms frames, in dB."""
    quiet, loud = torch.quantile(_frame_levels(audio), torch.tensor([0.05, 0.95]))
    return float(loud - quiet)


def loudest_above_speech(audio: Tensor) -> float:
    """Return by how many dB the loudest 25 ms are above loud speech: up to 10 in speech, more where something fell."""
    levels = _frame_levels(audio)
    return float(levels.max()) - loud_level(levels)


def is_clipped(audio: Tensor) -> bool:
    """Tell whether about 2 % of the samples or more were cut off at the top.

    The loudest samples of clipped audio are all alike: the 99.9th percentile is 1.0 to 1.15 times the 98th, where
    100 clips of real speech had 1.36 to 2.7. Unlike a count of samples at ±1, this survives scaling, and mostly
    resampling.
    """
    often, rarely = np.percentile(audio.abs().numpy(), [98, 99.9])
    return bool(rarely < 1.15 * often)


def bandwidth(audio: Tensor) -> float:
    """Return the frequency in Hz above which a recording `[samples]` holds nothing; 12000 for full-band audio.

    A recording that once had a lower rate ends in a cliff: from some frequency up, its spectrum is at the floor of
    the resampler or of the 16-bit samples. The answer is the lowest frequency from which everything is 18 dB below
    the band just under it. Real speech falls off by 5 to 12 dB there, and band limits by 20 to 80 dB.
    """
    size, hop = 1024, 256
    if len(audio) < size:
        return FULL_BANDWIDTH
    frames = audio.unfold(0, size, hop)
    frames = frames[_active(_decibels(frames.square().mean(1)), hop)]
    power = torch.fft.rfft(frames * torch.hann_window(size)).abs().square().mean(0)  # [513]
    smooth = torch.nn.functional.avg_pool1d(power[None], 9, stride=1, padding=4, count_include_pad=False)[0]
    levels = 10 * torch.log10(smooth + 1e-20)

    bin_hz = SAMPLE_RATE / size
    gap, width = round(200 / bin_hz), round(500 / bin_hz)  # the slope of the cliff; the band under it
    above = levels.flip(0).cummax(0).values.flip(0)[gap + width :]  # the loudest from each bin up
    below = levels.unfold(0, width, 1).median(1).values[: len(above)]
    frequencies = torch.arange(gap + width, len(levels)) * bin_hz
    # Below 3 kHz the formants themselves make cliffs; at the top every anti-aliasing filter makes one.
    cliffs = frequencies[(below - above > 18) & (frequencies >= 3000) & (frequencies < FULL_BANDWIDTH - 300)]
    return float(cliffs[0]) if len(cliffs) else FULL_BANDWIDTH


def _frame_levels(audio: Tensor) -> Tensor:
    """Return the level of every whole 25 ms frame in dB, `[frames]`; audio shorter than a frame is one frame."""
    if len(audio) < LEVEL_FRAME:
        audio = torch.nn.functional.pad(audio, (0, LEVEL_FRAME - len(audio)))
    return _decibels(audio.unfold(0, LEVEL_FRAME, LEVEL_FRAME).square().mean(1))


def _decibels(power: Tensor) -> Tensor:
    return 10 * torch.log10(power.clamp(min=10 ** (_LOWEST_LEVEL / 10)))


def _active(levels: Tensor, hop: int = LEVEL_FRAME) -> Tensor:
    """Return which frames, one every `hop` samples, hold speech: `[frames]` of bool."""
    return levels > loud_level(levels, hop) - 30


def loud_level(levels: Tensor, hop: int = LEVEL_FRAME) -> float:
    """Return the level of loud speech among levels `[frames]`, one every `hop` samples.

    Not the maximum, which one click may set, but what a twentieth of the frames are above: of half a second at most,
    for all the rest may be silence.
    """
    share = min(0.05, _LOUD_SECONDS * SAMPLE_RATE / hop / len(levels))
    return float(np.percentile(levels.numpy(), 100 * (1 - share)))
