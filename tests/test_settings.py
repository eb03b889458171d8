from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

from stages.settings import flatten, load_settings
from voicepack.errors import VoicepackError


@dataclass(frozen=True)
class Optimiser:
    lr: float
    steps: int = 10


@dataclass(frozen=True)
class Train:
    optimiser: Optimiser
    network: Literal["mlp", "linear"] = "mlp"
    shuffle: bool = True
    name: str = "voice"
    seeds: Literal[1, 2] = 1
    rates: list[float] = field(default_factory=list)
    sha256: dict[str, str] = field(default_factory=dict)


def load(tmp_path: Path, text: str, section: str = "train", settings_type: type = Train):
    file = tmp_path / "params.yaml"
    file.write_text(text)
    return load_settings(section, settings_type, file)


def test_numbers_are_cast_however_they_are_written(tmp_path):
    """`dvc exp run -S` writes 1e-05."""
    assert load(tmp_path, "train: {optimiser: {lr: 1e-4, steps: 20.0}}").optimiser == Optimiser(1e-4, 20)
    settings = load(tmp_path, "train: {optimiser: {lr: 1, steps: '1e3'}, rates: [1e-05, 2]}")
    assert settings.optimiser == Optimiser(1.0, 1000)
    assert isinstance(settings.optimiser.lr, float)
    assert isinstance(settings.optimiser.steps, int)
    assert settings.rates == [1e-5, 2.0]


def test_all_kinds_of_values(tmp_path):
    text = """
train:
  optimiser: {lr: 0.1}
  network: linear
  shuffle: false
  name: 12
  seeds: 2.0
  sha256: {a.bin: 00ff, b.bin: 12}
"""
    settings = load(tmp_path, text)
    assert settings == Train(Optimiser(0.1), "linear", False, "12", 2, [], {"a.bin": "00ff", "b.bin": "12"})
    assert isinstance(settings.seeds, int)


def test_words_and_numbers_are_what_dvc_takes_them_for(tmp_path):
    """To YAML 1.1 `no` is false, and `0121` is 81."""
    assert load(tmp_path, "voices: {no: {speaker: yes}}", "voices", dict[str, dict[str, str]]) == {
        "no": {"speaker": "yes"}
    }
    assert load(tmp_path, "train: {optimiser: {lr: 1}, name: 0121}").name == "121"


def test_a_dotted_section_is_nested(tmp_path):
    assert load(tmp_path, "a: {b: {lr: 1}}", "a.b", Optimiser) == Optimiser(1.0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("other: 1", "section 'train' is missing"),
        ("", "section 'train' is missing"),
        ("train: [", "not valid YAML"),
        ("train: 3", "Write a section"),
        ("train: {optimiser: {lr: 1, stepps: 2}}", "train.optimiser.stepps is not a known setting. Known: lr, steps"),
        ("train: {optimiser: {steps: 2}}", "train.optimiser.lr is missing"),
        ("train: {optimiser: {lr: fast}}", "train.optimiser.lr is 'fast'. Write a value of type float"),
        ("train: {optimiser: {lr: true}}", "train.optimiser.lr is 'True'. Write a value of type float"),
        ("train: {optimiser: {lr: .nan}}", "Write a value of type float"),
        ("train: {optimiser: {lr: }}", "Write a value of type float"),
        ("train: {optimiser: {lr: 1, steps: 1.5}}", "train.optimiser.steps is '1.5'. Write a value of type int"),
        ("train: {optimiser: {lr: 1, steps: false}}", "Write a value of type int"),
        ("train: {optimiser: {lr: 1}, shuffle: 1}", "train.shuffle is '1'. Write a value of type bool"),
        ("train: {optimiser: {lr: 1}, name: true}", "Write a value of type str"),
        ("train: {optimiser: {lr: 1}, name: [a]}", "Write a value of type str"),
        ("train: {optimiser: {lr: 1}, network: tree}", "train.network is 'tree'. Use one of: mlp, linear"),
        ("train: {optimiser: {lr: 1}, rates: 3}", "train.rates is '3'. Write a list"),
        ("train: {optimiser: {lr: 1}, rates: [1, x]}", r"train.rates[1] is 'x'"),
        ("train: {optimiser: {lr: 1}, sha256: [a]}", "Write a mapping"),
    ],
)
def test_errors_are_one_line_and_say_where(tmp_path, text, message):
    with pytest.raises(VoicepackError) as caught:
        load(tmp_path, text)
    assert message in str(caught.value)
    assert "params.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_one_line(tmp_path):
    with pytest.raises(VoicepackError, match="no such file"):
        load_settings("train", Train, tmp_path / "params.yaml")


def test_flatten_gives_dotted_names():
    flat = flatten(Train(Optimiser(0.1), sha256={"a.bin": "0"}), "train")
    assert flat["train.optimiser.lr"] == 0.1
    assert flat["train.sha256.a.bin"] == "0"
    assert flat["train.seeds"] == 1
