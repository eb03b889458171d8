"""docs/share.md: results pushed to a remote and pulled by a colleague, over every remote that people have."""

from __future__ import annotations

import getpass
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from servers import S3_KEY, S3RVER, SSHD, http_server, s3_server, small_disk, ssh_server

pytestmark = pytest.mark.slow  # DVC is started a hundred times

MANY = 1000  # packs, small ones, where a transfer is to last
STAGE = """
import json, pathlib, yaml
lr = float(yaml.safe_load(open("params.yaml"))["work"]["lr"])
pathlib.Path("packs").mkdir(exist_ok=True)
for number in range(3):
    pathlib.Path(f"packs/{number}.pt").write_bytes(f"{number} {lr}".encode() * 20_000)
json.dump({"mel_loss": lr}, open("metrics.json", "w"))
"""
GRAPH = """
stages:
  work:
    cmd: python work.py
    deps: [work.py]
    params: [work.lr]
    outs: [packs]
    metrics:
      - metrics.json:
          cache: false
artifacts:
  me:
    path: packs/1.pt
    type: voice
"""


def run(folder: Path, *command: str, fails: bool = False) -> str:
    """Run a command; return what it says."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DVC_")}
    environment |= {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "GIT_AUTHOR_NAME": "a"}
    environment |= {"GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b"}
    finished = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=180
    )
    said = finished.stdout + finished.stderr
    assert (finished.returncode != 0) == fails, said
    return said


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with one stage that has been run and committed, and `origin`, a bare Git repository."""
    run(tmp_path, "git", "init", "-q", "--bare", "-b", "main", "origin.git")
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "work.py").write_text(STAGE)
    (folder / "dvc.yaml").write_text(GRAPH)
    (folder / "params.yaml").write_text("work:\n  lr: 1e-3\n")
    run(folder, "git", "init", "-q", "-b", "main")
    run(folder, "git", "remote", "add", "origin", str(tmp_path / "origin.git"))
    run(folder, "dvc", "init", "-q")
    run(folder, "dvc", "repro", "-q")
    return folder


@pytest.fixture(params=["folder", "ssh", "s3"])
def remote(request: pytest.FixtureRequest, project: Path, tmp_path: Path) -> Iterator[Path]:
    """The project's default remote, of each kind that can be written to; the folder where its objects lie."""
    store = tmp_path / "buckets" / "team"
    store.mkdir(parents=True)
    with ExitStack() as running:
        if request.param == "folder":
            run(project, "dvc", "remote", "add", "-d", "team", str(store))
        elif request.param == "ssh":
            if SSHD is None:
                pytest.skip("no sshd on this machine (Debian: openssh-server)")
            (tmp_path / "ssh").mkdir()
            server = running.enter_context(ssh_server(tmp_path / "ssh"))
            address = f"ssh://{getpass.getuser()}@127.0.0.1:{server.port}{store}"
            run(project, "dvc", "remote", "add", "-d", "team", address)
            run(project, "dvc", "remote", "modify", "--local", "team", "keyfile", str(server.key))
        else:
            if not S3RVER.exists():
                pytest.skip("no s3rver in the environment (npm)")
            address = running.enter_context(s3_server(store.parent))
            run(project, "dvc", "remote", "add", "-d", "team", "s3://team/voices")
            run(project, "dvc", "remote", "modify", "team", "endpointurl", address)
            for name, value in zip(("access_key_id", "secret_access_key"), S3_KEY, strict=True):
                run(project, "dvc", "remote", "modify", "--local", "team", name, value)
        yield store


def push(project: Path) -> None:
    """Share what there is: results to the remote, the lock to Git."""
    run(project, "dvc", "push", "-q")
    run(project, "git", "add", "-A")
    run(project, "git", "commit", "-qm", "results")
    run(project, "git", "push", "-q", "origin", "main")


def clone(project: Path, name: str) -> Path:
    """Clone as a colleague does, who has nothing in his cache, and keys of his own to the remote."""
    run(project.parent, "git", "clone", "-q", "origin.git", name)
    keys = project / ".dvc/config.local"
    if keys.exists():
        assert "config.local" not in run(project, "git", "ls-files", ".dvc")
        shutil.copy(keys, project.parent / name / ".dvc")
    return project.parent / name


def objects(store: Path) -> list[Path]:
    """Return the packs in the remote, not the list of them nor what an S3 server keeps beside each."""
    files = (path for path in store.rglob("*") if path.is_file() and ".dir" not in path.name)
    return sorted(path for path in files if path.suffix in ("", "._S3rver_object"))


def test_a_colleague_pulls_and_runs_nothing_and_his_change_comes_back(project: Path, remote: Path) -> None:
    push(project)
    colleague = clone(project, "colleague")
    run(colleague, "dvc", "pull", "-q")
    assert (colleague / "packs/2.pt").read_bytes() == (project / "packs/2.pt").read_bytes()
    assert "Running stage" not in run(colleague, "dvc", "repro")
    (colleague / "params.yaml").write_text("work:\n  lr: 1e-4\n")
    assert "Running stage 'work'" in run(colleague, "dvc", "repro")
    push(colleague)
    run(project, "git", "pull", "-q", "origin", "main")
    run(project, "dvc", "pull", "-q")
    assert "Running stage" not in run(project, "dvc", "repro")
    compared = run(project, "dvc", "metrics", "diff", "HEAD~1")
    assert re.search(r"mel_loss\s+0\.001\s+0\.0001", compared), compared


def test_a_damaged_object_in_the_remote_is_said_and_mended_by_another_push(project: Path, remote: Path) -> None:
    push(project)
    damaged = objects(remote)[0]
    damaged.chmod(0o644)
    damaged.write_bytes(b"damaged")
    run(project, "dvc", "remote", "modify", "team", "verify", "true")
    run(project, "git", "commit", "-qam", "verify what is pulled")
    run(project, "git", "push", "-q", "origin", "main")
    colleague = clone(project, "colleague")
    said = run(colleague, "dvc", "pull", fails=True)
    assert "corrupted" in said or "failed to" in said.lower(), said
    # DVC takes a folder as pushed when its list is there: without the list it looks at every object again.
    for path in [*damaged.parent.glob(f"{damaged.stem}*"), *remote.rglob("*.dir*")]:
        path.unlink(missing_ok=True)
    run(project, "dvc", "push", "-q")
    run(colleague, "dvc", "pull", "-q")
    assert (colleague / "packs/0.pt").read_bytes() == (project / "packs/0.pt").read_bytes()


@pytest.mark.parametrize("command", ["push", "pull"])
def test_an_interrupted_transfer_is_completed_by_the_next(project: Path, remote: Path, command: str) -> None:
    """Broken off by the hardest signal as soon as something has arrived, and before all has."""
    graph = (project / "work.py").read_text().replace("range(3)", f"range({MANY})").replace("20_000", "1_000")
    (project / "work.py").write_text(graph)
    run(project, "dvc", "repro", "-q")
    if command == "pull":
        push(project)
        project = clone(project, "colleague")
    arrived = remote if command == "push" else project / ".dvc/cache/files"
    dvc, silent = Path(sys.executable).parent / "dvc", subprocess.DEVNULL
    process = subprocess.Popen([dvc, command, "--jobs", "1"], cwd=project, stdout=silent, stderr=silent)
    while len(objects(arrived)) < 2:
        assert process.poll() is None, "nothing arrived"
        time.sleep(0.002)
    process.kill()
    process.wait(timeout=180)
    assert len(objects(arrived)) < MANY, "it was done before it was broken off"
    run(project, "dvc", command)
    assert len(objects(remote)) == MANY
    assert {path.name: path.read_bytes() for path in (project / "packs").iterdir()} == {
        f"{number}.pt": f"{number} 0.001".encode() * 1_000 for number in range(MANY)
    }
    assert "Running stage" not in run(project, "dvc", "repro")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk that holds the list of the packs and one of them, but not three."""
    folder = tmp_path / "disk"
    folder.mkdir()
    try:
        with small_disk(folder, kilobytes=300):
            yield folder
    except subprocess.CalledProcessError as error:
        pytest.skip(f"no disk can be mounted here: {error.stderr.decode().strip()}")


def test_a_push_to_a_full_disk_says_so_and_the_next_completes(project: Path, disk: Path) -> None:
    run(project, "dvc", "remote", "add", "-d", "team", str(disk))
    before = {path.name: path.read_bytes() for path in (project / "packs").iterdir()}
    assert "No space left on device" in run(project, "dvc", "push", fails=True)
    run(disk, "mount", "-o", "remount,size=10m", str(disk))
    push(project)
    colleague = clone(project, "colleague")
    run(colleague, "dvc", "pull", "-q")
    assert {path.name: path.read_bytes() for path in (colleague / "packs").iterdir()} == before


def test_a_pull_to_a_full_disk_says_so_and_the_next_completes(project: Path, disk: Path, tmp_path: Path) -> None:
    run(project, "dvc", "remote", "add", "-d", "team", str(tmp_path / "store"))
    push(project)
    colleague = clone(project, "colleague")
    run(colleague, "dvc", "config", "--local", "cache.dir", str(disk))
    assert "No space left on device" in run(colleague, "dvc", "pull", fails=True)
    run(disk, "mount", "-o", "remount,size=10m", str(disk))
    run(colleague, "dvc", "pull", "-q")
    assert (colleague / "packs/2.pt").read_bytes() == (project / "packs/2.pt").read_bytes()
    assert "Running stage" not in run(colleague, "dvc", "repro")


def test_what_lies_at_an_http_server_can_be_pulled(project: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    run(project, "dvc", "remote", "add", "-d", "team", str(store))
    run(project, "dvc", "push", "-q")
    with http_server(store) as address:
        run(project, "dvc", "remote", "add", "-d", "-f", "team", address)
        run(project, "git", "add", "-A")
        run(project, "git", "commit", "-qm", "results")
        run(project, "git", "push", "-q", "origin", "main")
        colleague = clone(project, "colleague")
        run(colleague, "dvc", "pull", "-q")
        assert "Running stage" not in run(colleague, "dvc", "repro")
        (colleague / "params.yaml").write_text("work:\n  lr: 1e-4\n")
        run(colleague, "dvc", "repro", "-q")
        assert "failed to push" in run(colleague, "dvc", "push", fails=True)


def test_a_version_of_a_voice_is_fetched_by_its_name(project: Path, tmp_path: Path) -> None:
    import dvc.api

    run(project, "dvc", "remote", "add", "-d", "team", str(tmp_path / "store"))
    push(project)
    run(project, "git", "tag", "-a", "me@v1.0.0", "-m", "first version")
    run(project, "git", "push", "-q", "--tags", "origin")
    first = (project / "packs/1.pt").read_bytes()
    (project / "params.yaml").write_text("work:\n  lr: 5e-1\n")
    run(project, "dvc", "repro", "-q")
    push(project)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    run(elsewhere, "git", "init", "-q")
    run(elsewhere, "dvc", "init", "-q")
    origin = str(tmp_path / "origin.git")
    run(elsewhere, "dvc", "artifacts", "get", origin, "me", "--rev", "v1.0.0", "-o", "me.pt")
    assert (elsewhere / "me.pt").read_bytes() == first
    run(elsewhere, "dvc", "get", origin, "packs/1.pt", "-o", "newest.pt")
    assert (elsewhere / "newest.pt").read_bytes() == (project / "packs/1.pt").read_bytes() != first
    run(elsewhere, "dvc", "import", origin, "packs/1.pt", "-o", "imported.pt")
    assert dvc.api.artifacts_show("me", version="v1.0.0", repo=origin)["path"] == "packs/1.pt"
    (project / "params.yaml").write_text("work:\n  lr: 6e-1\n")
    run(project, "dvc", "repro", "-q")
    push(project)
    run(elsewhere, "dvc", "update", "-q", "imported.pt.dvc")
    assert (elsewhere / "imported.pt").read_bytes() == (project / "packs/1.pt").read_bytes()


def test_what_no_file_here_needs_makes_room(project: Path) -> None:
    (project / "params.yaml").write_text("work:\n  lr: 5e-1\n")
    run(project, "dvc", "repro", "-q")
    cache = project / ".dvc/cache/files"
    before = objects(cache)
    run(project, "dvc", "gc", "--workspace", "--force")
    assert len(objects(cache)) <= len(before) - 3, "the packs of the first run are not needed"
    assert "Running stage" not in run(project, "dvc", "repro")
