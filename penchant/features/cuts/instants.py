"""The events of a user at one time belong together: no border between history and labels parts them."""

import numpy as np
import polars as pl

from penchant.features.ragged import offsets_of, run_lengths
from penchant.schema import TIME, USER


class Instants:
    """Where the events of each user of a bucket stand, in time. Users are in order of their first event."""

    def __init__(self, events: pl.DataFrame) -> None:
        """events: one bucket in order (USER, TIME)."""
        self.time_N = events[TIME].to_numpy()
        user_N = events[USER].rle_id().to_numpy()
        self.first_U = offsets_of(run_lengths(user_N))
        lengths = run_lengths(user_N, self.time_N)
        self._end_N = np.repeat(np.cumsum(lengths, dtype=np.int64), lengths)

    def whole(self, count_U: np.ndarray) -> np.ndarray:
        """The first `count_U` events of each user, and those at the same time as the last of them: how many.

        >>> events = pl.DataFrame({"user": ["a", "a", "a", "b"], "time": [1.0, 1.0, 2.0, 1.0]})
        >>> Instants(events).whole(np.array([1, 1])), Instants(events).whole(np.array([0, 1]))
        (array([2, 1]), array([0, 1]))
        """
        last_U = self.first_U[:-1] + np.maximum(count_U, 1) - 1
        return np.where(count_U > 0, self._end_N[last_U] - self.first_U[:-1], 0)

    def after(self, count_U: np.ndarray) -> np.ndarray:
        """When the event after the first `count_U` of each user happened; just after the last where there is none.

        >>> events = pl.DataFrame({"user": ["a", "a", "b"], "time": [1.0, 3.0, 2.0]})
        >>> Instants(events).after(np.array([1, 1]))
        array([3., 2.])
        """
        row_U, end_U = self.first_U[:-1] + count_U, self.first_U[1:]
        next_U = self.time_N[np.minimum(row_U, end_U - 1)]
        return np.where(row_U < end_U, next_U, np.nextafter(next_U, np.inf))
