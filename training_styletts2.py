"""One voice from one command, a front of the same graph that `dvc repro` runs.

    python training_styletts2.py --data ./my_dataset --name my_voice --out ./output --epochs-projection 100

It writes the options into params.yaml and runs the stages of the voice; a second run computes only what changed.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tools.add_voice import add_voice
from tools.collect import collect
from tools.edit_settings import edit_settings
from voicepack.errors import VoicepackError

TRAINING_HELP = "A setting of all voices: the others are\nmade anew by the next `dvc repro`"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command. What the user can fix ends it with one line and an exit code that is not 0."""
    options = parse(arguments)
    try:
        add_voice(options.name, options.data)
        edit_settings(settings(options))
        # The stages are commands that begin with `python`: this one, whether or not its environment is active.
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        command = [sys.executable, "-m", "dvc", "repro", f"card@{options.name}"]
        if subprocess.run(command, check=False, env=os.environ | {"PATH": path}).returncode:
            raise VoicepackError("the pipeline stopped. Fix what it says above and run the same command again.")
        folder = collect(options.name, options.out)
    except (VoicepackError, OSError) as error:  # OSError: --out where nothing can be written
        sys.exit(f"training_styletts2: {error}")
    subprocess.run([sys.executable, "-m", "tools.show", options.name], check=True)
    print(f"\nAll of it: {folder}")


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line; a flag that is unknown or contradicts another ends the program with one line."""
    parser = _Parser(prog="training_styletts2.py", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", required=True, type=Path, metavar="FOLDER",
                        help="the recordings: train/metadata.jsonl and the files that it names")  # fmt: skip
    parser.add_argument("--name", required=True, help="of the voice: letters, digits, '_' and '-'")
    parser.add_argument("--out", default=Path("output"), type=Path, metavar="FOLDER",
                        help="where a folder with the voice's name is made (default: ./output)")  # fmt: skip
    parser.add_argument("--epochs-projection", type=_count, metavar="N",
                        help=f"training steps, `train.steps` of params.yaml. {TRAINING_HELP}")  # fmt: skip
    parser.add_argument("--lr-projection", type=_positive, metavar="RATE",
                        help="learning rate of the training, `train.lr`")  # fmt: skip
    parser.add_argument("--max-style-samples", type=_count, metavar="N",
                        help="clips that the style is read from at most, `extract.max_style_samples`")  # fmt: skip
    parser.add_argument("--device", choices=("auto", "cpu", "cuda", "mps"), help="to train on, `train.device`")
    parser.add_argument("--tensorboard", action="store_true", help="record for TensorBoard too, in runs/")
    parser.add_argument("--wandb", action="store_true", help="record at Weights & Biases too")
    parser.add_argument("--wandb-project", metavar="NAME", help="which project there; only with --wandb")
    options = parser.parse_args(arguments)
    if options.wandb_project and not options.wandb:
        parser.error("--wandb-project says where --wandb records: add --wandb, or leave it out.")
    return options


def settings(options: argparse.Namespace) -> dict[str, Any]:
    """Return what the options set in params.yaml, by dotted name; an option that was not given sets nothing."""
    chosen = {
        "train.steps": options.epochs_projection,
        "train.lr": options.lr_projection,
        "train.device": options.device,
        "extract.max_style_samples": options.max_style_samples,
        "tracking.tensorboard": options.tensorboard or None,
        "tracking.wandb": options.wandb or None,
        "tracking.wandb_project": options.wandb_project,
    }
    return {name: value for name, value in chosen.items() if value is not None}


class _Parser(argparse.ArgumentParser):
    """Says in one line what is wrong, without the usage before it."""

    def error(self, message: str) -> Any:
        self.exit(2, f"{self.prog}: {message} (--help lists all flags)\n")


def _count(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number of 1 or more.")
    return int(text)


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"'{text}' is not a number above 0.")
    return value


if __name__ == "__main__":
    main()
