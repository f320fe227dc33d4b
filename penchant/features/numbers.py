"""A field that holds one number per user, such as an age: scaled to [0, 1] by what training users have."""

from dataclasses import dataclass

import polars as pl

from penchant.features.fields import SAMPLE, SLOT, WEIGHT
from penchant.features.vocabulary import Vocabulary
from penchant.schema import RESERVED, VALUE


@dataclass(frozen=True)
class Span:
    """The smallest and the largest number of training users, and how many of them have one."""

    low: float
    high: float
    users: int

    @classmethod
    def of(cls, texts: pl.Series) -> "Span | None":
        """From the texts of training users; None where none is a number.

        >>> Span.of(pl.Series(["25", "", "18", None, "56", "n/a"]))
        Span(low=18.0, high=56.0, users=3)
        """
        numbers = _numbers(texts).drop_nulls()
        low, high = numbers.min(), numbers.max()
        return None if numbers.is_empty() else cls(float(str(low)), float(str(high)), len(numbers))

    def scale(self, texts: pl.Series) -> pl.Series:
        """Each number in [0, 1], what is beyond the span cut off; null where a text is no finite number.

        All are 0 where training users have but one number.

        >>> Span(18, 58, users=3).scale(pl.Series(["28", "90", "n/a", None])).to_list()
        [0.25, 1.0, None, None]
        """
        above = _numbers(texts).clip(self.low, self.high) - self.low
        return above / (self.high - self.low) if self.high > self.low else above

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


def _numbers(texts: pl.Series) -> pl.Series:
    numbers = texts.cast(pl.String).str.strip_chars().cast(pl.Float64, strict=False)
    return numbers.to_frame().select(pl.when(pl.all().is_finite()).then(pl.all())).to_series()
