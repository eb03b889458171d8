"""StyleTTS2's two style encoders: trained here on speech that Kokoro renders, or taken from a checkpoint.

Several processes, started as `voicepack.processes` says, render and train together; the first one writes and reports.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import torch

from stages import places
from stages.speech import rendered_speech
from stages.stage import Stage, running
from voicepack.constants import SAMPLE_RATE
from voicepack.encoder_training import EncoderTraining, train_encoder
from voicepack.files import check_sha256, read_tensors, sha256, write_json, written_whole
from voicepack.processes import processes
from voicepack.quantised import MODEL_FILE
from voicepack.rendered_speech import Speech
from voicepack.rows import base_vector
from voicepack.style_encoder import build_style_encoder, fetch_checkpoint, read_checkpoint, write_style_encoder
from voicepack.voices import HELD_OUT, relative_errors, training_voices


@dataclass(frozen=True)
class EncoderSettings:
    source: str
    hub_repository: str
    hub_revision: str
    hub_file: str
    sha256: str
    allow_pickle: bool
    speech_shards: int
    training: EncoderTraining


def main() -> None:
    with running("encoder", EncoderSettings) as stage:
        settings = stage.settings
        packs, _ = read_tensors(places.STOCK_VOICES)
        speech = rendered_speech(packs)
        held_out = speech.stock(HELD_OUT)
        if settings.source == "trained":
            training = speech.drawn(range(settings.speech_shards))
            checkpoint, about = train(stage, training, held_out), about_training(settings, training)
        elif settings.source == "hub":
            checkpoint = fetch_checkpoint(settings.hub_repository, settings.hub_revision, settings.hub_file)
            check_sha256(checkpoint, settings.sha256)
            about = {"source": f"{settings.hub_repository} at {settings.hub_revision}", "file": settings.hub_file}
        else:
            checkpoint, about = Path(settings.source), {"source": settings.source}
        if not processes().is_main_process:
            return
        tensors = read_checkpoint(checkpoint, allow_pickle=settings.allow_pickle)
        encoders = build_style_encoder(tensors, str(checkpoint))
        write_style_encoder(places.STYLE_ENCODER, encoders, about)
        errors = relative_errors(encoders.encode(held_out.audio), held_out.voices)
        others = torch.stack([base_vector(pack) for pack in training_voices(packs).values()])
        mean_voice = relative_errors(others.mean(0, keepdim=True), held_out.voices)
        metrics = errors.named("error") | mean_voice.named("error", "mean_voice_")
        write_json(places.ENCODER_TRAINING, metrics)
        stage.run.log_metrics(metrics)


def train(stage: Stage[EncoderSettings], training: Speech, held_out: Speech) -> Path:
    """Train the encoders and leave them as a StyleTTS2 checkpoint, the layout that every other source has."""
    inputs = (places.STOCK_VOICES, places.KOKORO / MODEL_FILE, places.CORPUS / "training.txt", places.code("encoder"))
    identity = hashlib.sha256(repr((stage.settings, *map(sha256, inputs))).encode()).hexdigest()[:12]
    encoders = train_encoder(
        training,
        held_out,
        stage.settings.training,
        places.CHECKPOINTS / "encoder" / f"resume_{identity}.pt",
        lambda step, metrics: stage.run.log_metrics(metrics, step),
    )
    checkpoint = places.CHECKPOINTS / "encoder" / "styletts2.pth"
    if processes().is_main_process:
        with written_whole(checkpoint) as temporary:
            torch.save({"net": encoders.checkpoint_state()}, temporary)
    return checkpoint


def about_training(settings: EncoderSettings, training: Speech) -> dict[str, str]:
    """Say in the file's metadata what it was made from."""
    return {
        "source": "trained on speech rendered by Kokoro-82M from stock voices, blends of them and moves around them",
        "clips": str(len(training.audio)),
        "seconds": f"{sum(map(len, training.audio)) / SAMPLE_RATE:.0f}",
        "training": str(settings.training),
        "weights_sha256": sha256(places.KOKORO / MODEL_FILE),
        "voices_sha256": sha256(places.STOCK_VOICES),
        "held_out_voices": " ".join(HELD_OUT),
    }


if __name__ == "__main__":
    main()
