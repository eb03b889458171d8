"""Several processes on one machine, and what each may use of it."""

import os
from types import SimpleNamespace

import pytest

from voicepack import processes
from voicepack.processes import core_share


@pytest.mark.parametrize("cores", [1, 2, 3, 8, 97])
@pytest.mark.parametrize("count", [1, 2, 3, 8])
def test_the_cores_are_shared_out(cores: int, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)))
    monkeypatch.setenv("LOCAL_WORLD_SIZE", str(count))
    shares = []
    for number in range(count):
        monkeypatch.setattr(processes, "processes", lambda number=number: SimpleNamespace(local_process_index=number))
        shares.append(core_share())
    if count <= cores:
        assert sum(shares) == cores
    assert max(shares) - min(shares) <= 1
    assert min(shares) >= 1


def test_a_process_on_its_own_is_the_main_one_and_has_every_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOCAL_WORLD_SIZE", raising=False)
    state = processes.processes()
    assert state.is_main_process
    assert state.num_processes == 1
    assert core_share() == len(os.sched_getaffinity(0))
