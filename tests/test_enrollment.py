"""Enrolment: from recordings to a pack, as a function and as a command."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from conftest import MODELS, check_one_line
from recordings import babble, real_speech
from torch import Tensor

from voicepack.audio import speech_level, write_audio
from voicepack.command import main
from voicepack.enrollment import Enroller, enroll, read_recording
from voicepack.errors import VoicepackError
from voicepack.files import read_tensors, write_tensors
from voicepack.kokoro import Kokoro
from voicepack.pack import load_pack
from voicepack.projection import load_projection
from voicepack.rows import base_vector
from voicepack.speaker_encoder import Resemblyzer
from voicepack.style_encoder import write_style_encoder
from voicepack.text import phonemize
from voicepack.voice_reader import VoiceReader, blend, cut
from voicepack.voices import HELD_OUT, relative_errors


@pytest.fixture(scope="module")
def enroller(stock_packs: dict[str, Tensor]) -> Enroller:
    """What the project ships; the fixture of the packs skips where `dvc repro weights` has not run."""
    return Enroller.load(MODELS)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    write_audio(tmp_path / "clip.wav", babble(2.0))
    return tmp_path / "clip.wav"


@pytest.mark.parametrize("seconds", [0.5, 5.0, 5.1, 31.0])
def test_pieces_are_equal_and_nothing_is_lost(seconds: float) -> None:
    clip = babble(seconds)
    pieces = cut(clip)
    assert torch.equal(torch.cat(pieces), clip)
    assert max(map(len, pieces)) <= 5 * 24_000
    assert max(map(len, pieces)) - min(map(len, pieces)) <= 1


def test_a_pack_is_made_and_any_order_of_clips_gives_the_same(enroller: Enroller) -> None:
    clips = [babble(2.0), babble(7.0, seed=1)]
    pack = enroller.enroll(clips)
    assert pack.shape == (510, 1, 256)
    assert pack.isfinite().all()
    torch.testing.assert_close(enroller.enroll(clips[::-1]), pack, rtol=0, atol=1e-5)


def test_a_pack_lies_half_way_between_what_is_read_and_the_nearest_stock_voice(enroller: Enroller) -> None:
    clips = [babble(2.0), babble(7.0, seed=1)]
    heard = torch.stack([enroller.speaker_encoder.embed(clip) for clip in clips]).mean(0)
    likeness = {name: float(torch.cosine_similarity(heard, of, dim=0)) for name, of in enroller.stock_speakers.items()}
    nearest = enroller.stock_packs[max(likeness, key=lambda name: likeness[name])]
    read = enroller.read_pack(clips)
    assert float((read - nearest).abs().max()) > 0.1, "else any share would do"
    torch.testing.assert_close(enroller.enroll(clips), (read + nearest) / 2, rtol=0, atol=1e-5)


def test_a_clip_counts_by_its_length(enroller: Enroller) -> None:
    short, long = babble(1.0), babble(9.0, seed=1)
    one, other = map(enroller.voices.read, (short, long))
    torch.testing.assert_close(enroller.voices.voice([short, long]), 0.1 * one + 0.9 * other, rtol=0, atol=1e-5)


def test_the_command_leaves_what_the_function_returns(
    enroller: Enroller, clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stated = ["--speaker", "Ann Example", "--licence", "CC BY 4.0"]
    main(["enroll", str(clip), str(clip), "--out", str(tmp_path / "my.pt"), "--models", str(MODELS), *stated])
    assert torch.equal(load_pack(tmp_path / "my.pt"), enroll([clip, clip], MODELS))
    about = read_tensors(tmp_path / "my.safetensors")[1]
    assert len(about["recordings_sha256"].split()) == 2
    assert [about[name] for name in ("speaker", "licence", "consent")] == ["Ann Example", "CC BY 4.0", "not stated"]
    assert (tmp_path / "my.npz").exists()
    out = capsys.readouterr().out
    assert out.startswith(f"{tmp_path / 'my.pt'}: a pack from ")
    assert out.count("\n") == 1


def test_bad_recordings_are_refused_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_audio(tmp_path / "short.wav", babble(0.6))
    write_audio(tmp_path / "silent.wav", torch.zeros(48_000))
    write_audio(tmp_path / "noise.wav", 0.01 * torch.randn(48_000, generator=torch.Generator().manual_seed(0)))
    click = 0.01 * babble(2.0)
    click[24_000:24_240] += 0.5
    write_audio(tmp_path / "click.wav", click)
    write_audio(tmp_path / "clipped.wav", (30 * babble(2.0)).clamp(-1, 1))
    (tmp_path / "text.wav").write_text("not audio")
    out = ["--out", str(tmp_path / "my.pt"), "--models", str(MODELS)]
    for name, said in (
        ("none.wav", "no such file"), ("short.wav", "s are needed"),
        ("silent.wav", "silent: the level is -100 dB"), ("text.wav", "not an audio"),
        ("noise.wav", "no speech: it is as loud throughout"), ("click.wav", "a click"),
        ("clipped.wav", "clipped"),
    ):  # fmt: skip
        check_one_line(["enroll", str(tmp_path / name), *out], said, capsys)
    assert not (tmp_path / "my.pt").exists()


def test_a_pack_is_called_pt(clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check_one_line(["enroll", str(clip), "--out", str(tmp_path / "my.bin")], "ends in .pt", capsys)


def test_missing_networks_are_named(clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = ["--out", str(tmp_path / "my.pt"), "--models", str(tmp_path)]
    check_one_line(["enroll", str(clip), *out], "stock_voices.safetensors", capsys)


def test_the_judge_is_the_one_that_heard_the_stock_voices(enroller: Enroller, tmp_path: Path) -> None:
    speakers, about = read_tensors(MODELS / "stock_speakers.safetensors")
    assert about == {"judge": "resemblyzer"}
    assert isinstance(enroller.speaker_encoder, Resemblyzer)
    assert {len(embedding) for embedding in speakers.values()} == {Resemblyzer.size}
    (tmp_path / "stock_voices.safetensors").symlink_to(MODELS / "stock_voices.safetensors")
    write_tensors(tmp_path / "stock_speakers.safetensors", speakers, {"judge": "nobody"})
    with pytest.raises(VoicepackError, match=r"^stock\.judge is 'nobody'"):
        Enroller.load(tmp_path)


def test_a_recording_is_brought_to_one_level(tmp_path: Path) -> None:
    audio = babble(3.0)
    for gain in (0.1, 1.0):
        write_audio(tmp_path / f"{gain}.wav", gain * audio)
    quiet, loud = (read_recording(tmp_path / f"{gain}.wav") for gain in (0.1, 1.0))
    assert float(quiet.std()) == pytest.approx(float(loud.std()), rel=0.02)
    with pytest.raises(VoicepackError, match="no such file"):
        read_recording(tmp_path / "none.wav")


def test_styles_of_a_foreign_encoder_go_through_the_projection(enroller: Enroller, tmp_path: Path) -> None:
    for name in ("prior", "reader"):
        (tmp_path / f"{name}.safetensors").symlink_to(MODELS / f"{name}.safetensors")
    write_style_encoder(tmp_path / "style_encoder.safetensors", enroller.voices.encoders, {"source": "elsewhere"})
    clip = babble(3.0)
    style = enroller.voices.encoders.encode([clip])
    assert torch.equal(enroller.voices.read_style(clip), style[0])
    foreign = VoiceReader.load(tmp_path).read_style(clip)
    torch.testing.assert_close(foreign, load_projection(MODELS / "prior.safetensors")(style)[0], rtol=0, atol=1e-3)
    assert not torch.allclose(foreign, style[0], atol=1e-2)


@pytest.mark.slow
def test_held_out_voices_are_read_better_than_by_the_mean_voice(
    enroller: Enroller, kokoro: Kokoro, stock_packs: dict[str, Tensor]
) -> None:
    phonemes = phonemize("The committee will announce its decision on the new bridge before the end of the month.")
    read = torch.stack([enroller.voices.read(kokoro.render(phonemes, stock_packs[name])) for name in HELD_OUT])
    true = torch.stack([stock_packs[name][len(phonemes) - 1, 0] for name in HELD_OUT])
    found, mean = relative_errors(read, true), relative_errors(enroller.voices.mean_voice[None], true)
    assert found.acoustic < 0.85 * mean.acoustic
    assert found.prosodic < 0.95 * mean.prosodic


@pytest.mark.slow
def test_real_speakers_are_told_apart(enroller: Enroller) -> None:
    speakers = [[read_recording(path) for path in real_speech(name)[:4]] for name in ("libritts_908", "vctk_p228")]
    reader = enroller.voices
    vectors = [torch.stack([reader.read(clip) for clip in clips]) - reader.mean_voice for clips in speakers]
    centres = torch.stack([each.mean(0) for each in vectors])
    for own, each in enumerate(vectors):
        nearest = torch.cosine_similarity(each[:, None], centres[None], dim=2).argmax(1)
        assert (nearest == own).all()


def test_timbre_is_read_by_the_statistics_mostly_and_prosody_by_both_alike() -> None:
    read = blend(torch.ones(2, 256), torch.zeros(2, 256))
    torch.testing.assert_close(read[:, :128], torch.full((2, 128), 0.2))
    torch.testing.assert_close(read[:, 128:], torch.full((2, 128), 0.5))


def test_what_was_read_is_moved_away_from_the_mean_voice(enroller: Enroller) -> None:
    """Least squares has pulled it there."""
    clips = [babble(2.0)]
    mean = enroller.voices.mean_voice
    found, read = base_vector(enroller.read_pack(clips)) - mean, enroller.voices.voice(clips) - mean
    assert float(read.norm()) > 0.1
    torch.testing.assert_close(found, 1.4 * read, rtol=0, atol=1e-4)


def test_a_recording_is_brought_to_the_level_of_stock_voices_without_its_silence(tmp_path: Path) -> None:
    silence = torch.zeros(24_000)
    write_audio(tmp_path / "a.wav", 0.1 * torch.cat([silence, babble(3.0), silence]))
    recording = read_recording(tmp_path / "a.wav")
    assert speech_level(recording) == pytest.approx(-24, abs=0.1)
    assert len(recording) / 24_000 == pytest.approx(3.0, abs=0.25)


class HearsLength:
    """Takes short clips for one speaker's and long ones for another's."""

    size = 2

    def embed(self, audio: Tensor) -> Tensor:
        return torch.eye(2)[int(len(audio) > 60_000)]


def test_the_stock_voice_is_nearest_to_all_clips_together(enroller: Enroller) -> None:
    first, between = sorted(enroller.stock_packs)[:2]
    speakers = {first: torch.tensor([1.0, 0.0]), between: torch.tensor([0.6, 0.8])}
    deaf = replace(enroller, speaker_encoder=HearsLength(), stock_speakers=speakers)
    clips = [babble(2.0), babble(3.0, seed=1)]
    expected = (enroller.read_pack(clips) + enroller.stock_packs[between]) / 2
    torch.testing.assert_close(deaf.enroll(clips), expected, rtol=0, atol=1e-5)
