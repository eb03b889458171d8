"""The speaker loss: it knows who speaks, and tells the render what to change."""

import pytest
import torch
from recordings import STOCK, STOCK_SAYS, babble, real_speech

from voicepack.audio import read_audio
from voicepack.kokoro import Kokoro
from voicepack.speaker_loss import SpeakerLoss


def test_a_recording_costs_nothing_against_itself_at_almost_any_level() -> None:
    audio = babble(2.0)
    loss = SpeakerLoss([audio])
    assert float(loss(audio)) == pytest.approx(0, abs=1e-4)
    assert float(loss(0.3 * audio)) == pytest.approx(0, abs=5e-2)


def test_gradients_are_finite_and_reach_the_render_alone() -> None:
    loss = SpeakerLoss([babble(1.0)])
    render = (0.1 * babble(1.0, seed=2)).requires_grad_()
    loss(render).backward()
    assert render.grad is not None
    assert render.grad.isfinite().all()
    assert render.grad.abs().max() > 0
    assert not any(parameter.requires_grad for parameter in loss.parameters())


def test_the_gradient_is_the_same_every_time() -> None:
    """Of all losses this one showed that MKL, left to itself, adds up in another order each time."""
    loss = SpeakerLoss([babble(1.0)])
    render = (0.1 * babble(1.0, seed=2)).requires_grad_()
    first, *others = (torch.autograd.grad(loss(render), render)[0] for _ in range(20))
    assert all(torch.equal(other, first) for other in others)


def test_real_speakers_are_nearest_to_themselves() -> None:
    clips = {name: [read_audio(path)[: 5 * 24_000] for path in real_speech(name)[:4]] for name in (
        "ljspeech_LJ", "libritts_121", "libritts_908", "vctk_p226",
    )}  # fmt: skip
    losses = {name: SpeakerLoss(heard[:2]) for name, heard in clips.items()}
    for name, heard in clips.items():
        for clip in heard[2:]:
            costs = {other: float(loss(clip)) for other, loss in losses.items()}
            assert min(costs, key=lambda other: costs[other]) == name
            assert costs[name] < 0.5
            assert min(cost for other, cost in costs.items() if other != name) > 0.6


@pytest.mark.slow
def test_a_voice_is_nearest_to_itself_in_other_words(kokoro: Kokoro, stock_packs: dict[str, torch.Tensor]) -> None:
    first, second = ([kokoro.render(text, stock_packs[name]) for name in STOCK] for text in STOCK_SAYS)
    losses = [SpeakerLoss([audio]) for audio in first]
    distances = torch.tensor([[float(loss(audio)) for audio in second] for loss in losses])
    assert distances.argmin(1).tolist() == list(range(len(STOCK)))
