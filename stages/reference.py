"""What a voice is measured against: the nearest stock voice on the same sentences, and the speaker's own recordings.

None of it depends on training, so it is measured once per speaker.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from functools import partial

from stages import places
from stages.hearing import read_judge
from stages.stage import running
from voicepack.clips import read_clips
from voicepack.errors import VoicepackError
from voicepack.files import read_tensors, write_tensors
from voicepack.floor_and_ceiling import ceilings, held_out_sentences, reference_embedding
from voicepack.likeness import nearest_voice
from voicepack.renders import FLOOR, of_voice, write_renders
from voicepack.sentence import fixed_sentences, real_speech, write_sentences
from voicepack.speaker_encoder import load_speaker_encoder
from voicepack.speaking import Hearing, align_clips, listeners, speak


@dataclass(frozen=True)
class ReferenceSettings:
    sentences: int
    held_out_seconds: float

    def __post_init__(self) -> None:
        """Raise VoicepackError for a number that is too small."""
        if self.sentences < 1:
            raise VoicepackError(f"reference.sentences is {self.sentences}. Write 1 or more.")


def main() -> None:
    with running("reference", ReferenceSettings) as stage:
        settings, voice = stage.settings, stage.voice
        judge_name, stock_speakers = read_judge()
        judge = load_speaker_encoder(judge_name)
        embedding = reference_embedding(judge, read_clips(places.clips(voice), "train"))
        nearest = nearest_voice(read_tensors(places.STOCK_SENTENCES)[0], embedding)
        pack = read_tensors(places.STOCK_VOICES)[0][nearest]
        held_out = read_clips(places.clips(voice), "held_out")
        hearing = Hearing(places.KOKORO, judge_name, embedding, stock_speakers)
        with listeners(hearing) as workers:
            sentences = [
                *fixed_sentences(settings.sentences),
                *held_out_sentences(held_out, partial(align_clips, workers, pack=pack), settings.held_out_seconds),
            ]
            renders = speak(workers, sentences, {FLOOR: pack}, real=True)
        renders += ceilings(judge, hearing, real_speech(sentences), of_voice(renders, FLOOR))

        folder = places.reference(voice)
        shutil.rmtree(folder, ignore_errors=True)
        write_sentences(folder, sentences)
        write_renders(folder, renders)
        write_tensors(places.speaker(voice), {"embedding": embedding}, {"nearest": nearest, "judge": judge_name})


if __name__ == "__main__":
    main()
