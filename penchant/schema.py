"""The nouns every stage shares: column names, reserved ids, and the legend of tensor shapes.

A tensor's name ends in its shape, one letter per axis:

    B  users in a batch          M  feature fields            H  values of a field, at most
    K  label items per window    N  tags per item, at most    V  size of a vocabulary
    E  width of an embedding     A  attention heads           D  A x E, the heads side by side
    T  width of a query          C  width of a cross vector   P  pairs of D, D(D-1)/2
    U  width of user and tag vectors                          S  sampled tags, or seeds
    X  universal user vectors of the look-alike               G  vectors after its shared transform
    J  clusters of seeds, at most                             L  labels: pairs of user and candidate
    O  items of an ordered history, at most                   Q  tasks, the questions asked of each candidate

A ranker's candidates are the K items of the window; a graph model has V users and V items.
"""

USER = "user"
ITEM = "item"
TIME = "time"
CLICKED = "clicked"
VALUE = "value"
WORTH = "worth"
COUNT = "count"

PAD = 0
UNKNOWN = 1
RESERVED = 2
"""Ids below this one stand for no value: PAD fills, UNKNOWN is any value outside the vocabulary."""

ONE_CLICK = 1000
"""The WORTH of a plain click. Worths are whole thousandths, because the sum of whole numbers is the same in whatever
order they are added: so the most frequent value of a history is the same in batch and live."""
