import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
from imports import ROOT, TESTS
from recordings import TEXTS, babble, real_speech, write_dataset, write_hours, write_metadata

from stages import places, prepare
from voicepack.audio import write_audio
from voicepack.clips import read_clips
from voicepack.files import read_table, read_tensors, write_tensors

TRACKING = {"tracking": {"tensorboard": False, "wandb": False, "wandb_project": "voices"}}
SETTINGS = {
    "language": "a",
    "level_db": -24,
    "min_seconds": 1.0,
    "max_seconds": 20.0,
    "least_heard": 0.0,
    "min_clips": 4,
    "held_out_fraction": 0.2,
    "seed": 0,
}


@pytest.fixture(scope="module")
def tracking_uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    """One database for all tests here: making its tables takes seconds."""
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow')}/mlflow.db"


@pytest.fixture
def project(tmp_path: Path, tracking_uri: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", tracking_uri)
    write_params(tmp_path)
    return tmp_path


def write_params(project: Path, **voice: str) -> None:
    params = {"prepare": SETTINGS, "voices": {"mine": {"data": "recordings", **voice}}, **TRACKING}
    (project / "params.yaml").write_text(yaml.safe_dump(params))


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> str:
    """Run the stage; return its one line of error, or nothing."""
    monkeypatch.setattr(sys, "argv", ["prepare", *arguments])
    try:
        prepare.main()
    except SystemExit as stop:
        # A string as the exit code: Python prints it and exits with status 1.
        assert isinstance(stop.code, str) and "\n" not in stop.code
        return stop.code
    return ""


def test_recordings_become_clips(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_dataset(project / "recordings")
    assert run(monkeypatch, "mine") == ""
    folder = project / "data" / "clips" / "mine"
    assert sorted(path.name for path in folder.iterdir()) == [
        "audio", "clips.tsv", "rejected.tsv",
    ]  # fmt: skip
    assert [path.name for path in sorted((folder / "audio").iterdir())] == [
        f"{number:05}.wav" for number in range(1, 7)
    ]
    train, held_out = read_clips(folder, "train"), read_clips(folder, "held_out")
    assert (len(train), len(held_out)) == (4, 2)
    assert {each.text for each in train + held_out} == set(TEXTS)
    assert read_table(folder / "rejected.tsv") == []
    assert "mine: 4 clips to train on, 2 held out, 0 rejected" in capsys.readouterr().out


def test_the_true_voice_of_a_synthetic_speaker_goes_with_his_clips(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    truth = {"voice": torch.arange(256.0)}
    write_dataset(project / "recordings")
    write_tensors(project / "recordings" / places.TRUTH, truth)
    kept = project / "data" / "clips" / "mine" / places.TRUTH
    assert run(monkeypatch, "mine") == ""
    torch.testing.assert_close(read_tensors(kept)[0], truth, rtol=0, atol=0)
    (project / "recordings" / places.TRUTH).unlink()
    assert run(monkeypatch, "mine") == ""
    assert not kept.exists()


def test_a_validation_of_which_nothing_is_left_is_one_line(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_dataset(project / "recordings", TEXTS)
    write_dataset(project / "recordings", TEXTS[:1], "validation")
    (project / "recordings/validation/a.wav").write_bytes(b"no audio")
    said = run(monkeypatch, "mine")
    assert "no clip of validation/ is usable: see data/clips/mine/rejected.tsv" in said
    assert len(read_table(project / "data/clips/mine/rejected.tsv")) == 1


def test_validation_is_held_out(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_dataset(project / "recordings", TEXTS[:4])
    write_dataset(project / "recordings", TEXTS[4:], "validation")
    assert run(monkeypatch, "mine") == ""
    held_out = read_clips(project / "data" / "clips" / "mine", "held_out")
    assert [each.name for each in held_out] == ["validation/a.wav", "validation/b.wav"]


def test_too_few_clips_fail_and_leave_the_table_alone(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_dataset(project / "recordings", TEXTS[:3])
    (project / "recordings" / "train" / "b.wav").write_text("no sound")
    (project / "recordings" / "train" / "c.wav").unlink()
    error = run(monkeypatch, "mine")
    assert error.startswith("prepare: 1 of 3 clips are usable, 4 are needed")
    assert "data/clips/mine/rejected.tsv" in error
    folder = project / "data" / "clips" / "mine"
    assert [path.name for path in folder.iterdir()] == ["rejected.tsv"], "no half of what a run writes"
    rows = read_table(folder / "rejected.tsv")
    assert [row["line"] for row in rows] == [f"recordings/train/metadata.jsonl:{line}" for line in (2, 3)]


def test_a_run_that_breaks_off_leaves_nothing_half_done(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_dataset(project / "recordings")
    folder = project / "data" / "clips" / "mine"
    assert run(monkeypatch, "mine") == ""

    def interrupted(file: Path, _: object) -> None:
        if file.name == "00003.wav":
            raise KeyboardInterrupt

    monkeypatch.setattr("voicepack.preparation.write_audio", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(monkeypatch, "mine")
    assert not list(folder.glob("*"))


def test_what_is_written_depends_on_the_recordings_alone(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def written(texts: tuple[str, ...]) -> dict[str, bytes]:
        shutil.rmtree(project / "recordings", ignore_errors=True)
        write_dataset(project / "recordings", texts)
        assert run(monkeypatch, "mine") == ""
        folder = project / "data" / "clips" / "mine"
        return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    first = written(TEXTS[:5])
    assert len(written(TEXTS)) == len(first) + 1
    assert written(TEXTS[:5]) == first


PEAKS = """
import sys
from memory import peak
from stages import places, prepare
from voicepack.clips import read_clips

for voice in ("minutes", "hour"):
    sys.argv = ["prepare", voice]
    prepare.main()
    for clip in read_clips(places.clips(voice), "train"):
        assert len(clip.audio) == clip.samples
    print(peak())
"""


def test_memory_does_not_grow_with_the_recordings(project: Path) -> None:
    """4 MB were seen for an hour, and 600 when clips were kept. Three hours in one file took 2700."""
    write_audio(project / "one.wav", babble(18))
    for voice, count in (("minutes", 10), ("hour", 200)):
        train = project / voice / "train"
        train.mkdir(parents=True)
        for number in range(count):
            (train / f"{number}.wav").hardlink_to(project / "one.wav")
        lines = [{"file_name": f"{number}.wav", "text": " ".join(TEXTS[number % 5 :][:2])} for number in range(count)]
        write_metadata(train, [*lines, {"file_name": "long.wav", "text": TEXTS[0]}])
    write_hours(project / "hour" / "train" / "long.wav", 3)
    params = {"prepare": SETTINGS, "voices": {voice: {"data": voice} for voice in ("minutes", "hour")}, **TRACKING}
    (project / "params.yaml").write_text(yaml.safe_dump(params))
    finished = subprocess.run(
        [sys.executable, "-c", PEAKS], env=os.environ | {"PYTHONPATH": f"{ROOT}:{TESTS}"}, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    shutil.rmtree(project / "data", ignore_errors=True)  # pytest keeps folders, and this is 180 MB
    assert finished.returncode == 0, finished.stderr
    assert "hour: 160 clips to train on, 40 held out, 1 rejected; 3" in finished.stdout
    minutes, hour = (float(line) for line in finished.stdout.splitlines() if "clips" not in line)
    assert hour - minutes < 30  # MB


def test_an_unknown_language_is_told_by_name(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_dataset(project / "recordings")
    params = {"prepare": {**SETTINGS, "language": "x"}, "voices": {"mine": {"data": "recordings"}}, **TRACKING}
    (project / "params.yaml").write_text(yaml.safe_dump(params))
    assert "language 'x' is not available" in run(monkeypatch, "mine")


def test_every_bad_dataset_is_one_line(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train = project / "recordings" / "train"
    assert "recordings: no such folder" in run(monkeypatch, "mine")
    train.mkdir(parents=True)
    assert "recordings/train/metadata.jsonl: no such file" in run(monkeypatch, "mine")
    write_metadata(train, ["{file_name: a.wav}"])
    assert "recordings/train/metadata.jsonl:1: not valid JSON" in run(monkeypatch, "mine")
    write_metadata(train, [{"file_name": "../../secret.wav", "text": "Hi"}])
    assert "metadata.jsonl:1: '../../secret.wav' is outside" in run(monkeypatch, "mine")
    write_metadata(train, [{"file_name": f"{name}.wav", "text": "Hi", "speaker": name} for name in ("bo", "anna")])
    assert "2 speakers (anna, bo)" in run(monkeypatch, "mine")
    write_params(project, speaker="bo")
    assert "0 of 1 clips are usable" in run(monkeypatch, "mine")


def test_an_unknown_voice_is_one_line(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "no voice" in run(monkeypatch)
    assert "voices.yours" in run(monkeypatch, "yours")


def test_real_speech_is_kept(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recordings = real_speech("vctk_p226")[0].parents[1]
    write_params(project, data=str(recordings))
    assert run(monkeypatch, "mine") == ""
    folder = project / "data" / "clips" / "mine"
    assert read_table(folder / "rejected.tsv") == []
    assert all(7_600 < each.bandwidth < 8_100 for each in read_clips(folder, "train"))
