"""The settings by which a voice vector becomes a pack."""

import pytest
import torch

from stages.expand import ExpandSettings
from voicepack.constants import DECODER, PREDICTOR
from voicepack.errors import VoicepackError
from voicepack.rows import RowCurve


@pytest.fixture
def curve() -> RowCurve:
    generator = torch.Generator().manual_seed(0)
    return RowCurve(
        torch.exp(-torch.arange(510) / 20), torch.zeros(256), torch.randn(256, generator=generator), torch.eye(256)
    )


@pytest.mark.parametrize(
    ("rows", "changing"), [("prosody", [PREDICTOR]), ("curve", [DECODER, PREDICTOR]), ("flat", [])]
)
def test_the_halves_that_change_with_length_follow_the_curve(curve: RowCurve, rows: str, changing: list[slice]) -> None:
    voice = torch.linspace(-1, 1, 256)
    pack = ExpandSettings(rows, 0, "auto").expand(curve, voice)
    assert pack.shape == (510, 1, 256)
    for half in (DECODER, PREDICTOR):
        expected = curve.expand(voice) if half in changing else voice.expand(510, 1, 256)
        assert torch.equal(pack[..., half], expected[..., half])


def test_the_pack_can_be_differentiated_by_the_voice(curve: RowCurve) -> None:
    """As calibration does, row by row."""
    voice = torch.ones(256, requires_grad=True)
    (gradient,) = torch.autograd.grad(ExpandSettings("prosody", 0, "auto").expand(curve, voice)[0].sum(), voice)
    assert torch.equal(gradient[DECODER], torch.ones(128))
    assert torch.equal(gradient[PREDICTOR], torch.full((128,), 2.0))


def test_a_negative_length_is_refused_by_the_name_of_its_setting() -> None:
    with pytest.raises(VoicepackError, match=r"expand\.calibration_seconds is -1\. Write 0 or more\."):
        ExpandSettings("curve", -1, "auto")
