import pytest
import torch

from voicepack.errors import VoicepackError
from voicepack.likeness import cosine, embed_render, nearest_voice, normalised_likeness, speaker_embedding


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


class HearsNothing:
    size = 5

    def embed(self, audio):
        raise VoicepackError("no speech in it.")


class HearsTheMean:
    size = 2

    def embed(self, audio):
        return torch.stack([audio.mean(), audio.std()])


def test_a_render_in_which_nobody_speaks_is_like_nobody():
    nobody = embed_render(HearsNothing(), torch.zeros(24_000))
    assert torch.equal(nobody, torch.zeros(5))
    assert cosine(nobody, torch.ones(5)) == 0


def test_a_render_is_embedded_by_the_judge():
    render = torch.tensor([1.0, 2.0, 6.0])
    assert torch.equal(embed_render(HearsTheMean(), render), HearsTheMean().embed(render))


def test_the_nearest_voice_has_the_largest_cosine():
    speakers = {"b": torch.tensor([0.0, 1.0]), "a": torch.tensor([0.6, 0.8]), "c": torch.tensor([-1.0, 0.0])}
    assert nearest_voice(speakers, torch.tensor([0.8, 0.6])) == "a"
    assert nearest_voice(speakers, torch.tensor([-0.8, 0.6])) == "c"


def test_of_several_sentences_of_a_voice_the_mean_likeness_counts():
    steady = torch.tensor([[0.8, 0.6], [0.8, 0.6]])
    one_lucky = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    assert nearest_voice({"lucky": one_lucky, "steady": steady}, torch.tensor([1.0, 0.0])) == "steady"
    assert nearest_voice({"lucky": one_lucky, "steady": 0.5 * steady}, torch.tensor([1.0, 0.0])) == "lucky"


def test_of_equally_near_voices_the_first_by_name_is_taken():
    same = torch.tensor([0.6, 0.8])
    assert nearest_voice({"b": same, "a": same}, torch.tensor([1.0, 0.0])) == "a"
