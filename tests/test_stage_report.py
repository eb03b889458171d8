"""The page as a stage: which voices are ready for it, and what it says of their judge."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml
from page_voice import SPEED, stock_packs, write_voice

from stages import places, report
from voicepack.files import read_tensors, write_tensors

VOICES = ("first", "second")
REQUIRED = {
    "losses": places.training, "samples": places.voice_samples, "lengths": places.lengths, "f0": places.f0,
    "reference": places.reference, "clips": places.clips, "pack": places.pack,
    "its copy": lambda voice: places.pack(voice).with_suffix(".safetensors"),
}  # fmt: skip


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with two voices, after all stages but `report`."""
    folder = tmp_path_factory.mktemp("evaluated")
    for voice in VOICES:
        written = write_voice(folder / "written" / voice)
        for kind, place in vars(report.files(voice)).items():
            (folder / place).parent.mkdir(parents=True, exist_ok=True)
            shutil.move(getattr(written, kind), folder / place)
        pack = read_tensors(folder / report.files(voice).pack)[0]["voice"]
        torch.save(pack, folder / places.pack(voice))
    write_tensors(folder / places.STOCK_VOICES, stock_packs())
    write_tensors(folder / places.STOCK_SPEAKERS, {"af_one": torch.tensor([0.0, 1.0])}, {"judge": "resemblyzer"})
    (folder / places.BENCH).write_text(json.dumps(SPEED))
    return folder


@pytest.fixture
def project(evaluated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same to be changed by a test, which runs in it."""
    folder = Path(shutil.copytree(evaluated, tmp_path / "project"))
    monkeypatch.chdir(folder)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{evaluated}/mlflow.db")  # making its tables takes seconds
    monkeypatch.setattr(sys, "argv", ["report"])
    settle("resemblyzer", 15.0)
    return folder


def settle(judge: str, speaker_loss: float) -> None:
    """Write the settings, and by whom the voices of the project were judged."""
    params = {
        "report": {"fixed_sentences": 2},
        "train": {"losses": {"mel": 0.5, "speaker": speaker_loss}},
        "voices": {voice: {"data": "recordings"} for voice in VOICES},
        "tracking": {"tensorboard": False, "wandb": False, "wandb_project": "voices"},
    }
    Path("params.yaml").write_text(yaml.safe_dump(params))
    for voice in VOICES:
        speaker, about = read_tensors(places.speaker(voice))
        write_tensors(places.speaker(voice), speaker, {**about, "judge": judge})


def made() -> tuple[str, dict[str, float]]:
    """Run the stage; return the page and the summary."""
    report.main()
    return places.REPORT.read_text(), json.loads(places.SUMMARY.read_text())


def remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def test_what_is_left_of_another_voice_is_named(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """DVC records whole folders: with a leftover in one, no other clone would be up to date."""
    made()
    assert capsys.readouterr().err == ""
    places.clips("gone").mkdir()
    places.training("gone").write_text("step\n")
    made()
    said = capsys.readouterr().err.splitlines()
    assert [line.split()[1] for line in said] == ["data/clips/gone", "metrics/training/gone.tsv"]
    assert all("is of no voice in params.yaml" in line for line in said)


def test_every_voice_is_shown_with_how_it_was_made(project: Path) -> None:
    page, summary = made()
    assert summary["voices"] == 2
    assert "Not evaluated yet" not in page
    for voice in VOICES:
        assert f'<section id="voice-{voice}"' in page
        assert f">dvc repro evaluate@{voice}<" in page


@pytest.mark.parametrize("gone", REQUIRED.values(), ids=REQUIRED)
def test_a_voice_that_was_broken_off_is_named_and_the_others_are_shown(
    project: Path, gone: Callable[[str], Path]
) -> None:
    """DVC removes what a stage is to write anew: a training that broke off leaves the samples of the one before."""
    remove(gone("second"))
    page, summary = made()
    assert summary["voices"] == 1
    assert "Not evaluated yet: second." in page
    assert '<section id="voice-first"' in page
    assert '<section id="voice-second"' not in page


def test_other_recipes_may_be_measured_later(project: Path) -> None:
    for voice in VOICES:
        remove(places.baselines(voice))
    page, summary = made()
    assert summary["voices"] == 2
    assert "Not evaluated yet" not in page
    assert "enrolled, no training" not in page


def test_without_any_voice_it_is_one_line_and_no_page(project: Path) -> None:
    for voice in VOICES:
        remove(places.training(voice))
    with pytest.raises(SystemExit, match=r"^report: no voice has been evaluated\. Run `dvc repro` first\.$"):
        report.main()
    assert not places.REPORT.exists()


@pytest.mark.parametrize(
    ("judge", "speaker_loss", "independent"),
    [("resemblyzer", 15.0, True), ("campplus", 0.0, True), ("campplus", 15.0, False)],
)
def test_a_judge_that_training_has_heard_is_said_not_to_be_independent(
    project: Path, judge: str, speaker_loss: float, independent: bool
) -> None:
    settle(judge, speaker_loss)
    page, _ = made()
    said = "which training does not use" if independent else "not independent: training used it too"
    assert page.count(f"{judge}, {said}") == len(VOICES)
    assert ("not independent" in page) != independent
