"""The project of stand-ins: DVC finds it up to date, and what a voice's settings and a new voice make stale."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from quick_project import stages_run

from stages import places
from studies.bench_voices import bench, keep, markdown
from studies.many_voices import UP_TO_DATE, build, output, write_recordings
from tools.add_voice import add_voice
from voicepack.files import read_table

VOICES = ("voice_000000", "voice_000001")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    assert build(folder, len(VOICES)) == list(VOICES)
    return folder


@pytest.fixture
def params(project: Path) -> Iterator[Path]:
    """params.yaml, put back after the test."""
    file = project / "params.yaml"
    text = file.read_text()
    yield file
    file.write_text(text)


def test_there_is_nothing_to_do(project: Path) -> None:
    said = output(project, "repro")
    assert said.splitlines()[-1] == UP_TO_DATE
    assert all(f"Stage 'evaluate@{voice}' didn't change" in said for voice in VOICES)
    assert "Running" not in said


def test_settings_of_a_voice_make_its_stages_stale_and_no_other_voices(project: Path, params: Path) -> None:
    text = params.read_text()
    first, others = text.split(f"{VOICES[1]}:")
    params.write_text(f"{first}{VOICES[1]}:{others.replace('CC0-1.0', 'CC-BY-4.0')}")
    assert _stale(project) == {f"prepare@{VOICES[1]}", f"expand@{VOICES[1]}", "report"}


def test_a_setting_of_a_stage_makes_it_stale_for_all_voices(project: Path, params: Path) -> None:
    params.write_text(params.read_text().replace("  lr: 0.15 ", "  lr: 0.2 "))
    assert _stale(project) == {f"train@{voice}" for voice in VOICES}


def test_changed_code_of_a_stage_makes_it_stale_for_all_voices(project: Path) -> None:
    file = project / places.code("train")
    text = file.read_text()
    file.write_text("changed\n")
    assert _stale(project) == {"code", *(f"train@{voice}" for voice in VOICES)}
    file.write_text(text)


def test_a_new_voice_needs_its_own_stages_only(project: Path, params: Path) -> None:
    add_voice("new", write_recordings(project, "new"), params)
    said = output(project, "repro", "--dry", "--ignore-errors", "evaluate@new")
    names = stages_run(said)
    assert names and all(name.endswith("@new") for name in names)


def test_only_what_is_asked_for_is_measured(tmp_path: Path) -> None:
    row = bench(tmp_path, 1, 1, ["memory", "add"])
    assert {name for name in row if name.endswith("_s")} == {"memory_s", "add_s", "memory_cpu_s", "add_cpu_s"}
    assert min(row.values()) > 0
    assert not list(Path("/dev/shm").glob(f"{tmp_path.name}*"))


def test_what_was_not_measured_again_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "BENCH_VOICES", tmp_path / "voices.tsv")
    first, other = {"voices": 10, "repro_s": 2.0, "add_s": 1.0}, {"voices": 1, "repro_s": 0.5}
    for row in (first, other, {"voices": 10, "add_s": 3.0}):
        keep(row)
    assert read_table(tmp_path / "voices.tsv") == [
        {"voices": "1", "repro_s": "0.5", "add_s": ""}, {"voices": "10", "repro_s": "2", "add_s": "3"}
    ]  # fmt: skip


def test_the_table_names_every_figure() -> None:
    works = ("repro", "all", "memory", "status", "add", "record")
    row = {"voices": "1", "stages": "15", "dvc_lock_bytes": "41106"}
    for work in works:
        row |= {f"{work}_{figure}": "1.5" for figure in ("s", "s_low", "s_high", "cpu_s", "gb")}
    heading, rule, line = markdown([row]).splitlines()
    assert heading.count("|") == rule.count("|") == line.count("|") == 4 + len(works)
    assert line.startswith("| 1 | 15 | 0.04 MB | 1.5 (1.5–1.5) s, CPU 1.5 s, 1.50 GB |")


def _stale(project: Path) -> set[str]:
    """Return the stages that DVC would say have changed."""
    lines = output(project, "status").splitlines()
    return {line.rstrip(":") for line in lines if line and not line[0].isspace()}
