import hashlib
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from conftest import MODELS
from torch import Tensor, nn

from voicepack.errors import VoicepackError
from voicepack.files import read_tensors, write_tensors
from voicepack.kokoro import Kokoro, load_model
from voicepack.mel import log_mel
from voicepack.onnx_weights import _lstm
from voicepack.quantised import MODEL_FILE, dequantise
from voicepack.weights import CONFIG_FILE, HUB_MODEL, _fold_weight_norm, fetch_folder, packaged_onnx


@pytest.mark.filterwarnings("ignore")  # the old weight norm, which Kokoro has, is deprecated
@pytest.mark.parametrize("layer", [nn.Conv1d(3, 5, 7), nn.ConvTranspose1d(4, 2, 3), nn.Linear(6, 4)])
def test_folding_equals_torch(layer):
    normed = nn.utils.weight_norm(layer)
    with torch.no_grad():
        normed.weight_g.mul_(torch.rand_like(normed.weight_g) + 0.5)
    folded = _fold_weight_norm({f"x.{name}": value for name, value in normed.state_dict().items()})
    expected = nn.utils.remove_weight_norm(normed).state_dict()
    torch.testing.assert_close(folded, {f"x.{name}": value for name, value in expected.items()})


def test_folding_a_zero_channel_gives_zeros():
    direction = torch.randn(3, 2, 4)
    direction[1] = 0
    folded = _fold_weight_norm({"a.weight_v": direction, "a.weight_g": torch.ones(3, 1, 1)})["a.weight"]
    assert folded.isfinite().all()
    assert not folded[1].any()
    torch.testing.assert_close(folded.flatten(1).norm(dim=1), torch.tensor([1.0, 0.0, 1.0]))


def onnx_gates(value: Tensor) -> np.ndarray:
    """Torch stacks the gates input, forget, cell, output; ONNX input, output, forget, cell."""
    into, forget, cell, out = value.detach().numpy().reshape(4, -1, *value.shape[1:])
    return np.concatenate([into, out, forget, cell])


def test_an_lstm_comes_back_from_onnx_as_it_was():
    torch.manual_seed(0)
    lstm = nn.LSTM(3, 2, bidirectional=True, batch_first=True)
    scales = {"ih": np.float32([0.05, 0.1]), "hh": np.float32([0.2, 0.025])}  # one per direction
    zero_points = {"ih": np.int8([0, 3]), "hh": np.int8([-2, 0])}
    initialisers, biases = {}, []
    for kind in ("ih", "hh"):
        stored = []
        for direction, suffix in enumerate(("", "_reverse")):
            quantised = np.random.default_rng(direction).integers(-100, 100, getattr(lstm, f"weight_{kind}_l0").shape)
            weight = (quantised - int(zero_points[kind][direction])) * scales[kind][direction]
            getattr(lstm, f"weight_{kind}_l0{suffix}").data = torch.from_numpy(weight.astype(np.float32))
            stored.append(onnx_gates(torch.from_numpy(quantised.astype(np.int8))).T)
        initialisers[kind] = np.stack(stored)
        initialisers |= {f"{kind}_scale": scales[kind], f"{kind}_zero": zero_points[kind]}
    for suffix in ("", "_reverse"):
        pair = [onnx_gates(getattr(lstm, f"bias_{kind}_l0{suffix}")) for kind in ("ih", "hh")]
        biases.append(np.concatenate(pair))
    initialisers["bias"] = np.stack(biases)
    inputs = ["x", "ih", "hh", "bias", "", "", "", "", "ih_scale", "ih_zero", "hh_scale", "hh_zero"]
    node = SimpleNamespace(name="/encoder/lstm/LSTM_quant", input=inputs)

    stored = {name: torch.from_numpy(np.array(value)) for name, value in _lstm(node, initialisers).items()}
    found = {name.removeprefix("lstm."): value for name, value in dequantise(stored).items()}
    torch.testing.assert_close(found, dict(lstm.state_dict()))
    copy = nn.LSTM(3, 2, bidirectional=True, batch_first=True)
    copy.load_state_dict(found)
    audio = torch.randn(1, 6, 3)
    torch.testing.assert_close(copy(audio)[0], lstm(audio)[0])


@pytest.fixture
def hub_folder(tmp_path: Path) -> Path:
    """A folder laid out as the hub's repository, with one small layer and one voice."""
    torch.save({"decoder": {"module.x.bias": torch.ones(2)}}, tmp_path / HUB_MODEL)
    (tmp_path / CONFIG_FILE).write_text(json.dumps({"n_mels": 80}))
    (tmp_path / "voices").mkdir()
    torch.save(torch.zeros(510, 1, 256), tmp_path / "voices" / "af_test.pt")
    return tmp_path


def checksums(folder: Path) -> dict[str, str]:
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in (HUB_MODEL, CONFIG_FILE)}


def test_a_folder_is_read_with_the_names_of_the_model(hub_folder):
    files = fetch_folder(hub_folder, checksums(hub_folder))
    assert list(files.tensors) == ["decoder.x.bias"]
    assert files.config == {"n_mels": 80}
    assert files.voices["af_test"].shape == (510, 1, 256)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder, sums: (folder / HUB_MODEL).unlink(), f"{HUB_MODEL}: no such file"),
        (lambda folder, sums: (folder / CONFIG_FILE).unlink(), f"{CONFIG_FILE}: no such file"),
        (lambda folder, sums: (folder / CONFIG_FILE).write_text("{}"), "SHA-256 is"),
        (lambda folder, sums: sums.pop(CONFIG_FILE), f"no entry for '{CONFIG_FILE}'"),
        (lambda folder, sums: (folder / "voices" / "af_test.pt").unlink(), "no stock voices"),
        (lambda folder, sums: (folder / "voices" / "af_test.pt").write_bytes(b"half"), "not a voice pack"),
    ],
)
def test_what_is_wrong_with_a_folder_is_one_line(hub_folder, damage, message):
    sums = checksums(hub_folder)
    damage(hub_folder, sums)
    with pytest.raises(VoicepackError, match=message) as caught:
        fetch_folder(hub_folder, sums)
    assert "\n" not in str(caught.value)


def test_a_model_folder_without_a_model_is_one_line(tmp_path):
    with pytest.raises(VoicepackError, match="no such file") as caught:
        load_model(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_the_model_is_whole(kokoro: Kokoro):
    """81.8 million parameters, but for 0.6 of ALBERT's pooler, which is unused, and norms' that are 1 and 0."""
    parameters = list(kokoro.model.parameters())
    assert sum(value.numel() for value in parameters) / 1e6 == pytest.approx(81.14, abs=0.01)
    assert all(value.isfinite().all() for value in parameters)


@pytest.mark.slow
def test_of_what_the_hub_has_besides_only_the_pooler_is_left_out(kokoro: Kokoro, tmp_path):
    """Its checkpoint has two tensors more than ours, `bert.pooler.weight` and `bert.pooler.bias`."""
    stored, _ = read_tensors(MODELS / "kokoro" / MODEL_FILE)
    (tmp_path / CONFIG_FILE).write_text((MODELS / "kokoro" / CONFIG_FILE).read_text())
    pooler = {"bert.pooler.weight": torch.zeros(768, 768), "bert.pooler.bias": torch.zeros(768)}
    write_tensors(tmp_path / MODEL_FILE, stored | pooler)
    assert sum(value.numel() for value in load_model(tmp_path).parameters()) / 1e6 == pytest.approx(81.14, abs=0.01)
    write_tensors(tmp_path / MODEL_FILE, stored | {"bert.extra": torch.zeros(1)})
    with pytest.raises(VoicepackError, match="0 tensors missing, 1 left over"):
        load_model(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("voice", ["af_heart", "bm_george"])
def test_torch_sounds_like_the_packaged_onnx(kokoro: Kokoro, stock_packs, voice):
    """The int8 graph rounds a few durations differently; in this sentence, with these voices, it rounds none."""
    import onnxruntime

    phonemes = "ðə kˈæt sˈæt bI ðə dˈɔɹ."
    audio = kokoro.render(phonemes, stock_packs[voice], seed=0)
    session = onnxruntime.InferenceSession(packaged_onnx(), providers=["CPUExecutionProvider"])
    tokens = [[0, *(kokoro.model.vocab[phoneme] for phoneme in phonemes), 0]]
    style = stock_packs[voice][len(phonemes) - 1].numpy()
    inputs = {"tokens": np.array(tokens), "style": style, "speed": np.ones(1, np.float32)}
    exported = torch.from_numpy(session.run(None, inputs)[0]).reshape(-1)
    assert len(audio) == len(exported)
    mels = torch.stack([log_mel(wave, 1024, 80).flatten() for wave in (audio, exported)])
    assert float(torch.corrcoef(mels)[0, 1]) >= 0.95
