"""Voice packs for Kokoro-82M, made from recordings.

The stages of the pipeline call this library. It runs neither DVC nor MLflow; what it says to users names the pipeline's
settings and commands. A program imports only the modules that it needs:

    voicepack.pack        the voice pack itself: load, check, save
    voicepack.kokoro      frozen, differentiable synthesis with Kokoro
    voicepack.enrollment  recordings to a pack, without training
"""

import os

# Otherwise MKL, which multiplies torch's matrices, adds up in another order each time on several threads of some
# processors, and no voice comes out twice. Read at its first call, so before anything is computed; see "Conditional
# Numerical Reproducibility" in oneMKL's developer guide.
os.environ.setdefault("MKL_CBWR", "AUTO")

# Otherwise each of torch's threads keeps its core busy while it waits for the others, and a program beside it, which
# holds up one of them, holds up all: docs/performance.md. Read as torch is loaded; see "GOMP_SPINCOUNT" in libgomp's
# manual.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
