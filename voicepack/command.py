"""The command `voicepack`: enroll CLIP… --out my.pt, transcribe RECORDING… --out my_dataset"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from voicepack.errors import VoicepackError


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command; errors that the user can fix end it with one line and exit code 1."""
    parser = argparse.ArgumentParser(prog="voicepack", description="Voice packs for Kokoro-82M from recordings.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    enroll = commands.add_parser("enroll", help="make a pack from recordings of one speaker, without training")
    enroll.add_argument("clips", nargs="+", type=Path, metavar="CLIP", help="a recording of a second or more")
    enroll.add_argument("--out", required=True, type=Path, metavar="my.pt", help="the pack; beside it the same as"
                        " .safetensors with metadata and as .npz for kokoro-onnx")  # fmt: skip
    enroll.add_argument("--models", default="models", type=Path, metavar="FOLDER", help="default: %(default)s")
    for name, what in (("speaker", "who spoke"), ("licence", "of the recordings"), ("consent", "to this voice")):
        enroll.add_argument(f"--{name}", default="not stated", metavar="TEXT", help=f"{what}, as the pack carries it")
    enroll.set_defaults(run=run_enroll)
    transcribe = commands.add_parser("transcribe", help="make a dataset of recordings of any length, without texts")
    transcribe.add_argument("recordings", nargs="+", type=Path, metavar="RECORDING", help="a file, or a folder of them")
    transcribe.add_argument("--out", required=True, type=Path, metavar="my_dataset", help="the folder that is made")
    transcribe.set_defaults(run=lambda parsed: run_transcribe(parsed.recordings, parsed.out))
    parsed = parser.parse_args(arguments)
    try:
        parsed.run(parsed)
    except (VoicepackError, OSError) as error:  # OSError: --out where nothing can be written
        sys.exit(f"voicepack: {error}")


def run_enroll(options: argparse.Namespace) -> None:
    """Enroll and save. Raises VoicepackError if a clip, a network or the name of the pack is unfit."""
    clips, out, models = options.clips, options.out, options.models
    if out.suffix != ".pt":
        raise VoicepackError(f"--out {out}: a pack's name ends in .pt, because Kokoro looks for that.")

    from voicepack.constants import SAMPLE_RATE
    from voicepack.enrollment import Enroller, read_recording
    from voicepack.files import sha256
    from voicepack.pack import VoicePack

    enroller = Enroller.load(models)
    started = time.perf_counter()
    recordings = [read_recording(clip) for clip in clips]
    pack = enroller.enroll(recordings)
    took = time.perf_counter() - started
    about = {
        "name": out.stem,
        "speaker": options.speaker,
        "licence": options.licence,
        "consent": options.consent,
        "made_by": "enrolment, without training",
        "recordings_sha256": " ".join(map(sha256, clips)),
        "style_encoder_sha256": sha256(models / "style_encoder.safetensors"),
        "reader_sha256": sha256(models / "reader.safetensors"),
    }
    VoicePack(pack, about).save(out)
    seconds = sum(map(len, recordings)) / SAMPLE_RATE
    print(f"{out}: a pack from {seconds:.1f} s of speech in {len(clips)} clips, made in {took:.1f} s")


def run_transcribe(recordings: Sequence[Path], out: Path) -> None:
    """Cut and write down. Raises VoicepackError if a recording or the folder is unfit."""
    from voicepack.transcription import recordings_in, transcribe

    written = transcribe(recordings_in(recordings), out)
    left_out = f"; {written.wordless} left out, in which no word was understood" if written.wordless else ""
    print(f"{out}: {written.clips} clips, {written.seconds:.0f} s{left_out}")
    print(f"Read over what they say: {out / 'train/metadata.jsonl'}")


if __name__ == "__main__":
    main()
