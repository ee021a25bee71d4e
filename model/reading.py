"""Reading what PyTorch's distributed checkpoint (DCP) wrote, without running what is in it.

DCP reads tensors as weights only, but the list of them, `.metadata`, is a pickle that it loads
whole, and an entry that says it is bytes it loads as a pickle, too: a checkpoint from elsewhere
would run whatever code it holds. Here the list may be made of DCP's own records alone, none of
which is of bytes, and name files of the checkpoint alone.
"""

import pickle
from pathlib import Path, PurePath
from typing import Any

import torch
import torch.distributed.checkpoint as dcp
from torch import Tensor
from torch.distributed.checkpoint import FileSystemReader
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.metadata import Metadata, StorageMeta

_RECORDS = "torch.distributed.checkpoint.metadata"
_NAMES = {
    *((_RECORDS, n) for n in ("Metadata", "TensorStorageMetadata", "TensorProperties")),
    *((_RECORDS, n) for n in ("ChunkStorageMetadata", "MetadataIndex", "StorageMeta")),
    (_RECORDS, "_MEM_FORMAT_ENCODING"),
    ("torch.distributed.checkpoint.filesystem", "_StorageInfo"),
    ("torch.serialization", "_get_layout"),
    ("torch", "Size"),
    ("pathlib", "PosixPath"),
    ("pathlib._local", "PosixPath"),  # where Python 3.13 has it
}


class _Records(pickle.Unpickler):
    """Makes nothing but what a list of tensors is made of."""

    def find_class(self, module: str, name: str) -> Any:
        """The class or function of a name that is allowed.

        Raises:
            pickle.UnpicklingError: it is not.
        """
        kind = getattr(torch, name, None) if module == "torch" else None
        if (module, name) not in _NAMES and not isinstance(kind, torch.dtype):
            raise pickle.UnpicklingError(f"{module}.{name} has no place in a checkpoint")
        return super().find_class(module, name)


class SafeReader(FileSystemReader):
    """DCP's reader of a folder, which loads tensors and nothing else."""

    def read_metadata(self, *args: Any, **kwargs: Any) -> Metadata:
        """The list of tensors of a checkpoint.

        Raises:
            pickle.UnpicklingError: it holds something else, or names a file elsewhere.
        """
        path = Path(self._get_metadata_path(kwargs.get("rank")))
        with path.open("rb") as stream:
            metadata = _Records(stream).load()
        if not isinstance(metadata, Metadata):
            raise pickle.UnpicklingError(f"{path} is no list of tensors")
        for place in (metadata.storage_data or {}).values():
            name = str(place.relative_path)
            if name in ("", "..") or name != PurePath(name).name:
                raise pickle.UnpicklingError(f"{path} names {name!r}, outside of the checkpoint")
        metadata.storage_meta = metadata.storage_meta or StorageMeta()
        metadata.storage_meta.load_id = self.load_id
        return metadata


def read_into(state: dict[str, Tensor], checkpoint: Path, *, alone: bool = False) -> None:
    """Set tensors, in place, to those of their names in a checkpoint. Called on all ranks; alone:
    on one that belongs to no group.

    Raises:
        RuntimeError: one is not there or of another shape, or the checkpoint holds something else.
    """
    try:
        dcp.load(state, storage_reader=SafeReader(checkpoint), no_dist=alone)
    except CheckpointException as e:  # it is no Exception
        raise RuntimeError(str(e)) from e
