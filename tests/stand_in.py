"""In the place of every stage of a quick project: writes what dvc.yaml says that it writes, and computes nothing.

What is written depends on the stage's settings and on what it reads, as the real results do: a change of either spreads
as far as it would. `train` records its run like the real stage.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import yaml

from stages.settings import flatten, load_settings
from stages.tracking import open_run

STAGE = Path(__file__).stem
MEASURES = ("likeness", "wer", "dnsmos", "distillmos", "retrieval", "mel_loss", "mcd_db", "f0_correlation")


def main(voice: str) -> None:
    entry = yaml.safe_load(Path("dvc.yaml").read_text())["stages"][STAGE]
    if voice:
        entry = entry["do"]
    value = read(entry, voice)
    if STAGE == "train":
        settings = {"train.lr": load_settings("train.lr", float), "train.seed": load_settings("train.seed", int)}
        with open_run(f"train@{voice}") as run:
            run.log_parameters(settings | flatten(load_settings("train.losses", dict[str, float]), "train.losses"))
            run.log_metrics({"mel": value}, step=1)
    for kind in ("outs", "metrics", "plots"):
        for output in entry.get(kind, []):
            name, options = next(iter(output.items())) if isinstance(output, dict) else (output, {})
            write(Path(name.replace("${key}", voice)), value, options)


def read(entry: dict[str, Any], voice: str) -> float:
    """Return a number from 0 to 1 that stands for the stage's settings and for all that it reads, besides code."""
    params = yaml.safe_load(Path("params.yaml").read_text())
    digest = hashlib.md5(json.dumps(params[STAGE], sort_keys=True).encode())
    data = params["voices"][voice]["data"] if voice else ""
    for name in entry["deps"]:
        if not name.endswith(".py"):
            path = Path(name.replace("${key}", voice).replace("${item.data}", data))
            for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
                digest.update(file.read_bytes() if file.is_file() else b"")
    return int(digest.hexdigest()[:6], 16) / 16**6


def write(path: Path, value: float, options: dict[str, Any]) -> None:
    """Write one output: a folder where it has no suffix, what the project's programs can read of a voice's measures."""
    if not path.suffix:
        path.mkdir(parents=True, exist_ok=True)
        (path / "test_1.wav").write_text(f"{value}\n")
        if path.name == "reference":
            from voicepack.files import write_tensors  # takes seconds to import

            write_tensors(path / "speaker.safetensors", {}, {"nearest": "af_one"})
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".json":
        measures = ("likeness_normalised", *MEASURES) if STAGE == "evaluate" else ("value",)
        path.write_text(json.dumps(dict.fromkeys(measures, value)))
    elif path.parent.name == "scores":
        rows = [f"{each}\t{voice}\t{value}\t0.0\t0.0\t1.0\tnone\n" for each in MEASURES for voice in ("new", "stock")]
        path.write_text("measure\tvoice\tvalue\tnoise\tlow\thigh\tnew_is\n" + "".join(rows))
    elif path.parent.name == "lengths":
        columns = [f"{each}{suffix}" for each in MEASURES[:4] for suffix in ("", "_floor", "_ceiling")]
        values = "".join(f"\t{value}" for _ in columns)
        path.write_text("bucket\tphonemes\t" + "\t".join(columns) + f"\n1-10\t5{values}\n")
    elif path.suffix == ".tsv":
        path.write_text(f"{options['x']}\t{options['y']}\n1\t{value}\n")
    else:
        path.write_text(f"{value}\n")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "")
