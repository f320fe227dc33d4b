"""A field that holds one number per user, such as an age: scaled to [0, 1] by what most training users have."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from penchant.features.fields import SAMPLE, SLOT, WEIGHT
from penchant.features.vocabulary import Vocabulary
from penchant.schema import RESERVED, VALUE

FAR = 5.0
"""A number is far out that lies more than so many interquartile ranges beyond the quartiles. The middle half of the
numbers then has at least an eleventh of the span, and a field with a long tail loses little of it: of a lognormal field
0.7 % are cut off, with the 3 ranges of Tukey's fences 2 %."""

_ROOM = 16.0
"""Numbers are compared divided by this, so that no difference of two of them is infinite."""


@dataclass(frozen=True)
class Span:
    """The smallest and the largest number of training users that is not far out, and how many users have a number.

    One 99999 for "not told" among ages would else leave nothing of the differences between all others. What is far out
    is judged among the distinct numbers: a sentinel is one of them, however many users have it, while a share of the
    users that is cut off on each side would miss a sentinel that more of them have, and cut the ends of a sound field.
    Among fewer than five distinct numbers none is ever far out.
    """

    low: float
    high: float
    users: int

    @classmethod
    def of(cls, texts: pl.Series) -> "Span | None":
        """From the texts of training users; None where none is a number.

        >>> Span.of(pl.Series(["25", "", "18", None, "56", "n/a"]))
        Span(low=18.0, high=56.0, users=3)
        >>> Span.of(pl.Series(["25", "31", "18", "44", "56", "99999"]))
        Span(low=18.0, high=56.0, users=6)
        """
        numbers = _numbers(texts).drop_nulls()
        if numbers.is_empty():
            return None
        usual = _without_far_out(numbers.unique().sort().to_numpy())
        return cls(float(usual[0]), float(usual[-1]), len(numbers))

    def scale(self, texts: pl.Series) -> pl.Series:
        """Each number in [0, 1], what is beyond the span cut off to its end; null where a text is no finite number.

        All are 0 where training users have but one number.

        >>> Span(18, 58, users=3).scale(pl.Series(["28", "90", "n/a", None])).to_list()
        [0.25, 1.0, None, None]
        """
        above = _numbers(texts).clip(self.low, self.high) / _ROOM - self.low / _ROOM
        return above / (self.high / _ROOM - self.low / _ROOM) if self.high > self.low else above

    @property
    def vocabulary(self) -> Vocabulary:
        """A vocabulary of one value, which is all that a table of vectors and a reader need to know."""
        return Vocabulary(pl.Series([f"{self.low:g} to {self.high:g}"]), pl.Series([self.users]))


def number_columns(texts: pl.DataFrame, span: Span) -> pl.DataFrame:
    """What `fields.columns` gives, for a number: at most one value per sample.

    texts: SAMPLE and VALUE, the text of the sample's user.
    """
    rows = texts.select(
        SAMPLE,
        pl.lit(0, pl.Int64).alias(SLOT),
        pl.lit(RESERVED, pl.Int32).alias(VALUE),
        span.scale(texts[VALUE]).alias(WEIGHT),
    )
    return rows.drop_nulls(WEIGHT)


def read_number(text: str | None, span: Span) -> list[tuple[int, float]]:
    """What `fields.read` gives, for a number: one user's (id, weight), or nothing.

    >>> read_number("28", Span(18, 58, users=3)), read_number(None, Span(18, 58, users=3))
    ([(2, 0.25)], [])
    """
    row = pl.DataFrame({SAMPLE: [0], VALUE: [text]}, schema_overrides={VALUE: pl.String})
    return number_columns(row, span).select(VALUE, WEIGHT).rows()


def _without_far_out(numbers: np.ndarray) -> np.ndarray:
    """Distinct numbers, rising, as far as they are not far out.

    >>> _without_far_out(np.array([-1e308, 1.0, 2.0, 3.0, 4.0, 1e308]))
    array([1., 2., 3., 4.])
    """
    part = numbers / _ROOM
    first, third = np.quantile(part, (0.25, 0.75))
    room = FAR * (third - first)
    return numbers[(part >= first - room) & (part <= third + room)]


def _numbers(texts: pl.Series) -> pl.Series:
    numbers = texts.cast(pl.String).str.strip_chars().cast(pl.Float64, strict=False)
    return numbers.to_frame().select(pl.when(pl.all().is_finite()).then(pl.all())).to_series()
