"""What holds on a CUDA GPU alone; the same code on a processor is tested by the others."""

import pytest
import torch
from conftest import MODELS
from torch import Tensor

from voicepack.device import speakers_at_once, speaking_device
from voicepack.kokoro import Kokoro

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="PyTorch finds no CUDA GPU"),
]

PHONEMES = "ðə kˈæt sˈæt bI ðə dˈɔɹ."


@pytest.fixture(scope="module")
def gpu() -> Kokoro:
    return Kokoro(MODELS / "kokoro", "cuda")


def test_a_seed_gives_the_audio_that_it_gives_on_the_processor(kokoro: Kokoro, gpu: Kokoro, stock_packs):
    expected = kokoro.render(PHONEMES, stock_packs["af_heart"], seed=3)
    found = gpu.render(PHONEMES, stock_packs["af_heart"], seed=3)
    other = kokoro.render(PHONEMES, stock_packs["af_heart"], seed=4)
    assert found.device.type == "cpu"
    assert float((found - expected).norm()) < 0.2 * float((other - expected).norm())


def test_prosody_has_the_gradient_that_it_has_on_the_processor(kokoro: Kokoro, gpu: Kokoro, stock_packs):
    """In evaluation mode cuDNN would refuse the backward pass of Kokoro's LSTMs."""

    def gradient(by: Kokoro) -> Tensor:
        voice = stock_packs["af_heart"][len(PHONEMES) - 1].to(by.device, copy=True).requires_grad_()
        prosody = by.predict(by.encode_text(PHONEMES), voice)
        (prosody.f0.mean() + prosody.energy.mean() + prosody.durations.sum()).backward()
        assert voice.grad is not None
        return voice.grad.cpu()

    torch.testing.assert_close(gradient(gpu), gradient(kokoro), rtol=2e-2, atol=2e-2)


def test_renders_are_spoken_on_the_card():
    assert speaking_device().type == "cuda"
    assert speakers_at_once(speaking_device()) >= 1
