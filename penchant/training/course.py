"""Epochs one after the other, on disk: gone on with where they stopped, the best weights kept, the end whole."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from torch import nn
from torch.optim import Optimizer

from penchant.files import remove
from penchant.training.checkpoint import (
    Identity,
    Position,
    load_checkpoint,
    load_tensors,
    put_tensors,
    save_checkpoint,
    save_tensors,
)


@dataclass(frozen=True)
class Course:
    """What is trained, and the folder where checkpoint, best weights, metrics.jsonl and the final weights lie."""

    model: nn.Module
    optimizers: list[Optimizer]
    folder: Path
    identity: Identity

    def run(self, epochs: int, patience: int, epoch: Callable[[Position], Position]) -> None:
        """Train up to `epochs`, or until `patience` of them were no better, and leave the best weights.

        epoch: trains one and ends with `judge`. What was killed goes on from its last checkpoint.
        """
        path, position = self.folder / "checkpoint.safetensors", Position()
        if path.exists():
            position = load_checkpoint(path, self.model, self.optimizers, self.identity)
        _forget_after(self.folder / "metrics.jsonl", position)
        while position.epoch < epochs and position.epoch - position.best_epoch <= patience:
            position = epoch(position)
            self.save(position)
        best, _ = load_tensors(self.folder / "best.safetensors")
        put_tensors(self.model, best, self.folder / "best.safetensors")
        said = {part: getattr(self.identity, part) for part in ("model", "vocabularies", "training")}
        save_tensors(self.folder / "weights.safetensors", best, said)
        remove(path)
        remove(self.folder / "best.safetensors")

    def save(self, position: Position) -> None:
        """A checkpoint."""
        save_checkpoint(self.folder / "checkpoint.safetensors", self.model, self.optimizers, position, self.identity)

    def judge(self, position: Position, score: float, measured: dict[str, float]) -> Position:
        """Where the next epoch begins; the weights are kept if no epoch had a higher score.

        measured: what metrics.jsonl tells of the epoch beside its score.
        """
        line = {"epoch": position.epoch, "validation": score, **measured}
        with open(self.folder / "metrics.jsonl", "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        after = replace(position, epoch=position.epoch + 1, step=0)
        if score > position.best:
            save_tensors(self.folder / "best.safetensors", self.model.state_dict(), {})
            after = replace(after, best=score, best_epoch=position.epoch)
        return after


def _forget_after(metrics: Path, position: Position) -> None:
    """Drop what a killed run wrote after its last checkpoint, because it will be written again."""
    if metrics.exists():
        lines = metrics.read_text(encoding="utf-8").splitlines()
        kept = [line for line in lines if line.endswith("}") and json.loads(line)["epoch"] < position.epoch]
        metrics.write_text("".join(line + "\n" for line in kept), encoding="utf-8")


def mix(*parts: int) -> int:
    """One seed from several numbers; neighbours give unrelated seeds."""
    mixed = 0x9E3779B97F4A7C15
    for part in parts:
        mixed = ((mixed ^ (part + 0x632BE59BD9B4E019)) * 0xFF51AFD7ED558CCD) % 2**64
        mixed ^= mixed >> 33
    return mixed % 2**63
