"""The projection network fitted on pairs, judged on stock voices that were left out."""

from __future__ import annotations

import torch

from stages import places
from stages.stage import running
from voicepack.files import read_tensors, write_json, write_tensors
from voicepack.projection import ProjectionFit, fit_projection
from voicepack.voices import HELD_OUT, relative_errors


def main() -> None:
    with running("pretrain", ProjectionFit) as stage:
        pairs, about = read_tensors(places.PAIRS)
        left_out = torch.tensor([name in HELD_OUT for name in about["stock"].split()])
        styles = torch.cat([pairs["drawn_styles"], pairs["stock_styles"][~left_out]])
        voices = torch.cat([pairs["drawn_voices"], pairs["stock_voices"][~left_out]])
        projection = fit_projection(styles, voices, stage.settings)
        write_tensors(places.PRIOR, projection.state_dict())
        unseen_styles, unseen_voices = pairs["stock_styles"][left_out], pairs["stock_voices"][left_out]
        with torch.no_grad():
            projected = relative_errors(projection(unseen_styles), unseen_voices)
        mean_voice = relative_errors(voices.mean(0, keepdim=True), unseen_voices)
        encoder_alone = relative_errors(unseen_styles, unseen_voices)
        metrics = {
            **projected.named("error"),
            **mean_voice.named("error", "mean_voice_"),
            **encoder_alone.named("error", "style_itself_"),
        }
        write_json(places.PRETRAIN_METRICS, metrics)
        stage.run.log_metrics(metrics)


if __name__ == "__main__":
    main()
