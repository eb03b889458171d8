"""The processes that a launcher has started together, and the cores that each of them may use.

    accelerate launch --multi_gpu --num_processes 2 -m stages.encoder     # or torchrun --nproc-per-node 2 -m …

starts two on this machine, without a GPU as well: `--multi_gpu` chooses the launcher, not the device. Accelerate's
`--cpu` starts a single process whatever number it is given, unless MPI starts the others. Several machines take
`--num_machines`, `--machine_rank`, `--main_process_ip` and `--main_process_port`, and the same folder under the same
path: what is rendered and trained is read from it by all.
"""

from __future__ import annotations

import os
from datetime import timedelta

import torch
from accelerate import PartialState
from accelerate.utils import parse_flag_from_env


def processes() -> PartialState:
    """Return this process among those that were started with it; on its own it is the main process of one.

    To be called before `Accelerator()`: without a GPU, Accelerate takes every process for the only one unless it is
    told that the CPU is wanted. The others wait for the slowest for up to a day.
    """
    cpu = parse_flag_from_env("ACCELERATE_USE_CPU") or not torch.accelerator.is_available()
    return PartialState(cpu=cpu, timeout=timedelta(days=1))


def core_share() -> int:
    """Return how many of this machine's cores are this process's, at least one.

    The shares of the processes on a machine add up to its cores, unless there are more processes than cores.
    """
    state, cores = processes(), len(os.sched_getaffinity(0))
    here = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    first, end = (cores * index // here for index in (state.local_process_index, state.local_process_index + 1))
    return max(end - first, 1)
