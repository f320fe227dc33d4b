"""Ridge regression in closed form, from sparse rows, in memory that depends on the width alone."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.linalg import cho_factor, cho_solve


@dataclass
class Sums:
    """How many rows of a group there are, and the sums of x and of the targets over them."""

    count: int
    x_P: np.ndarray
    t_T: np.ndarray


class Moments:
    """Sums over rows that the closed form needs: of x with itself, and of x with one or several targets.

    Rows may belong to groups, such as days, each of which has an intercept of its own.
    """

    def __init__(self, width: int, targets: int) -> None:
        self.groups: dict[int, Sums] = {}
        self.xx_PP, self.xt_PT = np.zeros((width, width)), np.zeros((width, targets))

    def add(self, x: sparse.csr_matrix, target: sparse.csr_matrix, group: np.ndarray | None = None) -> None:
        """Some more rows: x [n, P], target [n, T], and the group of each, [n], all of one where it is not given."""
        x, target = x.astype(np.float64), target.astype(np.float64)
        number = np.zeros(x.shape[0], np.int64) if group is None else group
        for one in np.unique(number):
            rows = np.flatnonzero(number == one)
            sums = (np.asarray(part[rows].sum(0)).ravel() for part in (x, target))
            self._add_group(int(one), Sums(len(rows), *sums))
        self.xx_PP += (x.T @ x).toarray()
        self.xt_PT += (x.T @ target).toarray()

    @classmethod
    def summed(cls, parts: Sequence["Moments"], width: int, targets: int) -> "Moments":
        """Of the rows of all parts."""
        total = cls(width, targets)
        for part in parts:
            for group, sums in part.groups.items():
                total._add_group(group, sums)
            total.xx_PP += part.xx_PP
            total.xt_PT += part.xt_PT
        return total

    def only(self, columns: np.ndarray) -> "Moments":
        """The same of some columns of x."""
        part = Moments(0, 0)
        part.groups = {group: Sums(sums.count, sums.x_P[columns], sums.t_T) for group, sums in self.groups.items()}
        part.xx_PP, part.xt_PT = self.xx_PP[np.ix_(columns, columns)], self.xt_PT[columns]
        return part

    def mixed(self, share: float) -> "Moments":
        """Where the targets are two halves side by side, the first less a share of the second as the target."""
        half = self.xt_PT.shape[1] // 2

        def one(both: np.ndarray) -> np.ndarray:
            return both[..., :half] - share * both[..., half:]

        part = Moments(0, 0)
        part.groups = {group: Sums(sums.count, sums.x_P, one(sums.t_T)) for group, sums in self.groups.items()}
        part.xx_PP, part.xt_PT = self.xx_PP, one(self.xt_PT)
        return part

    def solve(self, penalty: float) -> np.ndarray:
        """weight_PT = (XᵀX + λI)⁻¹ XᵀT, X and T centred within each group."""
        xx_PP, xt_PT = self.centred(penalty)
        return cho_solve(cho_factor(xx_PP, lower=True, overwrite_a=True, check_finite=False), xt_PT)

    def intercept(self, weight_PT: np.ndarray, *, latest: bool = False) -> np.ndarray:
        """[T], not penalised: of all groups, or of the one with the lowest number."""
        kept = self.means(latest=latest)
        return (kept.t_T - kept.x_P @ weight_PT) / kept.count

    def reduce(self, weight_PT: np.ndarray, rank: int) -> tuple[np.ndarray, np.ndarray]:
        """Weights cut to `rank`, weight_PT ≈ into_PR @ out_TR.T: the best of its rank for the fitted values."""
        xx_PP, _ = self.centred(0.0)
        _, vectors_TT = np.linalg.eigh(weight_PT.T @ xx_PP @ weight_PT)
        out_TR = np.ascontiguousarray(vectors_TT[:, ::-1][:, :rank])
        return weight_PT @ out_TR, out_TR

    def _add_group(self, group: int, sums: Sums) -> None:
        kept = self.groups.get(group)
        if kept is None:
            self.groups[group] = Sums(sums.count, sums.x_P.copy(), sums.t_T.copy())
        else:
            kept.count, kept.x_P, kept.t_T = kept.count + sums.count, kept.x_P + sums.x_P, kept.t_T + sums.t_T

    def means(self, *, latest: bool) -> Sums:
        """Sums of all groups, or of the one with the lowest number."""
        chosen = [self.groups[min(self.groups)]] if latest else list(self.groups.values())
        x_P, t_T = (np.sum([getattr(sums, name) for sums in chosen], 0) for name in ("x_P", "t_T"))
        return Sums(sum(sums.count for sums in chosen), x_P, t_T)

    def centred(self, penalty: float) -> tuple[np.ndarray, np.ndarray]:
        """XᵀX + λI and XᵀT, centred within each group."""
        sums = list(self.groups.values())
        x_GP, t_GT = np.stack([one.x_P for one in sums]), np.stack([one.t_T for one in sums])
        mean_GP = x_GP / np.array([[one.count] for one in sums])
        xx_PP, xt_PT = self.xx_PP - x_GP.T @ mean_GP, self.xt_PT - mean_GP.T @ t_GT
        xx_PP[np.diag_indices_from(xx_PP)] += penalty
        return xx_PP, xt_PT


class Predictor:
    """What `Moments` predict for a few rows, with one penalty after the other, in single precision and without working
    out the weights."""

    def __init__(self, moments: Moments) -> None:
        xx_PP, xt_PT = moments.centred(0.0)
        self._xx_PP, self._xt_PT = xx_PP.astype(np.float32), xt_PT.astype(np.float32)
        every, latest = moments.means(latest=False), moments.means(latest=True)
        self._mean_P, self._mean_T = every.x_P / every.count, every.t_T / every.count
        self._moved_P = self._mean_P - latest.x_P / latest.count
        self._moved_T = latest.t_T / latest.count - self._mean_T

    def predict(self, x: sparse.csr_matrix, penalty: float) -> tuple[np.ndarray, np.ndarray]:
        """Of rows x [n, P]: [n, T], and what the intercept of the latest group adds, [T]."""
        xx_PP = self._xx_PP.copy()
        xx_PP[np.diag_indices_from(xx_PP)] += np.float32(penalty)
        x_nP = np.concatenate([x.toarray() - self._mean_P, self._moved_P[None]]).astype(np.float32)
        factor = cho_factor(xx_PP, lower=True, overwrite_a=True, check_finite=False)
        found_nT = cho_solve(factor, x_nP.T, overwrite_b=True, check_finite=False).T @ self._xt_PT
        return found_nT[:-1] + self._mean_T.astype(np.float32), found_nT[-1] + self._moved_T.astype(np.float32)
