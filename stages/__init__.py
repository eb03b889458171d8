"""One short script per DVC stage. Stage name = module name = section of params.yaml."""

import ctypes

import voicepack  # noqa: F401  # before torch, which reads what it sets


def _keep_freed_memory() -> None:
    """Let glibc use memory that was freed again, instead of giving every large block back to the system at once.

    Asked for it anew, the system clears each page first, and tensors of tens of megabytes come and go with every layer:
    docs/performance.md. See mallopt(3); other C libraries are left as they are.
    """
    trim_threshold, mmap_max = -1, -4  # M_TRIM_THRESHOLD, M_MMAP_MAX of malloc.h
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):
        library.mallopt(mmap_max, 0)
        library.mallopt(trim_threshold, -1)


_keep_freed_memory()
