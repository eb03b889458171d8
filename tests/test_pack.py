"""The voice pack as other programs meet it."""

import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from conftest import MODELS
from safetensors import safe_open
from torch import Tensor

from voicepack.errors import VoicepackError
from voicepack.files import read_tensors
from voicepack.kokoro import load_model
from voicepack.pack import VoicePack, load_pack, onnx_rows

ABOUT = {"speaker": "nobody", "licence": "CC0-1.0"}
SUFFIXES = (".pt", ".safetensors", ".npz")


def noise(*shape: int) -> Tensor:
    return torch.randn(shape or (510, 1, 256), generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("shape", [(510, 256), (511, 1, 256), (510, 1, 128), (1, 256)])
def test_another_shape_is_no_pack(shape: tuple[int, ...]) -> None:
    with pytest.raises(VoicepackError, match="float32") as caught:
        VoicePack(noise(*shape), ABOUT)
    assert str(list(shape)) in str(caught.value)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float64])
def test_another_type_is_no_pack(dtype: torch.dtype) -> None:
    with pytest.raises(VoicepackError, match=str(dtype)):
        VoicePack(noise().to(dtype), ABOUT)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_one_value_that_is_not_finite_is_enough(value: float) -> None:
    tensor = noise()
    tensor[509, 0, 255] = value
    with pytest.raises(VoicepackError, match="finite"):
        VoicePack(tensor, ABOUT)


@pytest.mark.parametrize("name", ["file", "allow_pickle"])
def test_a_voice_may_be_called_as_arguments_of_numpy_are(tmp_path: Path, name: str) -> None:
    VoicePack(noise(), ABOUT).save(tmp_path / f"{name}.pt")
    with np.load(tmp_path / f"{name}.npz", allow_pickle=False) as arrays:
        assert np.array_equal(arrays[name], onnx_rows(noise()).numpy())


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """A pack that is a slice of a larger tensor and needs a gradient, saved as `mine`."""
    tensor = noise(4, 510, 1, 256).requires_grad_()[2]
    path = tmp_path_factory.mktemp("voices") / "mine.pt"
    VoicePack(tensor, ABOUT).save(path)
    return SimpleNamespace(path=path, tensor=tensor.detach())


def test_pt_is_a_plain_tensor(saved: SimpleNamespace) -> None:
    loaded = torch.load(saved.path, weights_only=True)
    assert type(loaded) is Tensor
    assert not loaded.requires_grad
    assert torch.equal(loaded, saved.tensor)
    assert torch.equal(load_pack(saved.path), saved.tensor)


def test_safetensors_says_where_the_pack_comes_from(saved: SimpleNamespace) -> None:
    tensors, about = read_tensors(saved.path.with_suffix(".safetensors"))
    assert list(tensors) == ["voice"]
    assert torch.equal(tensors["voice"], saved.tensor)
    assert about == ABOUT
    with safe_open(saved.path.with_suffix(".safetensors"), "np") as file:  # as others read it
        assert "CC0-1.0" in str(file.metadata())


def test_npz_has_one_array_named_after_the_voice_one_row_later(saved: SimpleNamespace) -> None:
    with np.load(saved.path.with_suffix(".npz"), allow_pickle=False) as arrays:
        assert arrays.files == ["mine"]
        array = arrays["mine"]
    assert array.dtype == np.float32
    assert array.shape == (510, 1, 256)
    # For n phonemes kokoro-onnx takes row n, KPipeline row n - 1.
    assert np.array_equal(array[1:], saved.tensor[:-1].numpy())
    assert np.array_equal(array, onnx_rows(saved.tensor).numpy())
    assert np.isfinite(array).all()


def test_npz_is_the_same_bytes_with_every_release_of_python(saved: SimpleNamespace) -> None:
    """numpy.savez writes sizes for files of 4 GB and more, how depends on the release; and nothing holds the time."""
    with zipfile.ZipFile(saved.path.with_suffix(".npz")) as archive:
        (member,) = archive.infolist()
    assert (member.extract_version, member.date_time, member.extra) == (20, (1980, 1, 1, 0, 0, 0), b"")


def test_files_hold_the_pack_and_not_what_it_was_cut_from(saved: SimpleNamespace) -> None:
    values = 510 * 256 * 4
    for suffix in SUFFIXES:
        assert values < saved.path.with_suffix(suffix).stat().st_size < values + 4096


def test_saving_twice_gives_the_same_bytes(saved: SimpleNamespace, tmp_path: Path) -> None:
    again = tmp_path / "elsewhere" / "mine.pt"
    VoicePack(saved.tensor.clone(), dict(reversed(ABOUT.items()))).save(again)
    for suffix in SUFFIXES:
        assert again.with_suffix(suffix).read_bytes() == saved.path.with_suffix(suffix).read_bytes()
    assert sorted(path.name for path in again.parent.iterdir()) == sorted(f"mine{suffix}" for suffix in SUFFIXES)


def check_refused(path: Path, match: str) -> None:
    with pytest.raises(VoicepackError, match=match) as caught:
        load_pack(path)
    assert "\n" not in str(caught.value)


def test_a_missing_pack_is_one_line(tmp_path: Path) -> None:
    check_refused(tmp_path / "a.pt", r"a\.pt: no such file")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04abc", b"hello there", b"RIFF\x00\x00"])
def test_a_file_that_torch_did_not_save_is_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.pt").write_bytes(content)
    check_refused(tmp_path / "a.pt", r"a\.pt: not a voice pack")


@pytest.mark.parametrize(
    ("value", "match"),
    [
        ({"voice": torch.zeros(510, 1, 256)}, r"a\.pt: not a voice pack but a dict"),
        (getattr, r"a\.pt: not a voice pack"),
        (torch.zeros(510, 256), r"a voice pack is float32 \[510, 1, 256\]"),
        (torch.full((510, 1, 256), torch.nan), "must be finite"),
    ],
)
def test_what_is_no_pack_is_one_line(tmp_path: Path, value: object, match: str) -> None:
    torch.save(value, tmp_path / "a.pt")
    check_refused(tmp_path / "a.pt", match)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_kpipeline_speaks_with_the_saved_pack(stock_packs: dict[str, Tensor], tmp_path: Path) -> None:
    """As a user does it, with nothing of this project but the file and the weights."""
    from kokoro import KPipeline

    VoicePack(stock_packs["af_heart"], {}).save(tmp_path / "mine.pt")
    pipeline = KPipeline(lang_code="a", repo_id="hexgrad/Kokoro-82M", model=load_model(MODELS / "kokoro"))
    assert not pipeline.model.training, "README does not call .eval()"
    voice = torch.load(tmp_path / "mine.pt", weights_only=True)
    results = list(pipeline("The cat sat by the door.", voice=voice))
    assert len(results) == 1
    audio = results[0].audio
    assert 1.0 < len(audio) / 24_000 < 5.0
    assert audio.isfinite().all()
    assert float(audio.square().mean().sqrt()) > 0.01
