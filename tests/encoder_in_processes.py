"""Run by test_encoder_processes.py in several processes: trains anew, and on from a checkpoint of the main process."""

import sys
from dataclasses import replace
from pathlib import Path

import torch
from test_encoder_training import TRAINING, Reports, train

from voicepack.processes import processes

SETTINGS = replace(TRAINING, lr=1e-3)  # that of params.yaml: a larger one lets rounding grow faster


def main(folder: Path) -> None:
    number = processes().process_index
    for name in ("new", "resumed"):
        reports: Reports = []
        encoders = train(folder / f"{name}_{number}" / "resume.pt", reports, SETTINGS)
        torch.save({"weights": encoders.state_dict(), "reports": reports}, folder / f"{name}_{number}.pt")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
