"""How the stock voices sound to the judge: what evaluation takes a new voice's floor from.

Each voice has one embedding of sentences that are used for nothing else, by which a render finds its speaker, and one
of every sentence of the evaluation, the long ones excepted, by which the voice nearest to a new speaker is found.
"""

from __future__ import annotations

from dataclasses import dataclass

from stages import places
from stages.speech import rendered_speech
from stages.stage import running
from voicepack.files import read_tensors, write_tensors
from voicepack.likeness import speaker_embedding
from voicepack.sentence import fixed_sentences
from voicepack.speaker_encoder import load_speaker_encoder
from voicepack.stock_likeness import embed_stock_voices


@dataclass(frozen=True)
class StockSettings:
    judge: str


def main() -> None:
    with running("stock", StockSettings) as stage:
        judge = stage.settings.judge
        packs, _ = read_tensors(places.STOCK_VOICES)
        packs = dict(sorted(packs.items()))
        speech, encoder = rendered_speech(packs), load_speaker_encoder(judge)
        speakers = {
            name: speaker_embedding([encoder.embed(clip) for clip in speech.stock([name]).audio]) for name in packs
        }
        write_tensors(places.STOCK_SPEAKERS, speakers, {"judge": judge})
        phonemes = [each.phonemes for each in fixed_sentences() if not each.long]
        spoken = embed_stock_voices(places.KOKORO, judge, packs, phonemes)
        write_tensors(places.STOCK_SENTENCES, spoken, {"judge": judge})
        stage.run.log_metrics({"stock_voices": len(packs)})


if __name__ == "__main__":
    main()
