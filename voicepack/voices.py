"""The space where Kokoro's voices live: the stock voices, mixtures of them, and how far off a vector is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from voicepack.constants import DECODER, HALVES, PREDICTOR
from voicepack.rows import base_vector

# Ten voices that the encoder and the projection never train on, the same for all experiments: both sexes, six
# languages, none with a near-twin (cosine above 0.85) among the others, as the Hindi or the Santa voices have.
HELD_OUT = (
    "af_bella", "af_nova", "am_echo", "am_michael", "bf_emma",
    "bm_george", "ff_siwis", "hf_alpha", "if_sara", "zm_yunyang",
)  # fmt: skip


def training_voices(packs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the stock packs without the held-out ones."""
    return {name: pack for name, pack in packs.items() if name not in HELD_OUT}


@dataclass(frozen=True)
class VoiceSpace:
    """A Gaussian over voice vectors, fitted on stock voices, each half on its own.

    The covariance is probabilistic PCA (Tipping and Bishop 1999): the leading components as they are, and one small
    variance for all other directions. 54 voices cannot tell more of 128 dimensions.
    """

    mean: Tensor  # [256]
    components: Tensor  # [2, K, 128], orthonormal rows per half
    deviations: Tensor  # [2, K], standard deviation along each component
    residual: Tensor  # [2], standard deviation in every other direction

    def to(self, device: torch.device) -> VoiceSpace:
        """Return the same space on another device."""
        return VoiceSpace(*(part.to(device) for part in (self.mean, self.components, self.deviations, self.residual)))

    @classmethod
    def fit(cls, packs: Mapping[str, Tensor], rank: int = 10) -> VoiceSpace:
        """Fit on packs `[510, 1, 256]` with `rank` components per half.

        At rank 10 voices left out of the fit are at distance 1.9 (those in it at 1); at rank 24 at 6.6.
        """
        vectors = torch.stack([base_vector(pack) for pack in packs.values()])
        mean = vectors.mean(0)
        components, deviations, residual = [], [], []
        for half in HALVES:
            centred = (vectors - mean)[:, half]
            _, singular, directions = torch.linalg.svd(centred, full_matrices=False)
            variances = singular.square() / (len(vectors) - 1)
            components.append(directions[:rank])
            deviations.append(variances[:rank].sqrt())
            residual.append((variances[rank:].sum() / (centred.shape[1] - rank)).sqrt())
        return cls(mean, torch.stack(components), torch.stack(deviations), torch.stack(residual))

    def whitened(self, vectors: Tensor) -> Tensor:
        """Return `[B, 256]` voice vectors as `[B, 2, K + 128]` coordinates in units of standard deviations.

        The first K are along the components, the rest is what the components leave over.
        """
        coordinates = []
        for index, half in enumerate(HALVES):
            shift = vectors[:, half] - self.mean[half]
            along = shift @ self.components[index].T
            left_over = shift - along @ self.components[index]
            coordinates.append(torch.cat([along / self.deviations[index], left_over / self.residual[index]], dim=1))
        return torch.stack(coordinates, dim=1)

    def distance(self, vectors: Tensor) -> Tensor:
        """Return `[B, 2]`, the mean squared whitened coordinate of each half: about 1 for a stock voice."""
        return self.whitened(vectors).square().sum(-1) / 128

    def covariance(self, half: int) -> Tensor:
        """Return the covariance `[128, 128]` of a half, by its place in HALVES."""
        components = self.components[half]
        left_over = torch.eye(components.shape[1]) - components.T @ components
        along = components.T @ (self.deviations[half].square()[:, None] * components)
        return along + self.residual[half] ** 2 * left_over

    def draw_shift(self, generator: torch.Generator) -> Tensor:
        """Draw the difference `[256]` between a random voice and the mean voice.

        What stock voices leave over is drawn in every direction, along the components as well.
        """
        shift = torch.empty(256)
        for index, half in enumerate(HALVES):
            along = torch.randn(self.deviations.shape[1], generator=generator) * self.deviations[index]
            around = torch.randn(128, generator=generator) * self.residual[index]
            shift[half] = along @ self.components[index] + around
        return shift


@dataclass(frozen=True)
class ByHalf:
    """A measure of each half of voice vectors."""

    acoustic: float
    prosodic: float

    def named(self, measure: str, of: str = "") -> dict[str, float]:
        """Return both as metrics, such as `stock_acoustic_error` and `stock_prosodic_error` of `stock_`."""
        return {f"{of}acoustic_{measure}": self.acoustic, f"{of}prosodic_{measure}": self.prosodic}


def relative_errors(read: Tensor, true: Tensor) -> ByHalf:
    """Return the mean of `|read - true| / |true|` over `[N, 256]` vectors; `read` may be one `[1, 256]` for all."""
    acoustic, prosodic = (
        float(((read - true)[:, half].norm(dim=1) / true[:, half].norm(dim=1)).mean()) for half in HALVES
    )
    return ByHalf(acoustic, prosodic)


def half_cosines(read: Tensor, true: Tensor) -> ByHalf:
    """Return the mean cosine of each half of `[N, 256]` vectors with the true ones."""
    acoustic, prosodic = (float(torch.cosine_similarity(read[:, half], true[:, half]).mean()) for half in HALVES)
    return ByHalf(acoustic, prosodic)


def draw_pack(packs: Mapping[str, Tensor], space: VoiceSpace, generator: torch.Generator) -> Tensor:
    """Draw a pack `[510, 1, 256]`: a stock voice or a blend, in each half its own, or moved off all blends.

    Blends alone span only as many dimensions as there are stock voices, and a new speaker lies outside: half of
    what is drawn is therefore shifted by up to a standard deviation in every direction.
    """
    names = list(packs)
    decoder = _blend(names, packs, generator)
    same_voice = torch.rand((), generator=generator) < 0.5
    predictor = decoder if same_voice else _blend(names, packs, generator)
    pack = torch.cat([decoder[..., DECODER], predictor[..., PREDICTOR]], dim=-1)
    if torch.rand((), generator=generator) < 0.5:
        pack = pack + torch.rand((), generator=generator) * space.draw_shift(generator)
    return pack


def _blend(names: list[str], packs: Mapping[str, Tensor], generator: torch.Generator) -> Tensor:
    """Average one to four random stock packs with random weights."""
    count = int(torch.randint(1, 5, (), generator=generator))
    chosen = torch.randperm(len(names), generator=generator)[:count].tolist()
    weights = torch.empty(count).exponential_(generator=generator)
    weights = weights / weights.sum()
    return torch.stack([weight * packs[names[index]] for weight, index in zip(weights, chosen, strict=True)]).sum(0)
