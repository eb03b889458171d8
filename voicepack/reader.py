"""Reading a voice vector off a recording's statistics: kernel ridge regression, fitted in closed form."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from voicepack.constants import HALVES
from voicepack.errors import VoicepackError
from voicepack.files import read_tensors, write_tensors

_FURTHEST = 6.0  # standard deviations; a recording that is further off in some statistic counts as that far


@dataclass(frozen=True)
class ReaderFit:
    """How the reader is fitted."""

    landmarks: int  # clips that a recording is compared with
    width: float  # of the Gaussian kernel, in median distances between clips
    acoustic_ridge: float
    prosodic_ridge: float
    seed: int


@dataclass(frozen=True)
class StatisticsReader:
    """Reads statistics `[N, S]` (voicepack.statistics) to voice vectors: `k(statistics, landmarks) @ weights + centre`.

    Kernel ridge regression with landmarks (Rudi et al. 2015, arXiv:1507.04717). On voices that were held out it errs
    less than a multilayer perceptron on the same statistics.
    """

    mean: Tensor  # [S]
    deviation: Tensor  # [S]
    landmarks: Tensor  # [M, S], standardised
    width: Tensor  # []
    weights: Tensor  # [M, 256]
    centre: Tensor  # [256], the mean voice

    @classmethod
    def fit(cls, statistics: Tensor, voices: Tensor, settings: ReaderFit) -> StatisticsReader:
        """Fit to statistics `[N, S]` of clips and the voice vectors `[N, 256]` that spoke them."""
        mean, deviation = statistics.mean(0), statistics.std(0).clamp_min(1e-6)
        standard = ((statistics - mean) / deviation).clamp(-_FURTHEST, _FURTHEST)
        order = torch.randperm(len(standard), generator=torch.Generator().manual_seed(settings.seed))
        # Rounded before the fit, because half precision is what the file keeps.
        landmarks = standard[order[: settings.landmarks]].half().float()
        width = settings.width * torch.cdist(landmarks[:500], landmarks[:500]).median()
        centre = voices.mean(0)
        between = _kernel(landmarks, landmarks, width).double()
        kernel = _kernel(standard, landmarks, width).double()
        gram, target = kernel.T @ kernel, kernel.T @ (voices - centre).double()
        halves = []
        for half, ridge in zip(HALVES, (settings.acoustic_ridge, settings.prosodic_ridge), strict=True):
            jitter = 1e-6 * torch.eye(len(between), dtype=between.dtype)
            halves.append(torch.linalg.solve(gram + ridge * between + jitter, target[:, half]))
        return cls(mean, deviation, landmarks, width, torch.cat(halves, dim=1).float(), centre)

    def read(self, statistics: Tensor) -> Tensor:
        """Read statistics `[N, S]` to voice vectors `[N, 256]`."""
        standard = ((statistics - self.mean) / self.deviation).clamp(-_FURTHEST, _FURTHEST)
        return _kernel(standard, self.landmarks, self.width) @ self.weights + self.centre

    def save(self, path: Path) -> None:
        """Write the reader; the landmarks, most of it, in half precision."""
        write_tensors(path, {**vars(self), "landmarks": self.landmarks.half()})

    @classmethod
    def load(cls, path: Path) -> StatisticsReader:
        """Load a reader. Raises VoicepackError if the file is missing or is not one."""
        tensors, _ = read_tensors(path)
        try:
            return cls(**{name: value.float() for name, value in tensors.items()})
        except TypeError as error:
            raise VoicepackError(f"{path}: not a statistics reader ({error}).") from None


def _kernel(a: Tensor, b: Tensor, width: Tensor) -> Tensor:
    return torch.exp(-(torch.cdist(a, b) / width).square() / 2)
