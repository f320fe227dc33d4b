"""Numbers about a column, as plain floats."""

import polars as pl


def share(answers: pl.Series) -> float:
    """The share of a column of yes and no that says yes; 0 where it is empty.

    >>> share(pl.Series([True, False, None])), share(pl.Series([], dtype=pl.Boolean))
    (0.5, 0.0)
    """
    counted = len(answers) - answers.null_count()
    return float(answers.sum()) / counted if counted else 0.0


def mean(numbers: pl.Series) -> float:
    """The mean, 0 where there is none."""
    known = numbers.drop_nulls()
    return float(known.cast(pl.Float64).to_numpy().mean()) if len(known) else 0.0


def bounds(numbers: pl.Series) -> tuple[float, float]:
    """The smallest and the largest number, 0 where there is none."""
    known = numbers.drop_nulls().cast(pl.Float64).to_numpy()
    return (float(known.min()), float(known.max())) if len(known) else (0.0, 0.0)
