"""What training moves: the voice vector itself, in standard deviations of the stock voices."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from voicepack.constants import HALVES
from voicepack.projection import Projection
from voicepack.voices import VoiceSpace


class ShiftedProjection(nn.Module):
    """A projection as it is, and a learned shift of the voice vectors that it gives.

    Adam moves every parameter by about the learning rate per step. In these coordinates that is as much of a standard
    deviation in every direction: far where stock voices differ, little where they agree.
    """

    components: Tensor
    deviations: Tensor
    residual: Tensor

    def __init__(self, projection: Projection, space: VoiceSpace) -> None:
        super().__init__()
        self.projection = projection.requires_grad_(False)
        self.register_buffer("components", space.components)
        self.register_buffer("deviations", space.deviations)
        self.register_buffer("residual", space.residual)
        self.along = nn.Parameter(torch.zeros_like(space.deviations))  # [2, K]
        self.around = nn.Parameter(torch.zeros(len(HALVES), 128))

    def forward(self, styles: Tensor) -> Tensor:
        """Map style vectors `[B, 256]` to voice vectors `[B, 256]`."""
        return self.projection(styles) + self.shift()

    def shift(self) -> Tensor:
        """Return what is added to voice vectors, `[256]`."""
        halves = []
        for along, around, components, deviations, residual in zip(
            self.along, self.around, self.components, self.deviations, self.residual, strict=True
        ):
            left_over = around - (around @ components.T) @ components  # what the components do not span
            halves.append((along * deviations) @ components + left_over * residual)
        return torch.cat(halves)

    def merged(self) -> Projection:
        """Return the projection with the shift in its offset."""
        with torch.no_grad():
            self.projection.offset += self.shift()
        return self.projection
