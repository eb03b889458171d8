"""The projection from styles to voice vectors."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from voicepack.errors import VoicepackError
from voicepack.files import write_tensors
from voicepack.projection import Projection, ProjectionFit, fit_projection, load_projection

FIT = ProjectionFit(hidden=64, dropout=0.0, epochs=30, batch=32, lr=3e-3, weight_decay=1e-2, seed=0)


def linear_pairs(count: int) -> tuple[Tensor, Tensor]:
    """Styles and voices that depend linearly on the same four numbers per pair; the styles are far from standard."""
    generator = torch.Generator().manual_seed(1)
    to_style, to_voice = (torch.randn(4, 256, generator=generator) for _ in range(2))
    hidden = torch.randn(count, 4, generator=generator)
    return 30 * (hidden @ to_style) + 100, 0.15 * (hidden @ to_voice) + 0.3


@pytest.fixture(scope="module")
def fitted() -> Projection:
    styles, voices = linear_pairs(320)
    return fit_projection(styles[:256], voices[:256], FIT)


def test_a_fit_reads_unseen_styles_better_than_the_mean_does(fitted: Projection) -> None:
    styles, voices = linear_pairs(320)
    with torch.no_grad():
        error = (fitted(styles[256:]) - voices[256:]).norm()
    assert error < 0.4 * (voices[:256].mean(0) - voices[256:]).norm()


def test_the_seed_decides_the_weights(fitted: Projection) -> None:
    styles, voices = linear_pairs(320)
    state = torch.random.get_rng_state()
    again, other = (fit_projection(styles[:256], voices[:256], replace(FIT, seed=seed)) for seed in (0, 1))
    torch.testing.assert_close(again.state_dict(), fitted.state_dict(), rtol=0, atol=0)
    assert not torch.equal(other.layers[0].weight, fitted.layers[0].weight)
    assert torch.equal(state, torch.random.get_rng_state())


def test_output_is_bounded_but_not_at_1() -> None:
    """Stock packs reach 3.2."""
    projection = Projection(hidden=16).eval()
    with torch.no_grad():
        projection.layers[-1].weight.zero_()
        projection.layers[-1].bias.fill_(5.0)
        assert float(projection(torch.zeros(2, 256)).min()) > 3.2
        projection.layers[-1].bias.fill_(1e6)
        assert float(projection(torch.zeros(2, 256)).max()) <= 4.0


def test_the_offset_is_added_on_the_way_out() -> None:
    projection = Projection(hidden=16).eval()
    style, wanted = torch.randn(1, 256), torch.randn(256) * 3
    with torch.no_grad():
        projection.offset += wanted - projection(style)[0]
        torch.testing.assert_close(projection(style)[0], wanted, rtol=0, atol=1e-5)
    assert "offset" in projection.state_dict()


def test_dropout_only_while_training(fitted: Projection) -> None:
    assert not fitted.training
    projection = Projection(hidden=64, dropout=0.5)
    style = torch.ones(1, 256)
    assert not torch.equal(projection(style), projection(style))


def test_loads_what_training_for_a_voice_wrote(fitted: Projection, tmp_path: Path) -> None:
    write_tensors(tmp_path / "voice.safetensors", {**fitted.state_dict(), "voice": torch.zeros(256)})
    loaded = load_projection(tmp_path / "voice.safetensors")
    styles, _ = linear_pairs(3)
    assert not loaded.training
    torch.testing.assert_close(loaded(styles), fitted(styles), rtol=0, atol=0)


def test_what_is_no_projection_is_one_line(fitted: Projection, tmp_path: Path) -> None:
    state = fitted.state_dict()
    file = tmp_path / "a.safetensors"
    broken = [
        {"voice": torch.zeros(256)},
        {name: value for name, value in state.items() if name != "layers.4.weight"},
        {**state, "layers.8.weight": torch.zeros(255, 64)},
        {**state, "more": torch.zeros(1)},
    ]
    for tensors in broken:
        write_tensors(file, tensors)
        with pytest.raises(VoicepackError, match=r"a\.safetensors: not a projection") as caught:
            load_projection(file)
        assert "\n" not in str(caught.value)
    with pytest.raises(VoicepackError, match="no such file"):
        load_projection(tmp_path / "b.safetensors")
    file.write_text("{}")
    with pytest.raises(VoicepackError, match="not a safetensors file"):
        load_projection(file)
