"""The whole graph on real Kokoro, with few steps and few clips, in a copy of the project."""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import soundfile
import torch
import yaml
from imports import ROOT
from quick_project import stages_run
from torch import Tensor

from stages.code import VOICE_STAGES
from stages.imports import PACKAGES
from voicepack.audio import write_audio
from voicepack.files import read_table, read_tensors
from voicepack.kokoro import Kokoro
from voicepack.text import phonemize, sentences

pytestmark = pytest.mark.slow

QUICK = {
    "train": {"steps": 2, "max_seconds": 6, "start_candidates": 1, "window_seconds": 1.0},
    "expand": {"calibration_seconds": 3},
    "reference": {"sentences": 3, "held_out_seconds": 2},
    "baselines": {"walk_steps": 1, "origin_epochs": 2, "enroll_seconds": 5},
    "evaluate": {"test_sentences": ["Good night.", "Come in.", "Thank you."]},
    "report": {"fixed_sentences": 2},
}

# None of the newer instructions, and one thread: sums in another order, as another machine has them.
OTHER_PROCESSOR = {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41", "OMP_NUM_THREADS": "1"}


# What lies among the code and is none; what is left is behind `data/code/STAGE.md5`.
DATA_AMONG_CODE = (".txt", ".css", ".js", ".jinja")

STAGES = [f"{name}@tiny" for name in ("prepare", "extract", "train", "expand", "reference", "evaluate", "card")]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, kokoro: Kokoro, stock_packs: dict[str, Tensor]) -> Path:
    """A copy of the project with a voice `tiny` of five clips, after `dvc repro card@tiny`."""
    folder = tmp_path_factory.mktemp("pipeline") / "project"
    folder.mkdir()
    _run(ROOT, "sh", "-c", f"git ls-files -z | xargs -0 cp --parents -t {folder}")
    for name in ("models/kokoro", "models/stock_voices.safetensors"):
        target = folder / name
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target)
        else:
            shutil.copy(ROOT / name, target)
    # Between two stock voices, so that the nearest of them is not the speaker himself.
    speaker = (stock_packs["bm_george"] + stock_packs["af_heart"]) / 2
    lines = []
    for number, text in enumerate(sentences("demo")[:5]):
        audio = kokoro.render(phonemize(text), speaker, seed=number)
        write_audio(folder / f"recordings/train/{number}.wav", audio)
        lines.append(json.dumps({"file_name": f"{number}.wav", "text": text}))
    (folder / "recordings/train/metadata.jsonl").write_text("\n".join(lines))
    params = yaml.safe_load((folder / "params.yaml").read_text())
    for section, values in QUICK.items():
        params[section] |= values
    params["voices"] = {"tiny": {"data": "recordings", "speaker_name": "nobody", "licence": "CC0-1.0"}}
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    shutil.rmtree(folder / ".dvc", ignore_errors=True)
    _run(folder, "git", "init", "-q")
    _run(folder, "dvc", "init", "-q")
    _run(folder, "dvc", "repro", "-q", "code")
    _run(folder, "dvc", "commit", "-q", "-f", "weights")
    output = _run(folder, "dvc", "repro", "card@tiny")
    assert stages_run(output) == STAGES, "what is committed must be up to date, and only the new voice's stages run"
    return folder


def test_pack_is_what_kokoro_loads(project: Path) -> None:
    pack = torch.load(project / "models/voices/tiny.pt", weights_only=True)
    assert pack.shape == (510, 1, 256)
    assert pack.dtype == torch.float32
    assert pack.isfinite().all()


def test_the_pack_says_who_spoke_with_what_right_and_from_what_it_was_made(project: Path) -> None:
    about = read_tensors(project / "models/voices/tiny.safetensors")[1]
    clips = project / "data/clips/tiny"
    recordings = {path.name: path for path in (clips / "clips.tsv", *(clips / "audio").iterdir())}
    assert len(recordings) == 1 + 5
    lines = "".join(f"{name}\0{_sha256(path.read_bytes())}\n" for name, path in sorted(recordings.items()))
    assert about == {
        "name": "tiny",
        "speaker": "nobody",
        "licence": "CC0-1.0",
        "consent": "not stated",
        "data_sha256": _sha256(lines.encode()),
        "weights_sha256": _sha256((project / "models/kokoro/model.safetensors").read_bytes()),
    }


def test_metrics_are_flat_and_finite(project: Path) -> None:
    metrics = json.loads((project / "metrics/tiny.json").read_text())
    assert all(isinstance(value, float) and math.isfinite(value) for value in metrics.values())
    for name in ("mel_loss", "mcd_db", "likeness", "retrieval", "f0_rmse_cents", "f0_correlation", "wer", "dnsmos"):
        assert {name, f"{name}_floor", f"{name}_noise"} <= set(metrics)
    assert 0.6 < metrics["likeness_ceiling"] <= 1
    assert "recovered_acoustic_error" not in metrics, "only a voice whose truth is known has it"


def test_samples_can_be_heard(project: Path) -> None:
    samples = project / "metrics/samples/tiny"
    assert len(list((samples / "new").glob("*_new.wav"))) == 3 + 2  # fixed sentences, held-out texts
    assert len(list((samples / "reference").glob("*_stock.wav"))) == 3 + 2
    assert len(list((samples / "reference").glob("*_real.wav"))) == 2
    audio, rate = soundfile.read(samples / "new/test_1.wav")
    assert rate == 24_000
    assert abs(audio).max() > 0.05


def test_second_repro_runs_nothing(project: Path) -> None:
    assert stages_run(_run(project, "dvc", "repro", "card@tiny")) == []


def test_one_mlflow_run_per_executed_stage(project: Path) -> None:
    script = (
        "import mlflow; from stages.recorders import EXPERIMENT; from stages.tracking import tracking_uri;"
        " mlflow.set_tracking_uri(tracking_uri());"
        "print([r.data.tags['dvc.stage'] for r in"
        " mlflow.search_runs(experiment_names=[EXPERIMENT], output_format='list')])"
    )
    found = _run(project, "python", "-c", script).strip().splitlines()[-1]
    assert sorted(yaml.safe_load(found)) == sorted(["code", *STAGES])
    found = _run(project, "python", "-m", "tools.find_run", "train@tiny").strip()
    assert len(found) == 32
    # One that failed later has the same inputs, and is not what lies there.
    _run(
        project,
        "python",
        "-c",
        f"""
from mlflow import MlflowClient
from stages.tracking import tracking_uri
client = MlflowClient(tracking_uri())
done = client.get_run({found!r})
tags = {{name: done.data.tags[name] for name in ("dvc.stage", "dvc.inputs_md5")}}
client.set_terminated(client.create_run(done.info.experiment_id, tags=tags).info.run_id, "FAILED")
""",
    )
    assert _run(project, "python", "-m", "tools.find_run", "train@tiny").strip() == found


def test_a_tracking_server_that_is_away_is_one_line(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    finished = subprocess.run(
        [sys.executable, "-m", "tools.find_run", "train@tiny"],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 1
    assert finished.stderr.startswith("find_run: http://127.0.0.1:9 does not answer (")
    assert finished.stderr.count("\n") == 1


def test_a_stage_reads_nothing_that_it_does_not_declare(project: Path, tmp_path: Path) -> None:
    """Each alone with its declared files and settings, those before it having left what they declare to write.

    What it reads besides, DVC would not miss, and would not run it again for.
    """
    graph = yaml.safe_load((project / "dvc.yaml").read_text())["stages"]
    params = yaml.safe_load((project / "params.yaml").read_text())
    made = tmp_path / "made"
    for name in (*VOICE_STAGES, "report"):
        template = json.dumps(graph[name].get("do", graph[name]))
        stage = json.loads(template.replace("${key}", "tiny").replace("${item.data}", params["voices"]["tiny"]["data"]))
        folder = tmp_path / name
        for package in PACKAGES:
            data = shutil.ignore_patterns("__pycache__", *(f"*{suffix}" for suffix in DATA_AMONG_CODE))
            shutil.copytree(project / package, folder / package, ignore=data)
        for path in stage["deps"]:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).symlink_to(made / path if (made / path).exists() else project / path)
        settings = _settings(params, [*stage["params"], "tracking"])
        (folder / "params.yaml").write_text(yaml.safe_dump(settings))
        _run(folder, *stage["cmd"].split(), MLFLOW_TRACKING_URI=f"sqlite:///{tmp_path}/mlflow.db")
        for output in (each for kind in ("outs", "metrics", "plots") for each in stage.get(kind, [])):
            path = next(iter(output)) if isinstance(output, dict) else output
            if f"{name}@tiny" in STAGES:  # which the project has run as well
                assert _contents(folder / path) == _contents(project / path), f"{name} writes another {path}"
            (made / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).rename(made / path)


@pytest.fixture(scope="module")
def page(project: Path) -> str:
    """The page of the voice, after the other recipes."""
    _run(project, "dvc", "repro", "baselines@tiny")
    _run(project, "dvc", "repro", "--single-item", "report")
    return (project / "metrics/report.html").read_text()


def test_the_page_and_the_summary_show_every_recipe_and_are_kept_with_their_runs(project: Path, page: str) -> None:
    for recipe in (
        "nearest stock voice",
        "enrolled",
        "mean of the stock voices",
        "random walk",
        "recipe of the origin",
    ):
        assert recipe in page
    assert "CC0-1.0" in page
    summary = json.loads((project / "metrics/summary.json").read_text())
    assert summary["voices"] == 1
    assert all(math.isfinite(value) for value in summary.values())
    artifacts = {path.name for path in (project / "mlruns").rglob("*") if path.is_file()}
    assert {"test_1.wav", "report.html"} <= artifacts


@pytest.mark.usefixtures("page")
def test_made_anew_everything_is_the_same_to_the_byte(project: Path) -> None:
    """With every result on the disk and in the lock: nothing that is made differs, the page included."""
    _run(project, "git", "add", "dvc.lock")
    forced = _run(project, "dvc", "repro", "--force", "--downstream", "prepare@tiny")
    names = ("prepare", "extract", "train", "expand", "reference", "baselines", "evaluate", "card")
    assert sorted(stages_run(forced)) == sorted([*(f"{name}@tiny" for name in names), "report"])
    _run(project, "git", "diff", "--exit-code", "dvc.lock")


def test_on_another_processor_it_is_as_close_as_the_page_says(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (ROOT / "docs/reproduce.md").read_text()
    stated = {name: float(limit) for name, limit in re.findall(r"`(styles|voice|loss)`.* \| close \| (\S+) \|", page)}
    here, other = tmp_path / "here", tmp_path / "other"
    left_out = shutil.ignore_patterns(".git", ".dvc", "mlruns", "samples", "checkpoints", "output", "mlflow.db")
    for copy in (here, other):
        shutil.copytree(project, copy, symlinks=True, ignore=left_out)
        params = yaml.safe_load((copy / "params.yaml").read_text())
        params["train"]["precision"] = "float32"  # as `auto` is where the instructions for bfloat16 are missing
        (copy / "params.yaml").write_text(yaml.safe_dump(params))
    _run(here, "python", "-m", "stages.train", "tiny")
    for name, value in OTHER_PROCESSOR.items():
        monkeypatch.setenv(name, value)
    for stage in ("prepare", "extract", "train"):
        _run(other, "python", "-m", f"stages.{stage}", "tiny")
    clips = [path for path in (project / "data/clips/tiny").rglob("*") if path.is_file()]
    assert all(path.read_bytes() == (other / path.relative_to(project)).read_bytes() for path in clips)
    styles = [read_tensors(folder / "data/styles/tiny.safetensors")[0] for folder in (project, other)]
    difference = {
        name: float((styles[0][name] - styles[1][name]).norm() / styles[0][name].norm()) for name in ("styles", "voice")
    }
    losses = [float(read_table(folder / "metrics/training/tiny.tsv")[0]["loss"]) for folder in (here, other)]
    difference["loss"] = abs(losses[1] / losses[0] - 1)
    assert stated.keys() == difference.keys()
    assert all(difference[name] <= stated[name] for name in stated), difference
    assert max(difference.values()) > 0, "it was computed as before"


def test_the_demo_spoken_anew_is_the_same_to_the_byte(project: Path) -> None:
    (project / "voicepack/corpus/demo.txt").write_text("\n".join(sentences("demo")[:2]) + "\n")
    _run(project, "dvc", "repro", "-q", "demo")
    _run(project, "git", "add", "dvc.lock")
    assert stages_run(_run(project, "dvc", "repro", "--force", "--single-item", "demo")) == ["demo"]
    _run(project, "git", "diff", "--exit-code", "dvc.lock")
    assert len(list((project / "data/demo/train").glob("*.flac"))) == 2


def test_a_change_within_the_noise_is_shown_as_none(project: Path) -> None:
    _run(project, "git", "add", "metrics/tiny.json", "dvc.yaml", "params.yaml")
    _run(project, "git", "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "measured")
    metrics = json.loads((project / "metrics/tiny.json").read_text())
    kept = dict(metrics)
    metrics["likeness"] += 0.5 * metrics["likeness_noise"]
    metrics["dnsmos"] += 1
    (project / "metrics/tiny.json").write_text(json.dumps(metrics))
    shown = _run(project, "python", "-m", "tools.compare", "HEAD")
    (project / "metrics/tiny.json").write_text(json.dumps(kept, indent=2, sort_keys=True) + "\n")
    lines = {line.split()[1]: line for line in shown.splitlines()}
    assert lines["likeness"].endswith("none")
    assert lines["dnsmos"].endswith("+1.000")


def test_a_training_that_was_cut_off_goes_on_and_keeps_its_losses(project: Path) -> None:
    before = (project / "params.yaml").read_text()
    params = yaml.safe_load(before)
    params["train"]["checkpoint_every"] = 1
    (project / "params.yaml").write_text(yaml.safe_dump(params))
    made = [project / name for name in ("models/projection/tiny.safetensors", "metrics/training/tiny.tsv")]
    _run(project, "python", "-m", "stages.train", "tiny")
    whole = [path.read_bytes() for path in made]
    (checkpoints,) = {path.parent for path in project.glob("models/checkpoints/tiny/*/step_00001.pt")}
    (checkpoints / "step_00002.pt").unlink()
    _run(project, "python", "-m", "stages.train", "tiny")
    assert [path.read_bytes() for path in made] == whole
    shutil.rmtree(checkpoints)
    (project / "params.yaml").write_text(before)


def test_the_command_of_the_origin_runs_the_same_graph(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tensorboard")
    pytest.importorskip("wandb")
    command = ("python", "training_styletts2.py", "--data", "recordings", "--name", "tiny", "--out", "output")
    output = _run(project, *command, "--epochs-projection", str(QUICK["train"]["steps"]))
    assert stages_run(output) == [], "what has been made with the same settings is not made again"
    folder = project / "output/tiny"
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*.*")} == {
        "tiny.pt", "tiny_artifacts.pt", "tiny_test_1.wav", "tiny_test_2.wav", "tiny_test_3.wav",
        "checkpoints/step_00002.pt",
    }  # fmt: skip
    pack = torch.load(folder / "tiny.pt", weights_only=True)
    artifacts = torch.load(folder / "tiny_artifacts.pt", weights_only=True)
    assert artifacts["style"].shape == artifacts["voice"].shape == (256,)
    torch.testing.assert_close(pack[150:, 0].mean(0), artifacts["voice"], rtol=0, atol=0.1)
    before = (project / "params.yaml").read_text()
    monkeypatch.setenv("WANDB_MODE", "offline")
    recorders = ("--tensorboard", "--wandb", "--wandb-project", "voices")
    output = _run(project, *command, "--epochs-projection", "1", "--lr-projection", "1e-5", *recorders)
    assert stages_run(output) == [f"{name}@tiny" for name in ("train", "expand", "evaluate", "card")]
    assert yaml.safe_load((project / "params.yaml").read_text())["train"]["steps"] == 1
    for name in ("train", "expand", "evaluate", "card"):
        assert list(project.glob(f"runs/{name}@tiny/*/events.*"))
    assert len(list(project.glob("wandb/offline-run-*/run-*.wandb"))) == 4
    assert [path.name for path in (folder / "checkpoints").iterdir()] == ["step_00001.pt"], "of this run alone"
    (project / "params.yaml").write_text(before)


SPEAKER = ROOT.parent / "shared/speech/vctk_p228"  # short clips


@pytest.mark.skipif(not SPEAKER.is_dir(), reason="the development speakers are not here; test above does the same")
def test_the_command_of_the_origin_makes_a_real_speakers_voice(project: Path) -> None:
    before = (project / "params.yaml").read_text()
    command = ("python", "training_styletts2.py", "--data", str(SPEAKER), "--name", "real", "--out", "voices")
    output = _run(project, *command, "--max-style-samples", "5")
    names = ("prepare", "extract", "train", "expand", "reference", "evaluate", "card")
    assert stages_run(output) == [f"{name}@real" for name in names]
    folder = project / "voices/real"
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*.*")} == {
        "real.pt", "real_artifacts.pt", "real_test_1.wav", "real_test_2.wav", "real_test_3.wav",
        "checkpoints/step_00002.pt",
    }  # fmt: skip
    pack = torch.load(folder / "real.pt", weights_only=True)
    assert pack.shape == (510, 1, 256)
    assert len(torch.load(folder / "real_artifacts.pt", weights_only=True)["styles"]) == 5
    for number in (1, 2, 3):
        audio, rate = soundfile.read(folder / f"real_test_{number}.wav")
        assert rate == 24_000
        assert abs(audio).max() > 0.05
    assert stages_run(_run(project, *command, "--max-style-samples", "5")) == []
    (project / "params.yaml").write_text(before)


def test_changed_rows_run_expansion_and_evaluation_again(project: Path) -> None:
    params = yaml.safe_load((project / "params.yaml").read_text())
    params["expand"]["rows"] = "flat"
    (project / "params.yaml").write_text(yaml.safe_dump(params))
    output = _run(project, "dvc", "repro", "evaluate@tiny")
    assert stages_run(output) == ["expand@tiny", "evaluate@tiny"]
    pack = torch.load(project / "models/voices/tiny.pt", weights_only=True)
    assert torch.equal(pack[0], pack[-1])


def _settings(params: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Return the named sections of params alone; a dotted name is a section within one."""
    found: dict[str, Any] = {}
    for name in names:
        *outer, last = name.split(".")
        source, target = params, found
        for key in outer:
            source, target = source[key], target.setdefault(key, {})
        target[last] = source[last]
    return found


def _contents(path: Path) -> dict[str, bytes]:
    """Return the bytes of a file, or of all files in a folder by their names."""
    files = [path] if path.is_file() else [each for each in path.rglob("*") if each.is_file()]
    return {str(each.relative_to(path)): each.read_bytes() for each in files}


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _run(folder: Path, *command: str, **environment: str) -> str:
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "MLFLOW_TRACKING_URI": "",
        "PYTHONPATH": str(folder),
        **environment,
    }
    finished = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout
