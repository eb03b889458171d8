"""Work spread over processes; what they run lies in this module, because they are spawned."""

import functools
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from voicepack.errors import VoicepackError
from voicepack.workers import Workers


def load(log: Path) -> str:
    with log.open("a") as file:
        file.write(f"{os.getpid()}\n")
    return f"tools of {os.getpid()}"


def load_nothing() -> str:
    raise VoicepackError("the weights are missing.")


def use(tools: str, item: float) -> tuple[str, int, float]:
    time.sleep(item)
    return tools, os.getpid(), item


def double(tools: str, item: Tensor) -> Tensor:
    return 2 * item


def threads(tools: str, item: int) -> tuple[int, str]:
    return torch.get_num_threads(), os.environ["OMP_NUM_THREADS"]


def fail_at_2(tools: str, item: int) -> int:
    if item == 2:
        raise VoicepackError(f"item {item} cannot be spoken.")
    return item


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("workers") / "loaded.txt"


@pytest.fixture(scope="module")
def workers(log: Path) -> Iterator[Workers[str]]:
    with Workers(functools.partial(load, log), 2) as started:
        yield started


def test_results_come_in_order_though_the_first_takes_longest(workers: Workers[str]) -> None:
    items = [0.5, 0.0, 0.1, 0.0, 0.0, 0.2]
    assert [item for _, _, item in workers.map(use, items)] == items
    assert list(workers.map(use, [])) == []


def test_every_worker_loads_its_tools_once_and_gets_them_with_every_item(workers: Workers[str], log: Path) -> None:
    used = [(tools, process) for _ in range(2) for tools, process, _ in workers.map(use, [0.05] * 6)]
    assert all(tools == f"tools of {process}" for tools, process in used)
    loaded = log.read_text().splitlines()
    assert len(loaded) == len(set(loaded)) <= 2
    assert {str(process) for _, process in used} <= set(loaded)
    assert str(os.getpid()) not in loaded


def test_workers_load_before_there_is_work(tmp_path: Path) -> None:
    log, patience = tmp_path / "loaded.txt", time.monotonic() + 60
    with Workers(functools.partial(load, log), 2):
        while not (log.exists() and len(log.read_text().splitlines()) == 2):
            assert time.monotonic() < patience, "no worker has begun"
            time.sleep(0.1)


def test_a_worker_computes_with_one_thread(workers: Workers[str]) -> None:
    assert set(workers.map(threads, range(4))) == {(1, "1")}


def test_tensors_go_and_come_back_as_they_are(workers: Workers[str]) -> None:
    items = [torch.randn(300, generator=torch.Generator().manual_seed(seed)) for seed in range(3)]
    assert all(torch.equal(got, 2 * item) for got, item in zip(workers.map(double, items), items, strict=True))


def test_an_error_arrives_as_itself_after_the_results_before_it(workers: Workers[str]) -> None:
    results = workers.map(fail_at_2, range(5))
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(VoicepackError, match=r"^item 2 cannot be spoken\.$"):
        next(results)
    assert list(workers.map(fail_at_2, [5])) == [5]  # and the workers live on


def test_an_error_in_loading_arrives_as_itself() -> None:
    with Workers(load_nothing, 1) as workers, pytest.raises(VoicepackError, match="the weights are missing"):
        list(workers.map(double, [torch.zeros(1)]))


@pytest.fixture
def quick_turns() -> Iterator[None]:
    """Threads that take turns as often as on a busy machine, where the pool's own `map` leaves workers behind."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_worker_that_is_killed_ends_the_work_with_an_error(quick_turns: None) -> None:
    """After tensors have come back, for which torch started its manager of shared memory."""
    before = set(multiprocessing.active_children())
    with Workers(dict, 2) as workers, pytest.raises(VoicepackError, match="a worker was ended from outside"):
        for count, _ in enumerate(workers.map(double, [torch.zeros(300)] * 1000)):
            if count == 3:
                (*_, worker) = set(multiprocessing.active_children()) - before
                assert worker.pid is not None
                os.kill(worker.pid, signal.SIGKILL)
    assert set(multiprocessing.active_children()) <= before  # nor is the other one left


def test_workers_end_when_what_started_them_is_killed() -> None:
    program = (
        "import test_workers as t; from voicepack.workers import Workers\n"
        "workers = Workers(dict, 1)\n"
        "print(next(workers.map(t.use, [0.0]))[1], flush=True); input()"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(Path(__file__).parent), str(Path.cwd())))}
    with subprocess.Popen(
        [sys.executable, "-c", program], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        parent.kill()
    deadline = time.monotonic() + 30
    while alive(worker) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not alive(worker)


def alive(process: int) -> bool:
    """Return whether a process runs; one that has ended and is not yet collected does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
