"""What several tests share: the real Kokoro and the stock packs, where the `weights` stage has put them."""

import os
import shutil
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"  # before any test imports a library that would ask the hub

import pytest
import quick_project as quick
from torch import Tensor

from voicepack.command import main as voicepack
from voicepack.files import read_tensors
from voicepack.kokoro import Kokoro

MODELS = Path(__file__).parents[1] / "models"


def pytest_configure(config: pytest.Config) -> None:
    for filtered in (
        "ignore::FutureWarning",
        "ignore:.*weight_norm.*",
        "ignore:dropout option adds dropout",
        "ignore:.*scipy.ndimage.morphology.*:DeprecationWarning",
    ):
        config.addinivalue_line("filterwarnings", filtered)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the file that takes longest: of `make test`'s two processes one is at it nearly all the time."""
    items.sort(key=lambda item: item.path.name != "test_pipeline.py")


def _present(path: Path) -> Path:
    if not path.exists():
        pytest.skip(f"{path.relative_to(MODELS.parent)} is absent: run `dvc repro weights`")
    return path


TRACKING = {"tensorboard": False, "wandb": False, "wandb_project": "voices"}


@pytest.fixture
def unrecorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder as the working directory, in which stages leave no run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RANK", "1")  # as of a second process
    return tmp_path


def check_one_line(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Check that the command `voicepack` refuses arguments in one line, and prints nothing else."""
    with pytest.raises(SystemExit) as stopped:
        voicepack(arguments)
    message = str(stopped.value.code)
    assert message.startswith("voicepack: ")
    assert said in message
    assert "\n" not in message
    assert capsys.readouterr().out == ""


@pytest.fixture(scope="session")
def kokoro() -> Kokoro:
    return Kokoro(_present(MODELS / "kokoro" / "model.safetensors").parent)


@pytest.fixture(scope="session")
def stock_packs() -> dict[str, Tensor]:
    return read_tensors(_present(MODELS / "stock_voices.safetensors"))[0]


@pytest.fixture(scope="session")
def _quick_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("quick") / "project"
    quick.build(folder)
    return folder


@pytest.fixture
def quick_project(_quick_template: Path, tmp_path: Path) -> Path:
    """A project of its own with the whole graph, whose stages compute nothing; all is done and committed."""
    return Path(shutil.copytree(_quick_template, tmp_path / "project", symlinks=True))
