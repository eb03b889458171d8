"""The networks that judge likeness."""

from pathlib import Path

import pytest
import torch
from recordings import babble, real_speech
from torch import Tensor
from transformers import WavLMConfig, WavLMForXVector

from voicepack.audio import read_audio
from voicepack.errors import VoicepackError
from voicepack.kokoro import Kokoro
from voicepack.likeness import cosine
from voicepack.speaker_encoder import Resemblyzer, SpeakerEncoder, WavLM, load_speaker_encoder

PHONEMES = "ðə kˈæt sˈæt bI ðə dˈɔɹ, ænd hi wˈɔʧt ðə ɹˈAn."


@pytest.fixture(scope="module")
def resemblyzer() -> Resemblyzer:
    return Resemblyzer()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A WavLM that has learned nothing, as transformers saves it."""
    config = WavLMConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32, conv_dim=(8,) * 7,
        num_conv_pos_embeddings=16, num_conv_pos_embedding_groups=2, tdnn_dim=(8, 8, 8, 8, 24), xvector_output_dim=12,
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = WavLMForXVector(config)
    path = tmp_path_factory.mktemp("wavlm")
    model.save_pretrained(path)
    return path


@pytest.fixture(scope="module")
def wavlm(folder: Path) -> SpeakerEncoder:
    return load_speaker_encoder(f"wavlm:{folder}")


@pytest.fixture(scope="module")
def campplus() -> SpeakerEncoder:
    return load_speaker_encoder("campplus")


@pytest.fixture(params=["resemblyzer", "campplus", "wavlm"])
def encoder(request: pytest.FixtureRequest) -> SpeakerEncoder:
    found: SpeakerEncoder = request.getfixturevalue(request.param)
    return found


def refuse(name: str) -> str:
    with pytest.raises(VoicepackError) as caught:
        load_speaker_encoder(name)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", ["", "nobody", "Resemblyzer", "resemblyzer:folder", "wavlm", "wavlm:", "ecapa:folder"])
def test_another_name_is_refused_in_one_line(name: str) -> None:
    said = refuse(name)
    assert said.startswith(f"stock.judge is '{name}'.")
    assert "resemblyzer" in said
    assert "wavlm:" in said


def test_a_repository_needs_a_revision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voicepack.speaker_encoder.fetch", lambda *_, **__: pytest.fail("the hub was asked"))
    assert "@REVISION" in refuse("wavlm:microsoft/wavlm-base-plus-sv")
    assert "@REVISION" in refuse("wavlm:microsoft/wavlm-base-plus-sv@")


def test_a_revision_is_fetched_and_loaded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def fetch(repository: str, revision: str, patterns: tuple[str, ...], *, setting: str, otherwise: str) -> Path:
        asked.append((repository, revision, setting, otherwise))
        return folder

    monkeypatch.setattr("voicepack.speaker_encoder.fetch", fetch)
    assert isinstance(load_speaker_encoder("wavlm:some/wavlm@1234abcd"), WavLM)
    assert asked == [("some/wavlm", "1234abcd", "stock.judge", "resemblyzer")]


def test_a_folder_without_a_network_is_refused_in_one_line(tmp_path: Path) -> None:
    assert refuse(f"wavlm:{tmp_path}").startswith(f"{tmp_path}: not a WavLM")


def test_loading_prints_nothing(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    load_speaker_encoder("resemblyzer")
    load_speaker_encoder(f"wavlm:{folder}")
    assert capfd.readouterr().out == ""


def test_the_size_is_that_of_the_embedding(encoder: SpeakerEncoder) -> None:
    assert encoder.embed(babble(2.0)).shape == (encoder.size,)


def test_sizes_are_those_of_the_networks(resemblyzer: Resemblyzer, wavlm: SpeakerEncoder) -> None:
    assert (resemblyzer.size, wavlm.size) == (256, 12)


def test_an_embedding_has_unit_norm_is_the_same_always_and_carries_no_gradient(encoder: SpeakerEncoder) -> None:
    audio = babble(2.0)
    embedding = encoder.embed(audio.clone().requires_grad_())
    assert float(embedding.norm()) == pytest.approx(1, abs=1e-5)
    assert not embedding.requires_grad  # no loss can use the judge
    assert torch.equal(embedding, encoder.embed(audio))


@pytest.mark.parametrize("gain", [0.2, 5.0])
def test_level_is_not_voice(wavlm: SpeakerEncoder, gain: float) -> None:
    audio = babble(2.0)
    torch.testing.assert_close(wavlm.embed(gain * audio), wavlm.embed(audio), rtol=0, atol=1e-3)
    torch.testing.assert_close(wavlm.embed(audio + 0.1), wavlm.embed(audio), rtol=0, atol=2e-2)


def test_different_sounds_have_different_embeddings(wavlm: SpeakerEncoder) -> None:
    low = torch.sin(torch.arange(48_000) / 100)
    assert not torch.allclose(wavlm.embed(low), wavlm.embed(babble(2.0)), atol=1e-3)


@pytest.mark.parametrize("samples", [100, 24_000])
def test_silence_is_no_voice(encoder: SpeakerEncoder, samples: int) -> None:
    with pytest.raises(VoicepackError, match="no speech") as caught:
        encoder.embed(torch.zeros(samples))
    assert "\n" not in str(caught.value)


def test_no_samples_are_no_voice(resemblyzer: Resemblyzer) -> None:
    with pytest.raises(VoicepackError, match="no speech"):
        resemblyzer.embed(torch.zeros(0))


@pytest.mark.parametrize("audio", [torch.zeros(0), babble(0.1)], ids=["no samples", "0.1 s"])
def test_too_little_to_hear_is_no_voice_to_wavlm(wavlm: SpeakerEncoder, audio: Tensor) -> None:
    with pytest.raises(VoicepackError, match="no speech"):
        wavlm.embed(audio)


def test_real_speakers_are_told_apart(resemblyzer: Resemblyzer) -> None:
    first, again = (resemblyzer.embed(read_audio(path)) for path in real_speech("libritts_908")[:2])
    other = resemblyzer.embed(read_audio(real_speech("vctk_p228")[0]))
    assert cosine(first, again) > cosine(first, other) + 0.1


@pytest.mark.slow
def test_a_voice_is_most_like_itself(resemblyzer: Resemblyzer, kokoro: Kokoro, stock_packs) -> None:
    renders = [kokoro.render(PHONEMES, stock_packs[name], seed=seed) for name, seed in
               (("af_heart", 1), ("af_heart", 2), ("am_adam", 1))]  # fmt: skip
    first, again, other = map(resemblyzer.embed, renders)
    assert cosine(first, again) > 0.85
    assert cosine(first, other) < 0.7
