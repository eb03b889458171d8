import pytest
import torch
from conftest import MODELS
from torch import Tensor

from voicepack.constants import DECODER, FRAME_SAMPLES, PREDICTOR
from voicepack.errors import VoicepackError
from voicepack.kokoro import DrawnOnProcessor, Kokoro, seeded
from voicepack.losses import MelLoss

pytestmark = pytest.mark.slow

PHONEMES = "ðə kˈæt sˈæt bI ðə dˈɔɹ."


@pytest.fixture
def voice(stock_packs) -> Tensor:
    return stock_packs["af_heart"][len(PHONEMES) - 1].clone()


def check_gradient(gradient: Tensor | None, half: slice) -> None:
    assert gradient is not None
    assert gradient.isfinite().all()
    assert float(gradient[:, half].norm()) > 0


def test_audio_has_a_gradient_in_both_halves_and_kokoro_has_none(kokoro: Kokoro, voice):
    voice.requires_grad_()
    kokoro.synthesize(PHONEMES, voice, seed=0).square().mean().backward()
    check_gradient(voice.grad, DECODER)
    check_gradient(voice.grad, PREDICTOR)
    parameters = list(kokoro.model.parameters())
    assert parameters
    assert all(parameter.grad is None and not parameter.requires_grad for parameter in parameters)
    assert not kokoro.model.training


@pytest.mark.parametrize("curve", ["durations", "f0", "energy"])
def test_prosody_has_a_gradient_in_the_predictor_half_alone(kokoro: Kokoro, voice, curve):
    voice.requires_grad_()
    getattr(kokoro.predict(kokoro.encode_text(PHONEMES), voice), curve).mean().backward()
    check_gradient(voice.grad, PREDICTOR)
    assert not voice.grad[:, DECODER].any()


def test_the_seed_decides_and_the_global_generator_is_left_alone(kokoro: Kokoro, voice):
    torch.manual_seed(12)
    state = torch.random.get_rng_state()
    first, again, other = (kokoro.render(PHONEMES, voice, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(state, torch.random.get_rng_state())


def test_a_device_gets_the_noise_that_the_processor_draws():
    like = torch.empty(5, 3).T  # drawn in the order in which it lies in memory
    with seeded(3):
        expected = torch.rand(2, 3), torch.randn_like(like)
    with seeded(3), DrawnOnProcessor():
        found = torch.rand(2, 3, device="cpu"), torch.randn_like(like)
        elsewhere = torch.rand(2, 3, device="meta"), torch.randn_like(like.to("meta"))
    assert all(map(torch.equal, found, expected))
    assert {each.device.type for each in elsewhere} == {"meta"}


def test_renders_as_kokoros_own_forward_does(kokoro: Kokoro, stock_packs):
    pack = stock_packs["bm_george"]
    with seeded(3):
        expected = kokoro.model(PHONEMES, pack[len(PHONEMES) - 1], speed=1.1)
    torch.testing.assert_close(kokoro.render(PHONEMES, pack, speed=1.1, seed=3), expected, rtol=0, atol=1e-4)


@pytest.fixture(scope="module")
def half() -> Kokoro:
    return Kokoro(MODELS / "kokoro", precision=torch.bfloat16)


def test_in_bfloat16_the_last_layer_and_the_sine_source_keep_their_weights(kokoro: Kokoro, half: Kokoro):
    held = dict(half.model.decoder.named_parameters())
    for name, parameter in kokoro.model.decoder.named_parameters():
        exact = name.startswith(("generator.conv_post.", "generator.m_source."))
        torch.testing.assert_close(held[name], parameter if exact else parameter.bfloat16(), rtol=0, atol=0)


def test_bfloat16_changes_the_sound_less_than_another_seed(kokoro: Kokoro, half: Kokoro, voice):
    expected = kokoro.render(PHONEMES, voice, seed=0)
    found, other = half.render(PHONEMES, voice, seed=0), kokoro.render(PHONEMES, voice, seed=1)
    assert found.dtype == torch.float32
    assert not torch.equal(found, expected)
    compare = MelLoss()
    assert float(compare(found, expected, 12_000)) < 0.6 * float(compare(other, expected, 12_000))


def test_bfloat16_leaves_the_gradient_where_it_points(kokoro: Kokoro, half: Kokoro, voice):
    gradients = []
    for each in (kokoro, half):
        wanted = voice.clone().requires_grad_()
        each.synthesize(PHONEMES, wanted, seed=0).square().mean().backward()
        assert wanted.grad is not None
        gradients.append(wanted.grad)
    assert float(torch.cosine_similarity(*gradients)) > 0.99


def test_given_frames_are_respected(kokoro: Kokoro, voice):
    text = kokoro.encode_text(PHONEMES)
    frames = torch.arange(len(PHONEMES) + 2) % 3 + 1
    with torch.no_grad():
        prosody = kokoro.predict(text, voice, frames=frames)
        audio = kokoro.decode(text, prosody.frames, prosody.f0, prosody.energy, voice, seed=0)
    assert torch.equal(prosody.frames, frames)
    assert prosody.durations.shape == frames.shape
    assert prosody.f0.shape == prosody.energy.shape == (1, 2 * int(frames.sum()))
    assert audio.shape == (FRAME_SAMPLES * int(frames.sum()),)


def test_predicted_frames_are_the_rounded_durations(kokoro: Kokoro, voice):
    with torch.no_grad():
        prosody = kokoro.predict(kokoro.encode_text(PHONEMES), voice)
    assert torch.equal(prosody.frames, prosody.durations.round().clamp(min=1).long())


@pytest.mark.parametrize("phonemes", ["a" * 511, "", "☃☃☃"])
def test_what_kokoro_cannot_say_is_one_line(kokoro: Kokoro, voice, phonemes):
    with pytest.raises(VoicepackError, match="phonemes") as caught:
        kokoro.synthesize(phonemes, voice)
    assert "\n" not in str(caught.value)


def test_what_kokoro_does_not_know_counts_for_the_row(kokoro: Kokoro, stock_packs):
    with pytest.raises(VoicepackError, match="515 phonemes, Kokoro speaks 1 to 510"):
        kokoro.render("h" * 505 + "☃" * 10, stock_packs["af_heart"])


def test_510_phonemes_are_not_too_many(kokoro: Kokoro):
    assert kokoro.encode_text("a" * 510).prosodic.shape == (1, 512, 512)
