"""The choices of the recipe that the ablation takes away or changes, one at a time: settings of params.yaml by name."""

from __future__ import annotations

from typing import Any

# Of every row, so that all of them take an evening: few steps, and one seed of the renders instead of two. The rest is
# as it was when the first were made; how their calibration went on after its first step is not a setting.
COMMON: dict[str, Any] = {
    "train.steps": 40,
    "train.lr": 0.1,
    "train.adam_beta2": 0.999,
    "train.prosody_clips": 4,
    "evaluate.seeds": 1,
    "expand.rows": "curve",
    "expand.calibration_seconds": 30,
    "expand.precision": "float32",
}
CHOICES: dict[str, dict[str, Any]] = {
    "40 steps": {},
    "seed 1": {"train.seed": 1},
    "seed 2": {"train.seed": 2},
    "80 steps": {"train.steps": 80},
    "160 steps": {"train.steps": 160},
    "60 steps as in params.yaml": {
        "train.steps": 60,
        "train.lr": 0.15,
        "train.adam_beta2": 0.95,
        "train.prosody_clips": 2,
    },
    # What becomes of the trained vector.
    "not calibrated": {"expand.calibration_seconds": 0},
    "flat rows": {"expand.rows": "flat"},
    # What training moves, and what it listens to.
    "projection's weights": {"train.network": "mlp", "train.lr": 3e-4},
    "no speaker loss": {"train.losses.speaker": 0},
    "no own prosody": {"train.own_prosody_every": 0},
    "no prior": {"train.losses.prior": 0},
    "no timbre loss": {"train.losses.timbre": 0},
    "no mel statistics": {"train.losses.mel_statistics": 0},
    "no frame-wise mel loss": {"train.losses.mel": 0},
    # How much to record, of the same recordings: what the voice is read from and trained on.
    "one clip": {"train.max_seconds": 1, "extract.max_style_samples": 1},
    "15 s": {"train.max_seconds": 15, "extract.max_style_samples": 2},
    "30 s": {"train.max_seconds": 30, "extract.max_style_samples": 4},
    "120 s": {"train.max_seconds": 120},
}
# What the tables say where a choice, under whose name rows lie in metrics/ablation.tsv, would be taken for another: of
# `prior`, the loss is meant, and not the network that training starts from.
TITLES = {"no prior": "no prior loss"}
SEEDS = ("40 steps", "seed 1", "seed 2")  # the same but for chance


def settings_of(choice: str) -> dict[str, Any]:
    """Return the settings of params.yaml that a choice is made with, by name."""
    return {**COMMON, **CHOICES[choice]}


def trains_alike(choice: str) -> bool:
    """Return whether a choice is only about what becomes of the trained vector, which is then that of the first."""
    return all(name.startswith("expand.") for name in CHOICES[choice])
