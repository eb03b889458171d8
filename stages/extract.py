"""Style vectors of a voice's training clips, and their mean."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from stages import places
from stages.stage import running
from voicepack.clips import read_clips
from voicepack.files import write_tensors
from voicepack.style_encoder import load_style_encoder


@dataclass(frozen=True)
class ExtractSettings:
    max_style_samples: int
    seed: int


def main() -> None:
    with running("extract", ExtractSettings) as stage:
        clips = read_clips(places.clips(stage.voice), "train")
        order = torch.randperm(len(clips), generator=torch.Generator().manual_seed(stage.settings.seed))
        chosen = sorted(order[: stage.settings.max_style_samples].tolist())
        styles = load_style_encoder(places.STYLE_ENCODER).encode([clips[index].audio for index in chosen])
        write_tensors(places.styles(stage.voice), {"styles": styles, "mean": styles.mean(0)})
        spread = (styles - styles.mean(0)).norm(dim=1).mean() / styles.mean(0).norm()
        stage.run.log_metrics({"style_samples": len(styles), "style_spread": float(spread)})


if __name__ == "__main__":
    main()
