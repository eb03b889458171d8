"""A voice for the page, written by the project's own writers: tones instead of speech, invented measures."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from voicepack.evaluation import f0_table, length_table
from voicepack.files import write_table, write_tensors
from voicepack.page.page import build_page
from voicepack.page.voice_report import VoiceFiles, VoiceReport, retrieval
from voicepack.preparation import Rejected, write_rejected
from voicepack.renders import FLOOR, NEW, REAL, Measured, Render, write_renders
from voicepack.sentence import Recording, Sentence, write_sentences

LIKENESS = {NEW: 0.7, FLOOR: 0.5, REAL: 0.9, "enrolled": 0.6}
ROYALTY = Rejected("train/royal.wav", "train/metadata.jsonl:3", "text is not speech: <i>1 & 2</i>")
FACTS = {"made by": "dvc repro evaluate@tone", "pack_md5": "0123456789abcdef", "judge of likeness": "a tuning fork"}
ORIGIN = {"speaker": "Nobody", "licence": "CC0-1.0", "consent": "none needed: a tone", "weights_sha256": "fee1c258"}
_TRAINED = ("mel", "mel_statistics", "f0", "f0_statistics", "energy", "duration")

SPEED = {"cores": 2.0, "real_time_factor": 0.4, "enrol_s": 1.0, "train_s": 150.0}


def tone(hertz: float, seconds: float = 1.0) -> Tensor:
    """Return a harmonic tone `[seconds * 24000]`."""
    time = torch.arange(round(24_000 * seconds)) / 24_000
    return sum(0.2 / n * torch.sin(2 * torch.pi * n * hertz * time) for n in range(1, 6))


def sentence(name: str, text: str, held_out: bool) -> Sentence:
    curve = torch.full((1, 80), 150.0)
    recording = Recording(torch.full((5,), 8.0), curve, torch.ones(1, 80), tone(150), 12_000.0) if held_out else None
    return Sentence(name, text, "a" * min(len(text), 90), recording)


SENTENCES = (
    sentence("held_1", "Held out, <b>bold</b> & brave </script>.", True),
    sentence("held_2", "Another text that nobody has trained on.", True),
    sentence("fixed_1", "Yes.", False),
    sentence("fixed_2", "A gentle breeze moved the long grass.", False),
    sentence("fixed_3", "A gentle breeze moved the long grass beside the pond until the evening came.", False),
)


def render(voice: str, spoken: Sentence, seed: int, hertz: float) -> Render:
    """Return a render with embedding (1, 0) for the new voice and the real one, (0, 1) for all others."""
    measured = Measured(
        seconds=1.0, likeness=LIKENESS[voice] + 0.01 * seed + 0.001 * len(spoken.text), retrieved=1.0, words=5.0,
        word_errors=1.0, dnsmos=3.0, faulty=0.0,
        **({"mel_loss": 1.0, "f0_correlation": 0.5} if spoken.held_out and voice != REAL else {}),
    )  # fmt: skip
    return Render(
        voice, spoken.name, spoken.held_out, seed, len(spoken.phonemes), measured,
        embedding=torch.tensor([1.0, 0.0] if voice in (NEW, REAL) else [0.0, 1.0]),
        audio=None if seed or (voice == REAL and not spoken.held_out) else tone(hertz, 1.0 if voice == REAL else 1.3),
        f0=torch.full((104,), hertz) if seed == 0 and spoken.held_out and voice != REAL else None,
    )  # fmt: skip


def write_voice(
    folder: Path, sentences: Sequence[Sentence] = SENTENCES, rejected: Sequence[Rejected] = (ROYALTY,)
) -> VoiceFiles:
    """Write everything that the page reads of a voice. A voice of fixed sentences alone has no real clips."""
    new = [render(NEW, each, seed, 150) for each in sentences for seed in (0, 1)]
    floor = [render(FLOOR, each, 0, 220) for each in sentences]
    real = [render(REAL, each, 0, 150) for each in sentences if sentences[0].held_out]
    enrolled = [render("enrolled", each, 0, 180) for each in sentences]
    write_sentences(folder / "reference", sentences)
    write_renders(folder / "reference", [*floor, *real])
    write_tensors(
        folder / "reference" / "speaker.safetensors", {"embedding": torch.tensor([1.0, 0.0])}, {"nearest": "af_one"}
    )
    write_renders(folder / "baselines", enrolled)
    write_renders(folder / "new", new)
    write_table(folder / "lengths.tsv", length_table([*new, *floor, *real]))
    write_table(folder / "f0.tsv", f0_table(new, sentences), ("voice", "sentence", "recorded_hz", "rendered_hz"))
    write_table(
        folder / "training.tsv", [{"step": step} | dict.fromkeys(_TRAINED, 1 / (1 + step)) for step in range(30)]
    )
    write_rejected(folder / "rejected.tsv", rejected)
    write_tensors(folder / "pack.safetensors", {"voice": stock_packs()["af_one"] + 0.1}, ORIGIN)
    return VoiceFiles(
        reference=folder / "reference", baselines=folder / "baselines", new=folder / "new",
        lengths=folder / "lengths.tsv", f0=folder / "f0.tsv",
        training=folder / "training.tsv", rejected=folder / "rejected.tsv", pack=folder / "pack.safetensors",
    )  # fmt: skip


def stock_packs() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {name: torch.randn(510, 1, 256, generator=generator) for name in ("af_one", "af_two", "am_one", "am_two")}


def page(reports: Sequence[VoiceReport], missing: Sequence[str] = ()) -> str:
    found = retrieval(reports, {"af_one": torch.tensor([0.0, 1.0])})
    return build_page(reports, found, stock_packs(), missing, SPEED, fixed_sentences=2)
