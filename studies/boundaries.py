"""How far off alignment finds the boundaries of phonemes: on speech that Kokoro renders, where they are known.

    python -m studies.boundaries     some minutes; writes the table of docs/ablation.md

Stock voices speak; what they say is aligned by another voice, the nearest and the farthest by the judge. By the voice
itself it says what aligning anew, as the voice improves, could gain at most; with damage, what a recording costs.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor
from tqdm import tqdm

from stages import places
from stages.stage import one_line_errors
from studies.texts import some_texts
from tools.command import command_parser
from voicepack.alignment import align
from voicepack.audio import write_audio
from voicepack.clips import Clip
from voicepack.constants import FRAME_SAMPLES, SAMPLE_RATE
from voicepack.damage import damage
from voicepack.files import read_tensors
from voicepack.kokoro import Kokoro, row_of
from voicepack.likeness import cosine
from voicepack.markdown import markdown_table, put_table

_SPEAKERS = ("af_bella", "am_michael", "bf_emma", "bm_george")
_TEXTS = 5
_PAGE = Path("docs/ablation.md")
_HEADER = ("aligned by", "boundaries", "mean, ms", "median, ms", "within 50 ms", "within 100 ms")


def main() -> None:
    command_parser("studies.boundaries", __doc__).parse_args()
    kokoro, packs = Kokoro(places.KOKORO), read_tensors(places.STOCK_VOICES)[0]
    likenesses = read_tensors(places.STOCK_SPEAKERS)[0]
    texts = some_texts(_TEXTS).values()
    errors: dict[str, list[Tensor]] = {}
    for speaker in tqdm(_SPEAKERS, "align"):
        others = sorted(
            (name for name in packs if name != speaker),
            key=lambda name: cosine(likenesses[name], likenesses[speaker]),
        )
        for phonemes in texts:
            audio, truth = spoken(kokoro, phonemes, packs[speaker])
            damaged = damage(audio, torch.Generator().manual_seed(len(phonemes) - 1))
            for name, recording, by in (
                ("the voice itself", audio, speaker),
                ("the nearest other voice", audio, others[-1]),
                ("the nearest, recording damaged", damaged, others[-1]),
                ("the farthest voice", audio, others[0]),
            ):
                found = boundary_errors(kokoro, phonemes, recording, truth, packs[by])
                errors.setdefault(name, []).append(found)
    lines = [_line(name, torch.cat(found)) for name, found in errors.items()]
    text = markdown_table(_HEADER, lines)
    print(text)
    put_table(_PAGE, "boundaries", text)


def spoken(kokoro: Kokoro, phonemes: str, pack: Tensor) -> tuple[Tensor, Tensor]:
    """Speak with a pack `[510, 1, 256]`: return audio `[samples]` and how many frames each phoneme lasts."""
    with torch.no_grad():
        frames = kokoro.predict(kokoro.encode_text(phonemes), row_of(pack, phonemes)).frames
    return kokoro.render(phonemes, pack, seed=7), frames


def boundary_errors(kokoro: Kokoro, phonemes: str, audio: Tensor, truth: Tensor, by: Tensor) -> Tensor:
    """Return how far off the boundaries between phonemes are found, `[phonemes + 1]` in milliseconds.

    The pack `by` `[510, 1, 256]` aligns `audio` `[samples]`, whose phonemes last `truth` frames.
    """
    with TemporaryDirectory() as folder:
        file = Path(folder, "clip.wav")
        write_audio(file, audio)
        clip = Clip(file.name, "", phonemes, file, len(audio), SAMPLE_RATE / 2, 40.0)
        (aligned,) = align(kokoro, [clip], by)
    milliseconds = 1000 * FRAME_SAMPLES / SAMPLE_RATE
    return (aligned.frames.cumsum(0) - truth.cumsum(0))[:-1].abs() * milliseconds


def _line(name: str, errors: Tensor) -> tuple[str, ...]:
    shares = (f"{100 * float((errors <= limit).float().mean()):.0f} %" for limit in (50, 100))
    return (name, str(len(errors)), f"{float(errors.mean()):.0f}", f"{float(errors.median()):.0f}", *shares)


if __name__ == "__main__":
    with one_line_errors("boundaries"):
        main()
