"""Several processes on one machine, and what each may use of it."""

import os
import platform
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from imports import ROOT

from voicepack import device, processes, speaking
from voicepack.device import speakers_at_once
from voicepack.processes import core_share
from voicepack.speaking import Hearing


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


@pytest.mark.parametrize(("free", "expected"), [(100 * 10**9, 16), (5 * 10**9, 2), (10**8, 1)])
def test_a_card_has_as_many_speakers_as_cores_if_it_has_room(
    free: int, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device, "core_share", lambda: 16)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (free, 200 * 10**9))
    assert speakers_at_once(torch.device("cuda")) == expected
    assert speakers_at_once(torch.device("cpu")) == 16
    assert speakers_at_once(torch.device("mps")) == 1


@pytest.mark.parametrize(("room", "expected"), [(8, ("cuda", 8)), (4, ("cuda", 4)), (3, ("cpu", 8))])
def test_a_small_card_does_not_keep_cores_from_listening(
    room: int, expected: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speaking, "core_share", lambda: 8)
    monkeypatch.setattr(speaking, "speaking_device", lambda: torch.device("cuda"))
    monkeypatch.setattr(speaking, "speakers_at_once", lambda device: room if device.type == "cuda" else 8)
    monkeypatch.setattr(speaking, "Workers", lambda load, count: (load.args[1].type, count))
    assert speaking.listeners(Hearing(Path(), "", torch.zeros(1), torch.zeros(1, 1))) == expected


@pytest.mark.skipif(sys.platform != "linux", reason="torch's threads are libgomp's on Linux alone")
@pytest.mark.parametrize(
    ("own", "seen"), [({}, "10000"), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "passive"}, "0")]
)
@pytest.mark.parametrize("program", ["stages.expand", "voicepack.kokoro"])
def test_threads_do_not_wait_long_on_a_busy_core(program: str, own: dict[str, str], seen: str) -> None:
    others = {name: value for name, value in os.environ.items() if name not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")}
    environment = others | {"OMP_DISPLAY_ENV": "verbose"} | own
    command = [sys.executable, "-c", f"import {program}"]
    loaded = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    shown = [line.split("'")[1] for line in loaded.stderr.splitlines() if "GOMP_SPINCOUNT" in line]
    assert shown, loaded.stderr
    assert set(shown) == {seen}


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries are left as they are")
@pytest.mark.parametrize(("own", "kept"), [({}, True), ({"MALLOC_PERTURB_": "0"}, False)])
def test_stages_keep_freed_memory_unless_glibc_is_told_otherwise(own: dict[str, str], kept: bool) -> None:
    program = """
import stages, torch
def resident(): return int(open("/proc/self/statm").read().split()[1]) * 4096
before = resident()
tensors = [torch.ones(2**24) for _ in range(4)]
del tensors
print(resident() - before > 2**27)
"""
    others = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    command = [sys.executable, "-c", program]
    shown = subprocess.run(command, cwd=ROOT, env=others | own, capture_output=True, text=True, check=True).stdout
    assert shown.strip() == str(kept)
