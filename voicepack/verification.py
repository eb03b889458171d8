"""How well vectors tell speakers apart: retrieval, equal error rate, consistency."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def retrieval_top1(speakers: Sequence[Tensor]) -> float:
    """Return how often a clip is nearest to its own speaker, by cosine, among all.

    `speakers` holds the vectors `[clips, D]` of each, two clips or more. A speaker is the mean of their clips without
    the one that is asked about. Subtract the mean voice first: cosines of vectors that share a large part say little.
    """
    hits = []
    for own, vectors in enumerate(speakers):
        for index, vector in enumerate(vectors):
            rest = torch.cat([vectors[:index], vectors[index + 1 :]])
            centres = torch.stack(
                [(rest if other == own else speakers[other]).mean(0) for other in range(len(speakers))]
            )
            hits.append(int(torch.cosine_similarity(vector, centres).argmax()) == own)
    return sum(hits) / len(hits)


def equal_error_rate(speakers: Sequence[Tensor]) -> float:
    """Return the error rate of verifying clip by clip, by cosine, where misses are as frequent as false alarms.

    Every pair of clips is a trial. `speakers` is as in `retrieval_top1`.
    """
    owner = torch.cat([torch.full((len(vectors),), index) for index, vectors in enumerate(speakers)])
    units = torch.nn.functional.normalize(torch.cat(list(speakers)), dim=1)
    first, second = torch.triu_indices(len(units), len(units), offset=1)
    scores, same = (units @ units.T)[first, second], owner[first] == owner[second]
    same = same[scores.argsort()].double()
    missed = same.cumsum(0) / same.sum()  # of the same speaker, at or under each threshold
    accepted = 1 - (1 - same).cumsum(0) / (1 - same).sum()  # of different speakers, above it
    nearest = int((missed - accepted).abs().argmin())
    return float((missed[nearest] + accepted[nearest]) / 2)


def consistency(speakers: Sequence[Tensor]) -> float:
    """Return how far a clip is from its speaker's mean, relative to how far speakers are from each other.

    The root mean square distance of clips from the mean of their speaker over that of speakers from theirs: 0 if all
    clips of a speaker read the same.
    """
    centres = torch.stack([vectors.mean(0) for vectors in speakers])
    within = torch.cat([vectors - vectors.mean(0) for vectors in speakers]).square().sum(1).mean()
    between = (centres - centres.mean(0)).square().sum(1).mean()
    return float((within / between).sqrt())
