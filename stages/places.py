"""Where stages keep what they make, as dvc.yaml says. What enrolment loads, it finds in `models` by itself."""

from __future__ import annotations

from pathlib import Path

MODELS = Path("models")
KOKORO = Path("models/kokoro")
STOCK_VOICES = Path("models/stock_voices.safetensors")
STYLE_ENCODER = Path("models/style_encoder.safetensors")
READER = Path("models/reader.safetensors")

STOCK_SPEAKERS = Path("models/stock_speakers.safetensors")
STOCK_SENTENCES = Path("models/stock_sentences.safetensors")
PAIRS = Path("models/pairs.safetensors")
PRIOR = Path("models/prior.safetensors")
CORPUS = Path("voicepack/corpus")
DEMO = Path("data/demo")
TRUTH = "truth.safetensors"  # in a synthetic dataset, and its clips: the voice vector that spoke it
RENDERED_SPEECH = Path("data/rendered_speech")  # scratch: kept out of Git and DVC, rendered again when missing
CHECKPOINTS = Path("models/checkpoints")  # scratch as well
MADE = "made.sha256"  # beside the checkpoints of a voice: SHA-256 of the projection trained from them
METRICS = Path("metrics")
SUMMARY = METRICS / "summary.json"  # of all voices
SAMPLES = Path("metrics/samples")
REPORT = Path("metrics/report.html")
BENCH = Path("metrics/bench.json")  # written by `make bench`, which is not a stage
BENCH_GPU = Path("metrics/bench_gpu.json")  # by studies.bench_gpu, not a stage either
ENCODER_TRAINING = METRICS / "encoder_training.json"
READER_METRICS = METRICS / "reader.json"
PRETRAIN_METRICS = METRICS / "pretrain.json"
ENCODER_METRICS = METRICS / "encoder.json"  # by studies.assess_encoder, not a stage either
# Beside the measures of the voices, each of which is named by its voice: no voice can have the name of one of these.
NOT_OF_A_VOICE = (SUMMARY, ENCODER_TRAINING, READER_METRICS, PRETRAIN_METRICS, ENCODER_METRICS, BENCH, BENCH_GPU)
BENCH_VOICES = Path("metrics/voices.tsv")  # written by `make bench-voices`, not a stage either
ABLATION = METRICS / "ablation.tsv"  # by studies.ablation and studies.fitted_rows, which are not stages
ROWS = METRICS / "rows.tsv"


def code(stage: str) -> Path:
    """Return the file that names the code behind a stage."""
    return Path("data/code") / f"{stage}.md5"


def clips(voice: str) -> Path:
    """Return the folder of a voice's prepared clips."""
    return Path("data/clips") / voice


def truth(voice: str) -> Path:
    """Return the file of a synthetic speaker's true voice vector; a real speaker has none."""
    return clips(voice) / TRUTH


def styles(voice: str) -> Path:
    """Return the file of a voice's style vectors."""
    return Path("data/styles") / f"{voice}.safetensors"


def projection(voice: str) -> Path:
    """Return the file of a voice's trained projection."""
    return Path("models/projection") / f"{voice}.safetensors"


def training(voice: str) -> Path:
    """Return the table of a voice's losses by step."""
    return METRICS / "training" / f"{voice}.tsv"


def measures(voice: str) -> Path:
    """Return the file of a voice's measures."""
    return METRICS / f"{voice}.json"


def scores(voice: str) -> Path:
    """Return the table of a voice's measures with intervals, beside those of the floor and of real clips."""
    return METRICS / "scores" / f"{voice}.tsv"


def lengths(voice: str) -> Path:
    """Return the table of a voice's measures by length of the sentence."""
    return METRICS / "lengths" / f"{voice}.tsv"


def f0(voice: str) -> Path:
    """Return the table of a voice's F0 curves."""
    return METRICS / "f0" / f"{voice}.tsv"


def sentences(voice: str) -> Path:
    """Return the table of every sentence that a voice has spoken."""
    return METRICS / "sentences" / f"{voice}.tsv"


def pack(voice: str) -> Path:
    """Return a voice's pack, as KPipeline loads it."""
    return Path("models/voices") / f"{voice}.pt"


def card(voice: str) -> Path:
    """Return a voice's card."""
    return Path("models/cards") / f"{voice}.md"


def reference(voice: str) -> Path:
    """Return the folder of the floor's and the speaker's own samples of a voice, and of what they say."""
    return SAMPLES / voice / "reference"


def speaker(voice: str) -> Path:
    """Return the file of a speaker as the judge hears them."""
    return reference(voice) / "speaker.safetensors"


def baselines(voice: str) -> Path:
    """Return the folder of other recipes' packs and samples of a voice."""
    return SAMPLES / voice / "baselines"


def voice_samples(voice: str) -> Path:
    """Return the folder of a voice's own samples."""
    return SAMPLES / voice / "new"
