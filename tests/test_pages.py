"""The commands of docs/, run as they stand there, on this project's own graph with stages that compute nothing.

Those of other pages need servers or the real stages, and are run by other tests: ELSEWHERE.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from imports import ROOT
from quick_project import commit, run, stages_run
from servers import free_port, stopped_after

pytestmark = pytest.mark.slow  # DVC is started dozens of times

HERE = ("ci", "compare", "gpu", "many-voices", "own-voice", "registry")
ELSEWHERE = {
    "reproduce": "test_pipeline.py: it takes the real stages",
    "share": "test_sharing.py and test_experiments.py: folders, sshd, S3 and web servers",
    "tracking": "test_tracking_server.py: PostgreSQL and a tracking server",
    "ablation": "test_ablation.py: dozens of experiments, each a command of the kind that test_experiments.py runs",
    "results": "test_assess_encoder.py: it takes real speakers and half an hour",
    "performance": "none: its commands take most of an hour of measuring, with nothing else running",
}
# Commands that run_page leaves out, by their beginning, and what runs them.
NOT_RUN = {
    "accelerate launch": "test_encoder_processes.py launches two processes so",
    "dvc queue start": "test_experiments.py starts two workers and waits for them",
    "dvc exp apply": "test_experiments.py, by the names that DVC has given",
    "for stage in": "test_many_voices, both at once",
    "python training_styletts2.py": "test_pipeline.py: it collects what the real stages make",
    "mlflow ui": "test_the_runs_behind_it_can_be_looked_at, on a port of its own",
}
PER_VOICE = ("prepare", "extract", "train", "expand", "reference", "evaluate", "card")


def blocks(page: str) -> list[str]:
    """Return the indented commands of a page in their order, whole lines, without comments."""
    text = re.sub(r"```.*?```", "", (ROOT / f"docs/{page}.md").read_text(), flags=re.DOTALL).replace("\\\n", " ")
    lines = [re.split(r"\s+# ", line)[0].strip() for line in text.splitlines() if line.startswith("    ")]
    return [line for line in lines if re.match(r"(dvc|python|make|git|accelerate|mlflow|for) ", line)]


def run_page(project: Path, page: str) -> Iterator[tuple[str, str]]:
    """Run the commands of a page one after the other; yield each and what it said."""
    for command in blocks(page):
        if not command.startswith(tuple(NOT_RUN)):
            # The environment is set up: what `make` would do for it is taken as done.
            yield command, run(project, re.sub(r"^make ", "make -s -o .venv/.ready ", command))


def recordings(project: Path, *folders: str) -> None:
    """Write recordings that no stage of a quick project reads, but `add_voice` wants."""
    for folder in folders:
        (project / folder / "train").mkdir(parents=True)
        lines = []
        for name in ("ann", "ben"):
            (project / folder / f"train/{name}.wav").write_text(folder)
            lines.append(f'{{"file_name": "{name}.wav", "text": "Hello.", "speaker": "{name}"}}\n')
        (project / folder / "train/metadata.jsonl").write_text("".join(lines))


@pytest.fixture
def with_me(quick_project: Path) -> Path:
    """A quick project with a voice `me`, committed, tagged v1.0."""
    recordings(quick_project, "my_dataset")
    run(quick_project, "python -m tools.add_voice me my_dataset && dvc repro -q card@me && dvc add -q my_dataset")
    commit(quick_project, "a voice")
    run(quick_project, "git tag v1.0")
    return quick_project


def test_every_page_is_run_somewhere() -> None:
    pages = {path.stem for path in (ROOT / "docs").glob("*.md")}
    assert {*HERE, *ELSEWHERE} == pages
    every = [command for page in pages for command in blocks(page)]
    assert all(any(command.startswith(start) for command in every) for start in NOT_RUN)


def test_own_voice(quick_project: Path) -> None:
    recordings(quick_project, "my_dataset")
    said = dict(run_page(quick_project, "own-voice"))
    made = said["make voice DATA=my_dataset NAME=me"]
    assert {"prepare@me", "train@me", "card@me", "baselines@me", "report"} <= set(stages_run(made))
    assert "models/voices/me.pt" in said["python -m tools.show me"]
    assert stages_run(said["dvc repro card@me"]) == [], "`make voice` has made it"
    # Committed as the page says, it can be tried in a copy that has nothing but what Git and DVC keep.
    assert "train@me" in stages_run(run(quick_project, "dvc exp run --temp -S train.seed=1 evaluate@me"))
    # Who spoke is stated afterwards, as the page says: nothing is trained.
    params = quick_project / "params.yaml"
    params.write_text(params.read_text().replace("data: my_dataset\n", "data: my_dataset\n    licence: CC0-1.0\n", 1))
    again = stages_run(run(quick_project, "dvc repro card@me"))
    assert "prepare@me" in again
    assert "train@me" not in again


def test_compare(with_me: Path) -> None:
    said = dict(run_page(with_me, "compare"))
    (tried,) = (text for command, text in said.items() if command.startswith("dvc exp run -S"))
    assert stages_run(tried) == ["train@me", "expand@me", "evaluate@me"]
    changed = said["dvc metrics diff"]
    assert re.search(r"metrics/me\.json\s+likeness ", changed), changed
    assert "metrics/demo.json" not in changed
    assert re.search(r"^me +likeness .*[+-]0\.\d+$", said["python -m tools.compare HEAD"], flags=re.MULTILINE)
    assert (with_me / "dvc_plots/index.html").exists()
    (queued,) = (text for command, text in said.items() if command.startswith("dvc exp run --queue"))
    assert queued.count("Queued experiment") == 3
    assert "v1.0" in said["dvc metrics show --all-tags"]
    assert "| me |" in said["python -m tools.show"]
    assert "| 1-10 | 2 |" in said["python -m tools.show"]
    assert re.fullmatch(r"[0-9a-f]{32}", said["python -m tools.find_run train@me"].split()[-1])


def test_the_runs_behind_it_can_be_looked_at(quick_project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from urllib.request import urlopen

    (command,) = (each for each in blocks("compare") if each.startswith("mlflow ui"))
    monkeypatch.chdir(quick_project)
    port = free_port()
    with stopped_after([*command.split(), "--port", str(port)], port, quick_project / "ui.log"):
        assert b"MLflow" in urlopen(f"http://127.0.0.1:{port}").read()


def test_many_voices(quick_project: Path) -> None:
    recordings(quick_project, "recordings/ann", "recordings/ben")
    said = dict(run_page(quick_project, "many-voices"))
    ran = stages_run(said["dvc repro card@ann card@ben"])
    assert set(ran) == {f"{stage}@{name}" for stage in PER_VOICE for name in ("ann", "ben")}
    # Side by side, and neither is told that the other is busy.
    params = quick_project / "params.yaml"
    params.write_text(params.read_text().replace("level_db: -24 ", "level_db: -23 "))
    loops = [command for command in blocks("many-voices") if command.startswith("for ")]
    said_of_both = run(quick_project, "\n".join([*loops, "wait $!"]), OMP_NUM_THREADS="1")
    assert {f"{stage}@{name}" for stage in ("prepare", "train") for name in ("ann", "ben")} <= set(
        stages_run(said_of_both)
    )
    assert stages_run(run(quick_project, "dvc repro card@ann card@ben")) == []


def test_gpu(with_me: Path) -> None:
    said, _ = (text for _, text in run_page(with_me, "gpu"))
    assert stages_run(said) == ["train@me"], "what comes out is the same here, and nothing follows"


def test_ci(with_me: Path) -> None:
    """In a clone that has neither recordings nor results, and no remote to fetch them from."""
    run(with_me, "dvc repro -q")
    commit(with_me, "the other recipes too")
    run(with_me.parent, f"git clone -q {with_me} clone")
    said = dict(run_page(with_me.parent / "clone", "ci"))
    assert stages_run(said["dvc repro --dry --allow-missing"]) == []


def test_registry(with_me: Path, tmp_path: Path) -> None:
    """A pack of the project's own graph, whose stages DVC must unfold from params.yaml of that version."""
    origin = tmp_path / "origin.git"
    run(with_me, f"git init -q --bare -b main {origin} && git remote add origin {origin}")
    run(
        with_me, f"dvc remote add -d team {tmp_path / 'store'} && git commit -qam 'a remote' && git push -q origin main"
    )
    page = (ROOT / "docs/registry.md").read_text().replace("https://host/team/voices.git", str(origin))
    here = [command for command in blocks("registry") if str(origin) not in command and "voices.git" not in command]
    for command in here:
        run(with_me, command)
    first = (with_me / "models/voices/me.pt").read_bytes()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    run(elsewhere, "git init -q && dvc init -q")
    for command in (each for each in blocks("registry") if each not in here):
        (elsewhere / "me.pt").unlink(missing_ok=True)  # three ways to the same file
        run(elsewhere, command.replace("https://host/team/voices.git", str(origin)))
        assert (elsewhere / "me.pt").read_bytes() == first, command
    (code,) = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    *lines, expression = code.strip().splitlines()
    names: dict[str, object] = {}
    exec("\n".join(lines), names)
    shown = eval(expression, names)
    assert shown["path"] == "models/voices/me.pt"
    assert shown["rev"] == run(with_me, "git rev-parse me@v1.0.0^{commit}").strip()
    # The next version: its tag, and what was imported follows.
    run(
        with_me,
        "dvc exp run -q -S train.lr=3e-4 card@me && dvc push -q && git commit -qam better && git push -q origin main",
    )
    run(elsewhere, "dvc update -q me.pt.dvc")
    assert (elsewhere / "me.pt").read_bytes() == (with_me / "models/voices/me.pt").read_bytes() != first
