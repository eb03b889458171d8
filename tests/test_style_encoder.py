"""StyleTTS2's style encoders, from a checkpoint to a style vector."""

from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import torch
import torchaudio
from recordings import babble
from styletts2.models import StyleEncoder
from torch import Tensor

from voicepack.errors import VoicepackError
from voicepack.files import read_tensors, write_tensors
from voicepack.mel import style_mel
from voicepack.style_encoder import (
    ENCODERS,
    STYLE_SIZE,
    StyleEncoders,
    build_style_encoder,
    load_style_encoder,
    read_checkpoint,
    write_style_encoder,
)

CLIPS = [babble(1.0), babble(1.7, seed=1)]


class Originals:
    """StyleTTS2's own encoders, spectral norm and all, small and settled as trained ones are."""

    def __init__(self) -> None:
        self.encoders = {name: StyleEncoder(4, STYLE_SIZE, 8).train() for name in ENCODERS}
        with torch.no_grad():
            for _ in range(15):
                for encoder in self.encoders.values():
                    encoder(style_mel(CLIPS[0])[None, None])
        for encoder in self.encoders.values():
            encoder.eval()

    @torch.no_grad()
    def encode(self, clips: list[Tensor]) -> Tensor:
        return torch.stack(
            [
                torch.cat([encoder(style_mel(clip)[None, None])[0] for encoder in self.encoders.values()])
                for clip in clips
            ]
        )


@pytest.fixture(scope="module")
def originals() -> Originals:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Originals()


@pytest.fixture(scope="module")
def encoders(originals: Originals) -> StyleEncoders:
    """The same encoders as the project holds them."""
    tensors = {
        f"{name}.{key}": value for name in ENCODERS for key, value in originals.encoders[name].state_dict().items()
    }
    return build_style_encoder(tensors, "")


def checkpoint(encoders: Originals | StyleEncoders, prefix: str = "", **more: Any) -> dict[str, Any]:
    """Lay the encoders out as StyleTTS2 saves itself."""
    net = {name: {f"{prefix}{key}": value for key, value in encoders.encoders[name].state_dict().items()}
           for name in ENCODERS}  # fmt: skip
    decoder = {f"{prefix}encode.weight": torch.ones(3)}
    optimizer = {"state": {0: {"step": torch.tensor(3.0)}}, "param_groups": [{"lr": 1e-4, "params": [0]}]}
    return {"net": {"decoder": decoder, **net}, "optimizer": optimizer, "iters": 7, "val_loss": 0.3, "epoch": 5, **more}


@pytest.mark.parametrize("prefix", ["", "module."])
def test_a_checkpoint_reads_as_it_did_where_it_was_made(originals: Originals, tmp_path: Path, prefix: str) -> None:
    torch.save(checkpoint(originals, prefix), tmp_path / "epoch.pth")
    tensors = read_checkpoint(tmp_path / "epoch.pth")
    assert {name.split(".")[0] for name in tensors} == set(ENCODERS)
    expected = originals.encode(CLIPS)
    encoders = build_style_encoder(tensors, "")
    torch.testing.assert_close(encoders.encode(CLIPS), expected, rtol=0, atol=1e-6)
    assert not any("weight_orig" in name for name in encoders.state_dict())  # no norm that training would settle anew

    file = tmp_path / "encoder.safetensors"
    write_style_encoder(file, encoders, {"source": "a test"})
    loaded = load_style_encoder(file)
    assert not loaded.training
    assert not any(parameter.requires_grad for parameter in loaded.parameters())
    styles = loaded.encode(CLIPS)
    assert styles.dtype == torch.float32
    assert float((styles - expected).norm() / expected.norm()) < 0.01
    stored, about = read_tensors(file)
    assert about == {"source": "a test"}
    assert sum(value.nbytes for value in stored.values()) < 0.55 * sum(value.nbytes for value in tensors.values())


def test_a_checkpoint_of_ones_own_is_one_of_styletts2(encoders: StyleEncoders, tmp_path: Path) -> None:
    torch.save({"net": encoders.checkpoint_state()}, tmp_path / "own.pth")
    read = build_style_encoder(read_checkpoint(tmp_path / "own.pth"), "")
    torch.testing.assert_close(read.encode(CLIPS), encoders.encode(CLIPS), rtol=0, atol=1e-6)


def test_the_acoustic_half_comes_first(encoders: StyleEncoders) -> None:
    style = encoders.encode(CLIPS[:1])[0]
    mel = style_mel(CLIPS[0])[None, None]
    with torch.no_grad():
        acoustic, prosodic = (encoders.encoders[name](mel)[0] for name in ("style_encoder", "predictor_encoder"))
    assert not torch.allclose(acoustic, prosodic)
    torch.testing.assert_close(style, torch.cat([acoustic, prosodic]), rtol=0, atol=1e-6)


def test_the_mel_is_that_of_styletts2() -> None:
    to_mel = torchaudio.transforms.MelSpectrogram(n_mels=80, n_fft=2048, win_length=1200, hop_length=300)
    mean, std = -4, 4
    for clip in (CLIPS[1], torch.zeros(24_000)):
        expected = (torch.log(1e-5 + to_mel(clip)) - mean) / std
        assert expected.shape == (80, len(clip) // 300 + 1)
        torch.testing.assert_close(style_mel(clip), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("mode", [True, False])
def test_reading_leaves_the_encoders_as_they_were(encoders: StyleEncoders, mode: bool) -> None:
    before = {name: value.clone() for name, value in encoders.state_dict().items()}
    expected = encoders.encode(CLIPS)
    encoders.train(mode)
    try:
        styles = encoders.encode(CLIPS)
        assert encoders.training is mode
        assert all(module.training is mode for module in encoders.modules())
    finally:
        encoders.eval()
    torch.testing.assert_close(styles, expected, rtol=0, atol=0)
    torch.testing.assert_close(dict(encoders.state_dict()), before, rtol=0, atol=0)


def test_a_clip_is_read_alike_alone_and_among_others(encoders: StyleEncoders) -> None:
    together = encoders.encode(CLIPS)
    assert together.shape == (2, 256)
    for index, clip in enumerate(CLIPS):
        torch.testing.assert_close(encoders.encode([clip])[0], together[index], rtol=0, atol=1e-6)


def test_less_than_a_second_is_not_read(encoders: StyleEncoders) -> None:
    with pytest.raises(VoicepackError, match="too short") as caught:
        encoders.encode([CLIPS[0], CLIPS[1][:23_999]])
    assert "\n" not in str(caught.value)
    assert encoders.encode([CLIPS[1][:24_000]]).isfinite().all()


def test_untrained_encoders_start_at_a_style() -> None:
    small = StyleEncoders(4, 8).train()
    style = torch.linspace(-1, 1, 256)
    small.start_at(style)
    for name, part in zip(ENCODERS, style.split(128), strict=True):
        assert torch.equal(small.encoders[name].unshared.bias, part)


def check_refused(path: Path, match: str, *, allow_pickle: bool = False) -> None:
    with pytest.raises(VoicepackError, match=match) as caught:
        read_checkpoint(path, allow_pickle=allow_pickle)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", [getattr, PurePosixPath("a")], ids=["function", "object"])
def test_more_than_tensors_is_refused_unless_allowed(encoders: StyleEncoders, tmp_path: Path, value: object) -> None:
    torch.save(checkpoint(encoders, more=value), tmp_path / "epoch.pth")
    check_refused(tmp_path / "epoch.pth", r"epoch\.pth: holds more than tensors.*encoder\.allow_pickle to true")
    tensors = read_checkpoint(tmp_path / "epoch.pth", allow_pickle=True)
    read = build_style_encoder(tensors, "")
    torch.testing.assert_close(read.encode(CLIPS), encoders.encode(CLIPS), rtol=0, atol=1e-6)


def test_a_missing_checkpoint_is_one_line(tmp_path: Path) -> None:
    check_refused(tmp_path / "a.pth", r"a\.pth: no such file.*encoder\.source")


@pytest.mark.parametrize("allow_pickle", [False, True])
@pytest.mark.parametrize("content", [b"", b"hello there", b"RIFF\x00\x00", b"PK\x03\x04abc"])
def test_a_file_that_is_no_checkpoint_is_one_line(tmp_path: Path, content: bytes, allow_pickle: bool) -> None:
    (tmp_path / "a.pth").write_bytes(content)
    check_refused(tmp_path / "a.pth", r"a\.pth: not a PyTorch checkpoint", allow_pickle=allow_pickle)


@pytest.mark.parametrize(
    "value",
    [torch.zeros(3), {"model": {}}, {"net": torch.zeros(3)}, {"net": {"style_encoder": {}, "decoder": {}}}],
    ids=["tensor", "another model", "no modules", "one encoder"],
)
def test_a_checkpoint_without_style_encoders_is_one_line(tmp_path: Path, value: object) -> None:
    torch.save(value, tmp_path / "a.pth")
    check_refused(tmp_path / "a.pth", r"a\.pth: not a StyleTTS2 checkpoint")


def test_tensors_that_do_not_fit_are_one_line(encoders: StyleEncoders, tmp_path: Path) -> None:
    torch.save(checkpoint(encoders), tmp_path / "epoch.pth")
    tensors: dict[str, Tensor] = read_checkpoint(tmp_path / "epoch.pth")
    missing = {name: value for name, value in tensors.items() if name != "predictor_encoder.unshared.bias"}
    wrong = {**tensors, "style_encoder.unshared.weight": torch.zeros(100, 8)}
    more = {**tensors, "style_encoder.more": torch.zeros(1)}
    for broken in ({}, missing, wrong, more):
        write_tensors(tmp_path / "a.safetensors", broken)
        with pytest.raises(VoicepackError, match=r"a\.safetensors: not a pair of StyleTTS2 style encoders") as caught:
            load_style_encoder(tmp_path / "a.safetensors")
        assert "\n" not in str(caught.value)
    with pytest.raises(VoicepackError, match="no such file"):
        load_style_encoder(tmp_path / "b.safetensors")
