"""Arrays that were written before, read."""

from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor

from penchant.logs.reading import as_written


def read_arrays(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file by name, mapped into memory. Raises DataError where it is none."""
    with as_written(path):
        return load_file(path)
