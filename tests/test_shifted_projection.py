"""The voice vector, moved in standard deviations of the stock voices."""

import torch

from voicepack.constants import HALVES
from voicepack.projection import Projection
from voicepack.shifted_projection import ShiftedProjection
from voicepack.voices import VoiceSpace


def space_and_network() -> tuple[VoiceSpace, ShiftedProjection]:
    generator = torch.Generator().manual_seed(0)
    scales = torch.rand(256, generator=generator) + 0.1
    packs = {str(index): scales * torch.randn(510, 1, 256, generator=generator) for index in range(24)}
    space = VoiceSpace.fit(packs)
    return space, ShiftedProjection(Projection(hidden=8).eval(), space)


def test_it_begins_as_the_projection_it_was_given() -> None:
    _, network = space_and_network()
    styles = torch.randn(3, 256)
    torch.testing.assert_close(network(styles), network.projection(styles))


def test_what_is_learned_is_counted_in_standard_deviations() -> None:
    space, network = space_and_network()
    torch.nn.init.normal_(network.along)
    torch.nn.init.normal_(network.around)
    moved = space.whitened((space.mean + network.shift())[None])[0]
    rank = space.deviations.shape[1]
    torch.testing.assert_close(moved[:, :rank], network.along, rtol=0, atol=1e-4)
    for half in range(len(HALVES)):  # around: less what the components span
        components = space.components[half]
        expected = network.around[half] - (network.around[half] @ components.T) @ components
        torch.testing.assert_close(moved[half, rank:], expected, rtol=0, atol=1e-4)


def test_only_the_shift_is_learned_and_it_ends_in_the_offset() -> None:
    _, network = space_and_network()
    styles = torch.randn(3, 256)
    network(styles).square().sum().backward()
    learned = [name for name, each in network.named_parameters() if each.grad is not None]
    assert learned == ["along", "around"]
    torch.nn.init.normal_(network.along)
    expected = network(styles)
    torch.testing.assert_close(network.merged()(styles), expected)
