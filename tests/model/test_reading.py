"""Checkpoints from elsewhere: tensors are read, code is not run."""

import pickle
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install '.[train]'")

import torch.distributed.checkpoint as dcp
from torch.distributed.checkpoint.metadata import BytesStorageMetadata

from model.reading import read_into


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    state = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.tensor(7, dtype=torch.float64)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dcp.save(state, checkpoint_id=tmp_path / "step", no_dist=True)
    return tmp_path / "step"


def load(checkpoint: Path) -> dict[str, Any]:
    state = {"a": torch.zeros(2, 3), "b": torch.zeros((), dtype=torch.float64)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        read_into(state, checkpoint, alone=True)
    return state


def test_tensors_come_back(checkpoint: Path) -> None:
    state = load(checkpoint)
    assert torch.equal(state["a"], torch.arange(6.0).reshape(2, 3))
    assert state["b"].item() == 7


class Runs:
    """An object whose pickle calls a function when it is loaded."""

    def __init__(self, function: Callable[..., Any], *given: object) -> None:
        self.function, self.given = function, given

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[object, ...]]:
        return self.function, self.given


@pytest.mark.parametrize("how", ["instead", "inside", "by way of torch"])
def test_code_in_the_list_is_not_run(checkpoint: Path, tmp_path: Path, how: str) -> None:
    path, mark = checkpoint / ".metadata", tmp_path / "ran"
    metadata = pickle.loads(path.read_bytes())
    code = Runs(Path.touch, mark)
    if how == "instead":
        path.write_bytes(pickle.dumps(code))
    elif how == "inside":
        metadata.planner_data = code
        path.write_bytes(pickle.dumps(metadata))
    else:
        path.write_bytes(pickle.dumps(Runs(torch.load, str(mark))))
    with pytest.raises(RuntimeError, match="has no place in a checkpoint"):
        load(checkpoint)
    assert not mark.exists()
    if how == "inside":  # and it would have been
        pickle.loads(path.read_bytes())
        assert mark.exists()


def test_bytes_which_would_be_loaded_as_a_pickle_are_refused(checkpoint: Path) -> None:
    path = checkpoint / ".metadata"
    metadata = pickle.loads(path.read_bytes())
    metadata.state_dict_metadata["b"] = BytesStorageMetadata()
    path.write_bytes(pickle.dumps(metadata))
    with pytest.raises(RuntimeError, match="BytesStorageMetadata has no place in a checkpoint"):
        load(checkpoint)


@pytest.mark.parametrize("name", ["../other", "/etc/passwd", "a/b", ".."])
def test_files_elsewhere_are_not_read(checkpoint: Path, name: str) -> None:
    path = checkpoint / ".metadata"
    metadata = pickle.loads(path.read_bytes())
    for place in metadata.storage_data.values():
        place.relative_path = name
    path.write_bytes(pickle.dumps(metadata))
    with pytest.raises(RuntimeError, match="outside of the checkpoint"):
        load(checkpoint)
