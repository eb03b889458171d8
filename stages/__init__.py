"""One short script per DVC stage. Stage name = module name = section of params.yaml.

Beside them lies what they share: hearing, imports, places, recorders, settings, speech, stage, tracking, voice.
"""

import ctypes
import os

import voicepack  # noqa: F401  # before torch, which reads what it sets


def _keep_freed_memory() -> None:
    """Let glibc use freed memory again, instead of giving every large block back to the system at once.

    Asked for it anew, the system clears each page first, and tensors of tens of megabytes come and go with every layer:
    docs/performance.md. See mallopt(3). Whoever sets a variable of glibc's own (MALLOC_…) is left to it, and so are
    other C libraries.
    """
    trim_threshold, mmap_max = -1, -4  # M_TRIM_THRESHOLD, M_MMAP_MAX of malloc.h
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt") and not any(name.startswith("MALLOC_") for name in os.environ):
        library.mallopt(mmap_max, 0)
        library.mallopt(trim_threshold, -1)


_keep_freed_memory()
