import pytest
import torch

from voicepack.errors import VoicepackError
from voicepack.kokoro import Kokoro
from voicepack.likeness import SpeakerEncoder, cosine, normalised_likeness, speaker_embedding

PHONEMES = "ðə kˈæt sˈæt bI ðə dˈɔɹ, ænd hi wˈɔʧt ðə ɹˈAn."


@pytest.fixture(scope="module")
def encoder() -> SpeakerEncoder:
    return SpeakerEncoder()


def test_cosine_of_a_vector_with_itself_its_negative_and_a_normal():
    a, b = torch.tensor([3.0, 0.0]), torch.tensor([0.0, 2.0])
    assert [cosine(a, a), cosine(a, -a), cosine(a, b)] == pytest.approx([1.0, -1.0, 0.0])


def test_speaker_embedding_is_the_unit_vector_between_its_clips():
    speaker = speaker_embedding([torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])])
    torch.testing.assert_close(speaker, torch.tensor([0.5, 0.5]).sqrt())


def test_normalised_likeness_is_0_at_the_floor_and_1_at_the_ceiling_and_is_not_clipped():
    found = [normalised_likeness(value, 0.6, 0.9) for value in (0.6, 0.75, 0.9, 0.45)]
    assert found == pytest.approx([0.0, 0.5, 1.0, -0.5])


@pytest.mark.parametrize("ceiling", [0.6, 0.5, float("nan")])
def test_normalised_likeness_without_a_scale_is_an_error(ceiling):
    with pytest.raises(ValueError, match="not above the floor"):
        normalised_likeness(0.7, 0.6, ceiling)


@pytest.mark.parametrize("samples", [0, 100, 24_000])
def test_silence_is_no_voice(encoder, samples):
    with pytest.raises(VoicepackError, match="no speech") as caught:
        encoder.embed(torch.zeros(samples))
    assert "\n" not in str(caught.value)


def test_loading_prints_nothing(encoder, capsys):
    SpeakerEncoder()
    assert capsys.readouterr().out == ""


@pytest.mark.slow
def test_a_voice_is_most_like_itself(encoder: SpeakerEncoder, kokoro: Kokoro, stock_packs):
    first = kokoro.render(PHONEMES, stock_packs["af_heart"], seed=1)
    embedding = encoder.embed(first.requires_grad_())
    assert embedding.shape == (256,)
    assert float(embedding.norm()) == pytest.approx(1, abs=1e-5)
    assert not embedding.requires_grad  # no loss can use the judge
    assert torch.equal(embedding, encoder.embed(first))
    again = encoder.embed(kokoro.render(PHONEMES, stock_packs["af_heart"], seed=2))
    other = encoder.embed(kokoro.render(PHONEMES, stock_packs["am_adam"], seed=1))
    assert cosine(embedding, again) > 0.85
    assert cosine(embedding, other) < 0.7
