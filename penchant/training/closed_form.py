"""Ridge regression in closed form, from sparse rows, in memory that depends on the width alone."""

from collections.abc import Sequence

import numpy as np
from scipy import sparse
from scipy.linalg import cho_factor, cho_solve


class Moments:
    """Sums over rows that the closed form needs: of x with itself, and of x with one or several targets."""

    def __init__(self, width: int, targets: int) -> None:
        self.count = 0
        self.x_P, self.t_T = np.zeros(width), np.zeros(targets)
        self.xx_PP, self.xt_PT = np.zeros((width, width)), np.zeros((width, targets))

    def add(self, x: sparse.csr_matrix, target: sparse.csr_matrix) -> None:
        """Some more rows: x [n, P], target [n, T]."""
        x, target = x.astype(np.float64), target.astype(np.float64)
        self.count += x.shape[0]
        self.x_P += np.asarray(x.sum(0)).ravel()
        self.t_T += np.asarray(target.sum(0)).ravel()
        self.xx_PP += (x.T @ x).toarray()
        self.xt_PT += (x.T @ target).toarray()

    @classmethod
    def summed(cls, parts: Sequence["Moments"], width: int, targets: int) -> "Moments":
        """Of the rows of all parts."""
        total = cls(width, targets)
        for part in parts:
            total.count += part.count
            for sums in ("x_P", "t_T", "xx_PP", "xt_PT"):
                getattr(total, sums).__iadd__(getattr(part, sums))
        return total

    def only(self, columns: np.ndarray) -> "Moments":
        """The same of some columns of x."""
        part = Moments(0, 0)
        part.count, part.t_T = self.count, self.t_T
        part.x_P, part.xx_PP, part.xt_PT = self.x_P[columns], self.xx_PP[np.ix_(columns, columns)], self.xt_PT[columns]
        return part

    def solve(self, penalty: float) -> tuple[np.ndarray, np.ndarray]:
        """weight_PT = (XᵀX + λI)⁻¹ XᵀT on centred X and T, and the intercept, [T], which is not penalised."""
        xx_PP, xt_PT = self._centred(penalty)
        weight_PT = cho_solve(cho_factor(xx_PP, lower=True, overwrite_a=True, check_finite=False), xt_PT)
        return weight_PT, (self.t_T - self.x_P @ weight_PT) / self.count

    def predict(self, x: sparse.csr_matrix, penalty: float) -> np.ndarray:
        """What `solve` predicts for a few rows, [n, T], in single precision and without working out the weights."""
        xx_PP, xt_PT = (part.astype(np.float32) for part in self._centred(penalty))
        x_nP = (x.toarray() - self.x_P / self.count).astype(np.float32)
        factor = cho_factor(xx_PP, lower=True, overwrite_a=True, check_finite=False)
        turned_Pn = cho_solve(factor, x_nP.T, overwrite_b=True, check_finite=False)
        return turned_Pn.T @ xt_PT + (self.t_T / self.count).astype(np.float32)

    def reduce(self, weight_PT: np.ndarray, rank: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Weights cut to `rank`, y = x @ into_PR @ out_TR.T + bias_T: the best of its rank for the fitted values."""
        xx_PP, _ = self._centred(0.0)
        _, vectors_TT = np.linalg.eigh(weight_PT.T @ xx_PP @ weight_PT)
        out_TR = np.ascontiguousarray(vectors_TT[:, ::-1][:, :rank])
        into_PR = weight_PT @ out_TR
        return into_PR, out_TR, (self.t_T - self.x_P @ into_PR @ out_TR.T) / self.count

    def _centred(self, penalty: float) -> tuple[np.ndarray, np.ndarray]:
        mean_P = self.x_P / self.count
        xx_PP = self.xx_PP - np.outer(self.x_P, mean_P)
        xx_PP[np.diag_indices_from(xx_PP)] += penalty
        return xx_PP, self.xt_PT - np.outer(mean_P, self.t_T)
