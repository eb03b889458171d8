"""The numbers that Kokoro and StyleTTS2 fix."""

SAMPLE_RATE = 24_000
FRAME_SAMPLES = 600  # one alignment frame; F0 and energy have two values per frame
HOP_SAMPLES = 300
MAX_PHONEMES = 510
SHORTEST_SECONDS = 1.0  # of speech in which StyleTTS2's encoders read something reliable
DECODER = slice(0, 128)  # the half of a voice vector that drives the decoder: timbre
PREDICTOR = slice(128, 256)  # the half that drives the predictor: durations, F0, energy
HALVES = (DECODER, PREDICTOR)
