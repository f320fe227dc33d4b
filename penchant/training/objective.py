"""What a kind of model learns by: the only thing that the loop knows of it."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence, Sized
from typing import ClassVar, Generic, TypeVar

from torch import Tensor, nn

Learner = TypeVar("Learner", bound=nn.Module)
Part = TypeVar("Part", bound=Sized)


class Objective(ABC, Generic[Learner, Part]):
    """What a model learns from, its loss, and how good it is.

    Learner: the models that learn by it; Part: what one step is made of; its length is the number of samples.

    Promises: the same seed and epoch give the same steps; `loss` draws random numbers from torch's global generator
    alone, which the loop seeds before each step; what `begin` makes depends on the model, the config and the epoch
    only. So a run that was stopped at any step ends with the weights of one that was not.
    """

    name: ClassVar[str]
    """What the progress of training is called."""
    samples: ClassVar[str]
    """What samples are called, in the plural."""

    def begin(self, model: Learner, epoch: int) -> None:
        """Make what depends on the model as it is just before an epoch, counted from 0; the model is in evaluation
        mode.

        `loss` reads it throughout the epoch. So does `judge`, which is asked after the `begin` of the next epoch: what
        both need is made once. Nothing is made by default.
        """

    @property
    def begun(self) -> Mapping[str, Tensor]:
        """What `begin` has made. It is kept in checkpoints, because within an epoch the model that it was made of is
        gone."""
        return {}

    def restore(self, begun: Mapping[str, Tensor]) -> None:
        """Put back what `begun` gave."""

    @abstractmethod
    def steps(self, epoch: int) -> Sequence[Part]:
        """The steps of an epoch, in order."""

    @abstractmethod
    def loss(self, model: Learner, step: Part) -> Tensor:
        """The loss of one step, a scalar, for a model in training mode."""

    @abstractmethod
    def judge(self, model: Learner) -> float:
        """How good the model is for who is held out, higher is better; the model is in evaluation mode."""
