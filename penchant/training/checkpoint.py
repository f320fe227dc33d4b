"""Where training stands, in one file that is whole or not there: weights, optimizers, what the epoch began with,
position."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import load, save_file
from torch import Tensor, nn
from torch.optim import Optimizer

from penchant.errors import CheckpointError, StaleVocabularyError
from penchant.files import aside
from penchant.logs.reading import as_written
from penchant.training.optimizers import restore, state_of


@dataclass(frozen=True)
class Position:
    """The next step: `epoch`, and `step` within it; how validation has gone so far; losses: of the epoch's steps before
    this one."""

    epoch: int = 0
    step: int = 0
    best: float = float("-inf")
    best_epoch: int = -1
    losses: Sequence[float] = ()


@dataclass(frozen=True)
class Identity:
    """What weights belong to. They may be loaded only where all of it is the same."""

    model: str
    """The model's config as JSON."""
    vocabularies: str
    """Fingerprints of all vocabularies, as JSON."""
    training: str
    """The training config as JSON, with the fingerprint of the data."""


def save_checkpoint(
    path: Path,
    model: nn.Module,
    optimizers: list[Optimizer],
    begun: Mapping[str, Tensor],
    position: Position,
    identity: Identity,
) -> None:
    """Write where training stands. begun: see `Objective.begun`."""
    tensors = {f"model.{name}": value for name, value in model.state_dict().items()}
    tensors |= {f"optimizer.{name}": value for name, value in state_of(optimizers).items()}
    tensors |= {f"begun.{name}": value for name, value in begun.items()}
    save_tensors(path, tensors, {**asdict(identity), "position": json.dumps(asdict(position))})


def load_checkpoint(
    path: Path, model: nn.Module, optimizers: list[Optimizer], identity: Identity
) -> tuple[Position, dict[str, Tensor]]:
    """Put model and optimizers back to where the checkpoint was written: the position, and what the epoch began with.

    Raises StaleVocabularyError for another vocabulary, CheckpointError for another model or training config.
    """
    tensors, said = load_tensors(path)
    refuse_other(path, said, identity)
    put_tensors(model, _part(tensors, "model."), path)
    with as_written(path):
        restore(optimizers, _part(tensors, "optimizer."))
        return Position(**json.loads(said["position"])), _part(tensors, "begun.")


def refuse_other(path: Path, said: Mapping[str, str], identity: Identity) -> None:
    """Raise if the weights at `path` belong to something else; what they belong to stands in their header."""
    if said.get("vocabularies") != identity.vocabularies:
        raise StaleVocabularyError(
            f"{path} was trained with vocabularies {said.get('vocabularies')} but this run has "
            f"{identity.vocabularies}; use the run folder that the weights belong to, "
            f"or remove {path.parent} and train again"
        )
    for part in ("model", "training"):
        if said.get(part) != getattr(identity, part):
            raise CheckpointError(
                f"{path} was made {_differently(part, said.get(part), getattr(identity, part))}; "
                f"give the run another --out, or remove {path.parent} and train again"
            )


def _differently(part: str, saved: str | None, wanted: str) -> str:
    """By what weights were made, where a config, as JSON, differs from the one that is wanted.

    >>> _differently("training", '{"seed": 0, "rate": 0.1}', '{"seed": 1, "rate": 0.1, "batch": 8}')
    'by another training config: seed was 0, is 1; batch was not there, is 8'
    >>> _differently("training", '{"data": {"log": "a", "cut": "c"}}', '{"data": {"log": "b", "cut": "c"}}')
    'from other data: another log'
    """
    old, new = _object(saved), json.loads(wanted)
    old_data, new_data = old.pop("data", {}), new.pop("data", {})
    if old == new and isinstance(old_data, dict):
        changed = [name for name in {**old_data, **new_data} if old_data.get(name) != new_data.get(name)]
        return f"from other data: another {', '.join(changed)}"
    there = {key: (_told(old, key), _told(new, key)) for key in {**old, **new}}
    told = "; ".join(f"{key} was {was}, is {now}" for key, (was, now) in there.items() if was != now)
    return f"by another {part} config: {told}"


def _object(said: str | None) -> dict[str, object]:
    """What a header tells; empty where it is no object."""
    try:
        told = json.loads(said or "{}")
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def _told(values: dict[str, object], key: str) -> str:
    return json.dumps(values[key]) if key in values else "not there"


def save_tensors(path: Path, tensors: Mapping[str, Tensor], said: dict[str, str]) -> None:
    """A safetensors file with a header of texts, whole or not there."""
    with aside(path) as temporary:
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, temporary, metadata=said)


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and header. Raises CheckpointError where the file is not whole.

    They are read, not mapped: the system ends a process that looks at what was mapped of a file that somebody has
    written over since.
    """
    content = path.read_bytes()
    try:
        return load(content), _header(content)
    except SafetensorError as error:
        raise CheckpointError(f"{path} is damaged ({error}); remove it and train again") from None


def map_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The same without reading all of it, for what is large and soon let go of. Raises what `load_tensors` does."""
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except SafetensorError as error:
        raise CheckpointError(f"{path} is damaged ({error}); remove it and train again") from None


def _header(content: bytes) -> dict[str, str]:
    """The texts at the head of a safetensors file that is sound: eight bytes say how long it is."""
    head = content[8 : 8 + int.from_bytes(content[:8], "little")]
    return dict(json.loads(head).get("__metadata__") or {})


def load_trained(path: Path, identity: Identity) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and header of what was trained. Raises CheckpointError where the file is not whole, belongs to something
    else (StaleVocabularyError: to another vocabulary), or holds what is not finite."""
    tensors, said = load_tensors(path)
    refuse_other(path, said, identity)
    with as_written(path):
        broken = [name for name, tensor in tensors.items() if not tensor.isfinite().all()]
    if broken:
        raise CheckpointError(
            f"{path}: {broken[0]!r} holds what is not finite; remove the folder, lower the rate if it was trained so, "
            f"and train again"
        )
    return tensors, said


def put_tensors(model: nn.Module, tensors: Mapping[str, Tensor], path: Path) -> None:
    """Put tensors that were read from `path` into a model. Raises CheckpointError where names, shapes or types of
    numbers do not fit."""
    try:
        for name, own in model.state_dict().items():
            if name in tensors and tensors[name].dtype != own.dtype:
                raise TypeError(f"{name!r} holds {tensors[name].dtype}, not {own.dtype}")
        model.load_state_dict(tensors)
    except (RuntimeError, TypeError) as error:
        said = " ".join(str(error).split())
        raise CheckpointError(
            f"{path} does not fit this version of the model ({said[:300]}); remove {path.parent} and train again"
        ) from None


def _part(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
