import math
from pathlib import Path

import pytest
import soundfile
import torch
from recordings import babble, damaged, real_speech
from torch.testing import assert_close
from torchaudio.functional import resample

from voicepack.audio import (
    bandwidth,
    from_int16,
    is_clipped,
    loudest_above_speech,
    read_audio,
    set_level,
    signal_to_noise,
    speech_level,
    to_int16,
    write_audio,
)
from voicepack.errors import VoicepackError
from voicepack.silence import trim_silence


def tone(rate: int, seconds: float = 1.0, frequency: float = 440.0) -> torch.Tensor:
    return 0.5 * torch.sin(2 * torch.pi * frequency * torch.arange(round(rate * seconds)) / rate)


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 44_100, 48_000])
def test_any_rate_becomes_24_khz_with_the_same_sound(tmp_path: Path, rate: int) -> None:
    path = tmp_path / "tone.wav"
    soundfile.write(path, tone(rate).numpy(), rate, subtype="FLOAT")
    audio = read_audio(path)
    assert audio.dtype == torch.float32 and audio.shape == (24_000,)
    assert_close(audio[1000:-1000], tone(24_000)[1000:-1000], atol=2e-3, rtol=0)


def test_stereo_is_averaged(tmp_path: Path) -> None:
    path = tmp_path / "stereo.flac"
    left = tone(44_100)
    soundfile.write(path, torch.stack([left, -0.5 * left], dim=1).numpy(), 44_100)
    assert_close(read_audio(path)[1000:-1000], 0.25 * tone(24_000)[1000:-1000], atol=2e-3, rtol=0)


def test_write_and_read_agree_within_half_a_step(tmp_path: Path) -> None:
    audio = babble(1).clamp(-0.99, 0.99)
    write_audio(tmp_path / "new" / "a.wav", audio)
    assert_close(read_audio(tmp_path / "new" / "a.wav"), audio, atol=2**-16, rtol=0)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.wav"]
    assert soundfile.info(tmp_path / "new" / "a.wav").subtype == "PCM_16"


def test_int16_saturates_instead_of_wrapping() -> None:
    assert to_int16(torch.tensor([-2.0, -1.0, 0.0, 1.0, 2.0])).tolist() == [-32768, -32768, 0, 32767, 32767]
    assert from_int16(torch.tensor([-32768, 0], dtype=torch.int16)).tolist() == [-1.0, 0.0]


@pytest.mark.parametrize("name", ["missing.wav", "text.wav", "folder.wav", "raw.raw", "unknown.flac"])
def test_what_is_no_audio_is_one_line_with_the_file(tmp_path: Path, name: str) -> None:
    (tmp_path / "text.wav").write_text("This is no sound.")
    (tmp_path / "raw.raw").write_bytes(bytes(1000))
    (tmp_path / "folder.wav").mkdir()
    soundfile.write(tmp_path / "unknown.flac", babble(2.5).numpy(), 24_000)
    damaged(tmp_path / "unknown.flac", b"fLaC", 22, bytes(4))  # no length, as written to a pipe
    with pytest.raises(VoicepackError, match=name) as error:
        read_audio(tmp_path / name)
    assert "\n" not in str(error.value)


def test_an_empty_file_is_empty_audio(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "empty.wav", torch.zeros(0).numpy(), 16_000)
    assert read_audio(tmp_path / "empty.wav").shape == (0,)


def test_a_rate_that_would_fill_the_memory_is_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "odd.wav", torch.zeros(22_051).numpy(), 22_051)
    with pytest.raises(VoicepackError, match=r"odd\.wav: odd sampling rate, 22051 Hz"):
        read_audio(tmp_path / "odd.wav")


def test_channels_that_cancel_are_heard(tmp_path: Path) -> None:
    """As a balanced microphone is recorded by a stereo input: anybody hears it, and its channels add up to nothing."""
    speech = babble(2)
    soundfile.write(tmp_path / "a.wav", torch.stack([speech, -0.98 * speech], 1).numpy(), 24_000, subtype="FLOAT")
    assert torch.equal(read_audio(tmp_path / "a.wav"), speech)
    soundfile.write(tmp_path / "b.wav", torch.stack([speech, 0 * speech], 1).numpy(), 24_000, subtype="FLOAT")
    assert torch.equal(read_audio(tmp_path / "b.wav"), speech / 2)


def test_something_that_fell_is_louder_than_speech() -> None:
    speech = 0.01 * babble(3)
    assert loudest_above_speech(speech) < 10
    speech[24_000:24_240] += 0.5
    assert loudest_above_speech(speech) > 25


@pytest.mark.parametrize("samples", [0, 10, 5000])
def test_silence_and_scraps_go_through_every_measure(samples: int) -> None:
    silence = torch.zeros(samples)
    assert len(trim_silence(silence)) == samples
    assert torch.equal(set_level(silence, -24), silence)
    assert bandwidth(silence) == 12_000
    assert speech_level(silence) == pytest.approx(-100)
    assert signal_to_noise(silence) == 0


def test_level_counts_speech_alone() -> None:
    steady = tone(24_000)  # RMS 0.5 / √2
    assert speech_level(steady) == pytest.approx(20 * math.log10(0.5 / math.sqrt(2)), abs=0.05)
    assert speech_level(torch.cat([steady, torch.zeros(72_000)])) == pytest.approx(speech_level(steady), abs=0.1)


def test_set_level_reaches_the_level_and_never_clips() -> None:
    assert speech_level(set_level(babble(2), -24)) == pytest.approx(-24, abs=0.01)
    assert speech_level(set_level(0.03 * babble(2), -24)) == pytest.approx(-24, abs=0.01)
    assert float(set_level(babble(2), -3).abs().max()) < 1


def test_signal_to_noise_follows_the_noise() -> None:
    pauses = torch.cat([tone(24_000, 2), torch.zeros(24_000)])
    for noise_db in (-60, -40):
        noise = 10 ** (noise_db / 20) * torch.randn(len(pauses), generator=torch.Generator().manual_seed(0))
        assert signal_to_noise(pauses + noise) == pytest.approx(-9.03 - noise_db, abs=1.5)


@pytest.mark.parametrize("rate", [8_000, 16_000, 24_000, 44_100])
@pytest.mark.parametrize("level", [0.05, 1.0])
def test_bandwidth_of_files_of_any_rate_and_level(tmp_path: Path, rate: int, level: float) -> None:
    path = tmp_path / "noise.wav"
    soundfile.write(path, (level * babble(2, rate=rate)).numpy(), rate, subtype="PCM_16")
    expected = min(rate / 2, 12_000)
    assert 0.93 * expected <= bandwidth(read_audio(path)) <= 1.02 * expected


@pytest.mark.parametrize(
    ("speaker", "lowest", "highest"),
    [
        ("ljspeech_LJ", 10_300, 11_100),
        ("vctk_p226", 7_600, 8_100),
        ("vctk_p228", 7_600, 8_100),
        ("libritts_237", 12_000, 12_000),
        ("libritts_908", 12_000, 12_000),
        ("libritts_7021", 12_000, 12_000),
    ],
)
def test_bandwidth_of_real_speech(speaker: str, lowest: float, highest: float) -> None:
    for path in real_speech(speaker):
        assert lowest <= bandwidth(read_audio(path)) <= highest, path


@pytest.mark.parametrize("speaker", ["libritts_1188", "libritts_1995"])
def test_bandwidth_tells_mixed_originals_apart(speaker: str) -> None:
    found = [bandwidth(read_audio(path)) for path in real_speech(speaker)]
    assert all(7_600 <= each <= 8_100 or each == 12_000 for each in found)
    assert len({each == 12_000 for each in found}) == 2


def test_bandwidth_of_real_speech_over_the_telephone(tmp_path: Path) -> None:
    for path in real_speech("libritts_237")[:3] + real_speech("ljspeech_LJ")[:3]:
        telephone = tmp_path / "telephone.wav"
        soundfile.write(telephone, resample(read_audio(path), 24_000, 8_000).numpy(), 8_000, subtype="PCM_16")
        assert 3_400 <= bandwidth(read_audio(telephone)) <= 4_100, path


def test_clipping_is_seen_after_resampling_and_scaling() -> None:
    speech = resample(babble(3, rate=4_000), 4_000, 24_000)  # as in speech, most of the power is at the bottom
    assert not is_clipped(speech)
    clipped = (20 * speech).clamp(-1, 1)
    assert is_clipped(clipped) and is_clipped(0.1 * clipped)
    assert is_clipped(resample(clipped, 24_000, 16_000))


def test_real_speech_is_not_clipped() -> None:
    assert not any(is_clipped(read_audio(path)) for path in real_speech("vctk_p226") + real_speech("libritts_121"))
