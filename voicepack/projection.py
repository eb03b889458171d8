"""The projection: from what the style encoders read to a voice vector that Kokoro speaks with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from voicepack.constants import HALVES
from voicepack.errors import VoicepackError
from voicepack.files import read_tensors

# Tanh ends at 1, stock packs reach 3.2 in short rows.
_OUTPUT_SCALE = 4.0


class Projection(nn.Module):
    """256 → hidden → hidden → 256 with LayerNorm, ReLU and dropout between, and a scaled Tanh at the end.

    Styles are standardised on the way in; `offset` `[256]` is added on the way out, so that training for one voice
    can start from any voice vector.
    """

    style_mean: Tensor
    style_deviation: Tensor
    offset: Tensor

    def __init__(self, hidden: int = 512, dropout: float = 0.1) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(256, hidden), nn.LayerNorm(hidden), nn.ReLU(), nn.Dropout(dropout),
            nn.Linear(hidden, hidden), nn.LayerNorm(hidden), nn.ReLU(), nn.Dropout(dropout),
            nn.Linear(hidden, 256),
        )  # fmt: skip
        self.register_buffer("style_mean", torch.zeros(256))
        self.register_buffer("style_deviation", torch.ones(256))
        self.register_buffer("offset", torch.zeros(256))

    def forward(self, styles: Tensor) -> Tensor:
        """Map style vectors `[B, 256]` to voice vectors `[B, 256]`."""
        standardised = (styles - self.style_mean) / self.style_deviation
        return _OUTPUT_SCALE * torch.tanh(self.layers(standardised) / _OUTPUT_SCALE) + self.offset


@dataclass(frozen=True)
class ProjectionFit:
    """How the projection is fitted on pairs."""

    hidden: int
    dropout: float
    epochs: int
    batch: int
    lr: float
    weight_decay: float
    seed: int


def fit_projection(styles: Tensor, voices: Tensor, settings: ProjectionFit) -> Projection:
    """Fit a projection on pairs: styles `[N, 256]` and the voice vectors `[N, 256]` that were rendered.

    The loss is the squared error in units of each half's variance, so that neither half outweighs the other.
    """
    with torch.random.fork_rng():
        torch.manual_seed(settings.seed)
        projection = Projection(settings.hidden, settings.dropout)
        projection.style_mean.copy_(styles.mean(0))
        projection.style_deviation.copy_(styles.std(0))
        output = projection.layers[-1]
        assert isinstance(output, nn.Linear)
        output.bias.data = voices.mean(0)
        variance = torch.cat([voices[:, half].var(0).mean().expand(128) for half in HALVES])
        optimizer = torch.optim.AdamW(projection.parameters(), settings.lr, weight_decay=settings.weight_decay)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, settings.epochs)
        for _ in range(settings.epochs):
            for batch in torch.randperm(len(styles)).split(settings.batch):
                loss = ((projection(styles[batch]) - voices[batch]).square() / variance).mean()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            schedule.step()
    return projection.eval()


def load_projection(path: Path) -> Projection:
    """Load a projection. Raises VoicepackError if the file is not one."""
    tensors, _ = read_tensors(path)
    tensors.pop("voice", None)  # the voice vector that training for one voice ended at
    try:
        projection = Projection(tensors["layers.0.weight"].shape[0])
        projection.load_state_dict(tensors)
    except (KeyError, RuntimeError) as error:
        raise VoicepackError(f"{path}: not a projection ({str(error).splitlines()[0]}).") from None
    return projection.eval()
