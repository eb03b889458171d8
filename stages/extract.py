"""Style vectors of a voice's training clips, their mean, and the voice vector that both readers read."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from stages import places
from stages.stage import running
from voicepack.clips import read_clips
from voicepack.errors import VoicepackError, naming
from voicepack.files import write_tensors
from voicepack.voice_reader import VoiceReader, mean_by_length


@dataclass(frozen=True)
class ExtractSettings:
    max_style_samples: int
    seed: int

    def __post_init__(self) -> None:
        """Raise VoicepackError for no clips."""
        if self.max_style_samples < 1:
            raise VoicepackError(f"extract.max_style_samples is {self.max_style_samples}. Write 1 or more.")


def main() -> None:
    with running("extract", ExtractSettings) as stage:
        clips = read_clips(places.clips(stage.voice), "train")
        order = torch.randperm(len(clips), generator=torch.Generator().manual_seed(stage.settings.seed))
        chosen = sorted(order[: stage.settings.max_style_samples].tolist())
        reader = VoiceReader.load(places.MODELS)
        every, voices = [], []
        for index in chosen:  # one clip in memory at a time
            audio = clips[index].audio
            with naming(clips[index].name):
                every.append(reader.encoders.encode([audio]))
                voices.append(reader.read(audio))
        styles, voice = torch.cat(every), mean_by_length(voices, [clips[index].samples for index in chosen])
        tensors = {"styles": styles, "mean": styles.mean(0), "voice": voice}
        write_tensors(places.styles(stage.voice), tensors)
        spread = (styles - styles.mean(0)).norm(dim=1).mean() / styles.mean(0).norm()
        stage.run.log_metrics({"style_samples": len(styles), "style_spread": float(spread)})


if __name__ == "__main__":
    main()
