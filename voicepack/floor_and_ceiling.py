"""What a voice is measured between.

Floor: the stock voice that the judge finds nearest, on the same sentences. Ceiling: the speaker, in clips that
neither training nor the reference has seen, cut to the length of the renders that they are compared with.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import PurePosixPath

import torch
from torch import Tensor

from voicepack.alignment import AlignedClip
from voicepack.clips import Clip
from voicepack.constants import SAMPLE_RATE
from voicepack.errors import VoicepackError, naming
from voicepack.intelligibility import normalise
from voicepack.likeness import embed_render, speaker_embedding
from voicepack.renders import REAL, Measured, Render
from voicepack.sentence import PARTS, Recording, Sentence
from voicepack.silence import trim_silence
from voicepack.speaker_encoder import SpeakerEncoder
from voicepack.speaking import Hearing

_CUTS = 4


def reference_embedding(judge: SpeakerEncoder, clips: Sequence[Clip]) -> Tensor:
    """Return the speaker embedding `[D]` that renders are compared with: the mean over the training clips.

    The ceiling, real held-out clips against it, is then as unseen as the renders are. Raises VoicepackError for a clip
    without speech.
    """
    embeddings = []
    for clip in clips:
        with naming(clip.name):
            embeddings.append(judge.embed(clip.audio))
    return speaker_embedding(embeddings)


def held_out_sentences(
    clips: Sequence[Clip], align: Callable[[Sequence[Clip]], Sequence[AlignedClip]], seconds: float
) -> list[Sentence]:
    """Return texts of clips with their recordings, which `align` aligns.

    As many as last `seconds` together, at least two; none in which the recogniser would have no word to find, such as
    "Hmm." or one in parentheses. Raises VoicepackError if that leaves none. The alignment is made once, for all voices
    that are compared: their mel losses could not be, otherwise.
    """
    chosen: list[Clip] = []
    if not (clips := [clip for clip in clips if normalise(clip.text)]):
        raise VoicepackError("no held-out clip says a word that a recogniser writes down. Record other texts.")
    for clip in sorted(clips, key=lambda clip: (clip.seconds, clip.name)):
        if len(chosen) < 2 or sum(each.seconds for each in [*chosen, clip]) <= seconds:
            chosen.append(clip)
    every = []
    for clip, name, aligned in zip(chosen, sentence_names(chosen), align(chosen), strict=True):
        parts = {part: getattr(aligned, part).cpu() for part in PARTS}
        every.append(Sentence(name, clip.text, clip.phonemes, Recording(**parts, bandwidth=clip.bandwidth)))
    return every


def sentence_names(clips: Sequence[Clip]) -> list[str]:
    """Return what the sentences of clips are called, and their samples: a name for each, such as train_a."""
    # No more than file systems take.
    names = [re.sub(r"[^\w.-]", "_", str(PurePosixPath(clip.name).with_suffix("")))[:80] for clip in clips]
    return [
        name if names.count(name) == 1 else f"{name}_{clip.file.stem}"  # a.wav and a.flac
        for clip, name in zip(clips, names, strict=True)
    ]


def ceilings(judge: SpeakerEncoder, hearing: Hearing, speech: Tensor, floor: Sequence[Render]) -> list[Render]:
    """Return what the real speaker would score on the fixed sentences, had they said them.

    They have not: for each, four stretches of their held-out `speech` `[samples]` as long as the floor's render of it,
    without the silence at its ends, are compared with the reference instead. A short sentence tells a speaker encoder
    less of its speaker, whoever speaks: with the silence counted as speech, a stock voice that stood in for a speaker
    came to 0.72 of its own ceiling, and without it to 0.97.
    """
    found = []
    for each in floor:
        if each.held_out:
            continue
        assert each.audio is not None, "the floor's renders are just made"
        length = min(len(trim_silence(each.audio)), len(speech))
        starts = torch.linspace(0, len(speech) - length, _CUTS).long().tolist()
        embeddings = [embed_render(judge, speech[start : start + length]) for start in starts]
        recognised = torch.tensor([hearing.recognise(embedding) for embedding in embeddings]).mean(0)
        measured = Measured(length / SAMPLE_RATE, likeness=float(recognised[0]), retrieved=float(recognised[1]))
        found.append(
            Render(REAL, each.sentence, False, 0, each.phoneme_count, measured, embedding=speaker_embedding(embeddings))
        )
    return found
