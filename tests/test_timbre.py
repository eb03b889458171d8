"""The perceptual loss hears who speaks; and the file that its weights are read from."""

import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from recordings import STOCK, STOCK_SAYS, babble

from voicepack.ctranslate2_file import read_ctranslate2
from voicepack.damage import tilt
from voicepack.errors import VoicepackError
from voicepack.kokoro import Kokoro
from voicepack.timbre import TimbreLoss


@pytest.fixture(scope="module")
def loss() -> TimbreLoss:
    return TimbreLoss()


def test_a_clip_costs_nothing_against_itself_and_more_the_more_it_is_coloured(loss: TimbreLoss) -> None:
    audio = babble(2.0)
    costs = [float(loss(tilt(audio, slope), audio)) for slope in (0.0, 1.0, 4.0)]
    assert costs[0] == pytest.approx(0, abs=1e-3)
    assert 0.05 < costs[1] < 0.5 * costs[2]


def test_level_and_silence_around_the_speech_cost_little(loss: TimbreLoss) -> None:
    audio = babble(2.0)
    coloured = float(loss(tilt(audio, 3.0), audio))
    assert float(loss(0.5 * audio, audio)) < 0.3 * coloured
    assert float(loss(torch.nn.functional.pad(audio, (12_000, 12_000)), audio)) < 0.3 * coloured


def test_overall_level_is_not_asked_for(loss: TimbreLoss) -> None:
    gain = torch.ones((), requires_grad=True)
    loss(gain * babble(1.0, seed=2), tilt(babble(1.0), 3.0)).backward()
    assert gain.grad is not None
    assert float(gain.grad) == pytest.approx(0, abs=0.01)


def test_silence_has_a_finite_gradient(loss: TimbreLoss) -> None:
    render = torch.zeros(24_000, requires_grad=True)
    loss(render, babble(1.0)).backward()
    assert render.grad is not None
    assert render.grad.isfinite().all()


def test_a_click_in_silence_has_a_finite_gradient(loss: TimbreLoss) -> None:
    """It alone is within the range of speech, and one frame has no spread."""
    render = torch.zeros(24_000)
    render[12_000:12_020] = 0.5
    render.requires_grad_()
    cost = loss(render, babble(1.0))
    cost.backward()
    assert cost.isfinite()
    assert render.grad is not None
    assert render.grad.isfinite().all()


def test_gradients_are_finite_and_reach_the_speech(loss: TimbreLoss) -> None:
    render = (0.1 * babble(1.0, seed=2)).requires_grad_()
    loss(render, babble(1.0)).backward()
    assert render.grad is not None
    assert render.grad.isfinite().all()
    assert render.grad.abs().max() > 0


def test_its_mel_is_that_of_whisper(loss: TimbreLoss) -> None:
    from faster_whisper.feature_extractor import FeatureExtractor
    from torchaudio.functional import resample

    audio = babble(2.0)
    expected = torch.from_numpy(FeatureExtractor()(resample(audio, 24_000, 16_000).numpy(), padding=0))
    found = loss._mel(audio)[:, : expected.shape[1]]
    torch.testing.assert_close(found[:, 2:-2], expected[:, 2 : found.shape[1] - 2], rtol=0, atol=1e-3)


@pytest.mark.slow
def test_a_voice_is_nearest_to_itself_in_other_words(
    loss: TimbreLoss, kokoro: Kokoro, stock_packs: dict[str, torch.Tensor]
) -> None:
    first, second = ([kokoro.render(text, stock_packs[name]) for name in STOCK] for text in STOCK_SAYS)
    distances = torch.tensor([[float(loss(a, b)) for b in second] for a in first])
    assert distances.argmin(1).tolist() == list(range(len(STOCK)))


def write_model(path: Path) -> None:
    """Write a file as CTranslate2's converters do, with one tensor of each of two types."""

    def string(text: str) -> bytes:
        return struct.pack("<H", len(text) + 1) + text.encode() + b"\0"

    tensors = {"a/weight": (4, np.arange(6, dtype=np.float16).reshape(2, 3)), "scale": (0, np.array(2.5, np.float32))}
    parts = [struct.pack("<I", 6), string("WhisperSpec"), struct.pack("<II", 3, len(tensors))]
    for name, (kind, values) in tensors.items():
        parts += [string(name), struct.pack(f"<B{values.ndim}I", values.ndim, *values.shape)]
        parts += [struct.pack("<BI", kind, values.nbytes), values.tobytes()]
    path.write_bytes(b"".join(parts) + struct.pack("<I", 0))


def test_tensors_are_read_as_they_were_written(tmp_path: Path) -> None:
    write_model(tmp_path / "model.bin")
    found = read_ctranslate2(tmp_path / "model.bin", ["a/weight", "scale"])
    assert found["a/weight"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert float(found["scale"]) == 2.5


def test_a_tensor_that_is_missing_is_named(tmp_path: Path) -> None:
    write_model(tmp_path / "model.bin")
    with pytest.raises(VoicepackError, match="no tensor 'b/weight'"):
        read_ctranslate2(tmp_path / "model.bin", ["b/weight"])
