"""Scores of many candidates in one pass over their centroids, compiled: nearly as fast as memory gives them.

A candidate is a record of float32 numbers: E_s, one centroid per row, [J, G]; E_sᵀ E_s, [J, J]; α times the weights of
E_global over its length, [J]; zeros up to a full cache line. A cluster that is not there is a row of zeros, which adds
nothing to any sum. The formula is that of `lookalike.score`.

All that is compiled stands in this file, because what is kept on disk is compiled anew only when this file changes.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

LINE = 16
"""Numbers of one cache line."""

ROWS = 4
"""Rows that are worked on at once: the number of clusters in a record is a multiple of it."""

LANES = 8
"""Users that are scored at once."""

AHEAD = 4
"""Candidates between the one that is worked on and the one that is fetched. Where records do not follow each other in
memory the processor does not guess what comes next."""

ZERO, LEAST = np.float32(0), np.float32(1e-16)
"""LEAST: smaller squared lengths count as this; `EPSILON` of `lookalike.score`, squared."""

FAR = np.float32(7.9)
"""tanh is 1 in float32 from here on."""

ODD = np.array(
    [-2.76076848e-16, 2.0001879e-13, -8.60467152e-11, 5.1222971e-08, 1.48572236e-05, 6.37261929e-04, 4.89352456e-03],
    np.float32,
)
EVEN = np.array([1.19825839e-06, 1.18534706e-04, 2.26843463e-03, 4.89352519e-03], np.float32)
"""tanh x = x ODD(x²) / EVEN(x²), the highest power first (Eigen's approximation)."""

EXP = np.array(
    [2.0399358e-04, 1.43925672e-03, 8.32983183e-03, 0.0416350385, 0.166667368, 0.500006337, 0.999999978, 0.999999802],
    np.float32,
)
"""exp x for x from -1 to 1, the highest power first (through Chebyshev's points)."""


def compiled(function: Callable[..., Any]) -> Any:
    """Sums in any order, NaN kept; runs without the interpreter's lock; kept on disk for the next start.

    Where neither the package's folder nor the user's cache can be written to, each start compiles anew, in seconds;
    NUMBA_CACHE_DIR names another folder.
    """
    options = {"nogil": True, "fastmath": {"reassoc", "contract", "nsz"}, "error_model": "numpy"}
    try:
        return njit(cache=True, **options)(function)
    except RuntimeError:  # there is nowhere to keep it
        return njit(**options)(function)


def inlined(function: Callable[..., Any]) -> Any:
    return njit(inline="always", error_model="numpy")(function)


def _fetching(_: Any, numbers: Any, _at: Any) -> Any:
    """fetch(numbers, at): ask for a cache line; the second level can have more on their way than the first."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = builder.gep(_data(context, builder, signature.args[0], arguments[0]), [arguments[1]])
        number = ir.IntType(32)
        shape = ir.FunctionType(ir.VoidType(), [place.type, number, number, number])
        prefetch = cgutils.get_or_insert_function(builder.module, shape, "llvm.prefetch.p0")
        to_read, second_level, of_data = number(0), number(2), number(1)
        builder.call(prefetch, [place, to_read, second_level, of_data])
        return context.get_dummy_value()

    return types.void(numbers, types.intp), code


def _multiplying(lanes: int) -> Callable[..., Any]:
    """multiply(numbers, at, depth, users, out, row): out[row + k] = Σ_d numbers[at + k · depth + d] · users[d] for each
    k < ROWS, where users[d] and out[k] are `lanes` numbers. In plain loops the sums would not stay in registers."""
    vector, index = ir.VectorType(ir.FloatType(), lanes), ir.IntType(32)
    nothing, first = ir.Constant(vector, ir.Undefined), ir.Constant(ir.VectorType(index, lanes), [0] * lanes)

    def vector_at(builder: Any, data: Any, row: Any) -> Any:
        return builder.bitcast(builder.gep(data, [builder.mul(row, row.type(lanes))]), vector.as_pointer())

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        _, at, depth, _, _, row = arguments
        numbers, users, out = (_data(context, builder, signature.args[k], arguments[k]) for k in (0, 3, 4))
        shape = ir.FunctionType(vector, [vector] * 3)
        muladd = cgutils.get_or_insert_function(builder.module, shape, f"llvm.fmuladd.v{lanes}f32")
        starts = [builder.add(at, builder.mul(depth, depth.type(k))) for k in range(ROWS)]
        sums = [cgutils.alloca_once(builder, vector) for _ in range(ROWS)]
        for total in sums:
            builder.store(vector([0.0] * lanes), total)
        with cgutils.for_range(builder, depth, intp=depth.type) as loop:
            user = builder.load(vector_at(builder, users, loop.index), align=4)
            for start, total in zip(starts, sums, strict=True):
                number = builder.load(builder.gep(numbers, [builder.add(start, loop.index)]))
                alone = builder.insert_element(nothing, number, index(0))
                spread = builder.shuffle_vector(alone, nothing, first)
                builder.store(builder.call(muladd, [spread, user, builder.load(total)]), total)
        for k, total in enumerate(sums):
            builder.store(builder.load(total), vector_at(builder, out, builder.add(row, row.type(k))), align=4)
        return context.get_dummy_value()

    def typed(_: Any, numbers: Any, _at: Any, _depth: Any, users: Any, out: Any, _row: Any) -> Any:
        return types.void(numbers, types.intp, types.intp, users, out, types.intp), code

    return typed


def _data(context: Any, builder: Any, kind: Any, array: Any) -> Any:
    return context.make_array(kind)(context, builder, array).data


_fetch = intrinsic(_fetching)
_multiply_two, _multiply = intrinsic(_multiplying(2 * LANES)), intrinsic(_multiplying(LANES))


@inlined
def _weight(fit: Any) -> Any:
    """exp(tanh(fit)), to 1e-6."""
    fit = FAR if fit > FAR else fit
    fit = -FAR if fit < -FAR else fit
    x = fit * fit
    odd = (((((ODD[0] * x + ODD[1]) * x + ODD[2]) * x + ODD[3]) * x + ODD[4]) * x + ODD[5]) * x + ODD[6]
    x = fit * odd / (((EVEN[0] * x + EVEN[1]) * x + EVEN[2]) * x + EVEN[3])
    low = (((EXP[0] * x + EXP[1]) * x + EXP[2]) * x + EXP[3]) * x + EXP[4]
    return ((low * x + EXP[5]) * x + EXP[6]) * x + EXP[7]


@inlined
def _fetch_part(numbers: np.ndarray, start: int, size: int, part: int, parts: int) -> None:
    """Fetch one of several parts of the record that starts here: all at once would have to wait."""
    share = -(-size // parts)
    for at in range(start + part * share, start + min(part * share + share, size), LINE):
        _fetch(numbers, at)


@inlined
def _square(gram: np.ndarray, weight_J: np.ndarray, sum_J: np.ndarray) -> Any:
    """|Σ_j weight_J[j] E_s[j]|², from E_sᵀ E_s."""
    clusters = len(weight_J)
    sum_J[:] = ZERO
    for row in range(0, clusters, ROWS):
        part = gram[row * clusters : (row + ROWS) * clusters]
        one_J, two_J = part[:clusters], part[clusters : 2 * clusters]
        three_J, four_J = part[2 * clusters : 3 * clusters], part[3 * clusters :]
        one, two, three, four = weight_J[row], weight_J[row + 1], weight_J[row + 2], weight_J[row + 3]
        for j in range(clusters):
            sum_J[j] += one_J[j] * one + two_J[j] * two + three_J[j] * three + four_J[j] * four
    square = ZERO
    for j in range(clusters):
        square += sum_J[j] * weight_J[j]
    return square


@compiled
def score_one(
    record_SR: np.ndarray,
    row_C: np.ndarray,
    clusters: int,
    unit_G: np.ndarray,
    query_G: np.ndarray,
    beta: float,
    score_C: np.ndarray,
) -> None:
    """Into score_C: of the candidates in these rows, for a user with E_u of length one, and W_l E_u."""
    numbers, size, width = record_SR.ravel(), record_SR.shape[1], len(unit_G)
    gram, after = clusters * width, clusters * width + clusters * clusters
    room_3J = np.empty((3, clusters), np.float32)
    inner_J, weight_J, sum_J = room_3J[0], room_3J[1], room_3J[2]
    for c in range(len(row_C)):
        record, coming = record_SR[row_C[c]], row_C[min(c + AHEAD, len(row_C) - 1)] * size
        for j in range(clusters):
            _fetch_part(numbers, coming, size, j, clusters)
            inner, fit, seed_G = ZERO, ZERO, record[j * width : (j + 1) * width]
            for g in range(width):
                inner += seed_G[g] * unit_G[g]
                fit += seed_G[g] * query_G[g]
            inner_J[j], weight_J[j] = inner, fit
        for j in range(clusters):
            weight_J[j] = _weight(weight_J[j])
        over = beta / np.sqrt(max(_square(record[gram:after], weight_J, sum_J), LEAST))
        global_J, score = record[after : after + clusters], ZERO
        for j in range(clusters):
            score += (global_J[j] + over * weight_J[j]) * inner_J[j]
        score_C[c] = score


@compiled
def score_many(
    record_SR: np.ndarray, row_C: np.ndarray, clusters: int, user_NGV: np.ndarray, beta: float, score_UC: np.ndarray
) -> None:
    """Into score_UC, for N · LANES users. user_NGV: of each group of LANES users, for each of G, first their E_u of
    length one and then their W_l E_u."""
    numbers, size, width = record_SR.ravel(), record_SR.shape[1], user_NGV.shape[1]
    gram = clusters * width
    both_JV = np.empty((clusters, 2 * LANES), np.float32)
    weight_JU, sum_JU = np.empty((clusters, LANES), np.float32), np.empty((clusters, LANES), np.float32)
    local_U, score_U = np.empty(LANES, np.float32), np.empty(LANES, np.float32)
    for c in range(len(row_C)):
        start, coming = row_C[c] * size, row_C[min(c + AHEAD, len(row_C) - 1)] * size
        over_J = numbers[start + gram + clusters * clusters : start + gram + clusters * clusters + clusters]
        for group in range(len(user_NGV)):
            for j in range(0, clusters, ROWS):
                if group == 0:
                    _fetch_part(numbers, coming, size, j // ROWS, clusters // ROWS)
                _multiply_two(numbers, start + j * width, width, user_NGV[group], both_JV, j)
            _weigh(both_JV, weight_JU)
            for j in range(0, clusters, ROWS):
                _multiply(numbers, start + gram + j * clusters, clusters, weight_JU, sum_JU, j)
            _add_up(over_J, both_JV, weight_JU, sum_JU, beta, local_U, score_U)
            for u in range(LANES):
                score_UC[group * LANES + u, c] = score_U[u]


@inlined
def _weigh(both_JV: np.ndarray, weight_JU: np.ndarray) -> None:
    """Weights of all clusters for a group of users; in one loop, because few at a time would not fill registers."""
    for j in range(len(both_JV)):
        for u in range(LANES):
            weight_JU[j, u] = both_JV[j, LANES + u]
    weights = weight_JU.ravel()
    for k in range(len(weights)):
        weights[k] = _weight(weights[k])


@inlined
def _add_up(
    over_J: np.ndarray,
    both_JV: np.ndarray,
    weight_JU: np.ndarray,
    sum_JU: np.ndarray,
    beta: float,
    local_U: np.ndarray,
    score_U: np.ndarray,
) -> None:
    """Scores of a group of users. over_J: α times the weights of E_global over its length; sum_JU: (E_sᵀ E_s) weights;
    local_U: room for β over the length of E_local."""
    local_U[:], score_U[:] = ZERO, ZERO
    for j in range(len(over_J)):
        for u in range(LANES):
            local_U[u] += sum_JU[j, u] * weight_JU[j, u]
    for u in range(LANES):
        local_U[u] = beta / np.sqrt(max(local_U[u], LEAST))
    for j in range(len(over_J)):
        for u in range(LANES):
            score_U[u] += (over_J[j] + local_U[u] * weight_JU[j, u]) * both_JV[j, u]
