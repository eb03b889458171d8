"""Voice packs for Kokoro-82M, made from recordings.

The stages of the pipeline call this library; it knows nothing of DVC, MLflow or fixed paths.
Every module stands alone, so that a program imports only what it needs:

    voicepack.pack        the voice pack itself: load, check, save
    voicepack.kokoro      frozen, differentiable synthesis with Kokoro
    voicepack.enrollment  recordings to a pack, without training
"""
