"""The flags of training_styletts2.py: what they set, and what is said of those that cannot be."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from imports import ROOT
from recordings import write_dataset

sys.path.insert(0, str(ROOT))
from training_styletts2 import main, parse, settings

NEEDED = ["--data", "recordings", "--name", "me"]


def test_flags_that_are_not_given_set_nothing() -> None:
    options = parse(NEEDED)
    assert settings(options) == {}
    assert options.out == Path("output")


def test_every_flag_has_its_setting() -> None:
    flags = "--epochs-projection 100 --lr-projection 1e-4 --max-style-samples 7 --device cpu"
    tracking = "--tensorboard --wandb --wandb-project voices"
    assert settings(parse([*NEEDED, *flags.split(), *tracking.split()])) == {
        "train.steps": 100,
        "train.lr": 1e-4,
        "train.device": "cpu",
        "extract.max_style_samples": 7,
        "tracking.tensorboard": True,
        "tracking.wandb": True,
        "tracking.wandb_project": "voices",
    }


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--data", "x"], "--name"),
        ([*NEEDED, "--epochs", "3", "--colour", "red"], "--colour"),
        ([*NEEDED, "--epochs-projection", "0"], "'0' is not a whole number"),
        ([*NEEDED, "--epochs-projection", "many"], "'many' is not a whole number"),
        ([*NEEDED, "--lr-projection", "-1"], "'-1' is not a number above 0"),
        ([*NEEDED, "--lr-projection", "nan"], "'nan' is not a number above 0"),
        ([*NEEDED, "--device", "abacus"], "abacus"),
        ([*NEEDED, "--wandb-project", "voices"], "add --wandb, or leave it out"),
    ],
)
def test_a_wrong_command_line_is_one_line(flags: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parse(flags)
    assert caught.value.code == 2
    message = capsys.readouterr().err
    assert said in message
    assert message.count("\n") == 1


def test_every_flag_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["--help"])
    shown = capsys.readouterr().out
    for flag in ("data", "name", "out", "epochs-projection", "lr-projection", "max-style-samples", "device"):
        assert f"--{flag} " in shown
    for flag in ("--tensorboard", "--wandb", "--wandb-project"):
        assert flag in shown


def test_elsewhere_than_in_the_project_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_dataset(tmp_path / "recordings")
    monkeypatch.chdir(tmp_path)
    for text, said in ((None, "no such file"), ("voices: [", "not valid YAML")):
        if text:
            Path("params.yaml").write_text(text)
        with pytest.raises(SystemExit) as caught:
            main(NEEDED)
        assert str(caught.value.code).startswith(f"training_styletts2: params.yaml: {said}")


def test_a_folder_without_a_dataset_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--data", str(tmp_path), "--name", "me"])
    assert str(caught.value.code).startswith(f"training_styletts2: {tmp_path}/train/metadata.jsonl: no such file.")
