"""From where on something is doubtful, and why there. docs/data/check.md prints this table."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Bound:
    """measure: the number that is judged; mild, serious: from where on it is told, and from where on `penchant check`
    says no, None for never; below: whether smaller numbers are worse; why: the reason for these numbers."""

    measure: str
    mild: float
    serious: float | None
    why: str
    below: bool = False
    count: bool = False
    """Whether the number is a count, not a share."""

    def tells(self, number: float) -> bool:
        """Whether a number is doubtful at all."""
        return number < self.mild if self.below else number > self.mild

    def is_serious(self, number: float) -> bool:
        """Whether a number is so bad that `penchant check` says no."""
        if self.serious is None:
            return False
        return number < self.serious if self.below else number > self.serious


BOUNDS = {
    "items": Bound(
        "events of an item that the tables of items have",
        *(0.95, 0.5),
        "Nothing is learned from an event of an unknown item. New items without a row are usual, at a few per cent.",
        below=True,
    ),
    "tags": Bound(
        "events of an item that has a value of the predicted field",
        *(0.8, 0.1),
        "Items of another kind may have none by right; below a tenth, scores are about a small remainder of the log.",
        below=True,
    ),
    "users": Bound(
        "users with a row in the table of users",
        *(0.9, 0.1),
        "Visitors who are not signed in have no row by right; below a tenth, the table says next to nothing.",
        below=True,
    ),
    "ids": Bound(
        "events (of items) or users that would find their row if ids were written alike",
        *(0.001, 0.05),
        "It costs one line to mend, and loses as much as the share says.",
    ),
    "testers": Bound(
        "users with two events or more in the part that is for testing",
        *(100, 10),
        "With 100 users, an interval is about ±0.06 wide; with 10 it is ±0.2, as large as most differences.",
        below=True,
        count=True,
    ),
    "once": Bound(
        "users with one event only",
        *(0.5, 0.95),
        "They have no past to learn from. If nearly all users are so, the column is mostly one of visits or rows.",
    ),
    "one value": Bound(
        "items that have no other value than those that more than 90 % have",
        *(0.5, 0.5),
        "Guessing that value is nearly always right, so that every model looks good and says nothing. It is serious "
        "only where the field is predicted.",
    ),
    "alone": Bound(
        "items of which no value of the predicted field belongs to another item too",
        *(0.5, 0.9),
        "What is learned of such a value says nothing of another item; ids and titles are so.",
    ),
    "no value": Bound(
        "items whose value is a word such as “unknown” or “other”",
        *(0.1, None),
        "Such a word becomes a taste like any other, and a common one.",
    ),
    "alike": Bound(
        "values (over all items) that differ from a commoner one only in capital letters or spaces",
        *(0.02, None),
        "One taste is counted as two; a few such values are usual where people write tags.",
    ),
    "common value": Bound(
        "items that have one and the same value, beside others",
        *(0.9, None),
        "Such a value tells nobody apart; the others do.",
    ),
    "one user": Bound(
        "events of the user with most events",
        *(0.1, 0.5),
        "No person makes a tenth of a log: it is a robot, a test account, or a word for “no user”.",
    ),
    "few users": Bound(
        "events of the busiest 1 % of the users (at most 50, at least 20) who have 10 times those of others or more",
        *(0.3, 0.5),
        "Robots come by the dozen. In logs of people, few have 10 times the usual events, and less than a quarter of "
        "the log.",
    ),
    "one item": Bound(
        "events of the item with most events",
        *(0.2, 0.5),
        "A start page or a default is shown to everybody and is no choice; the most popular film has below 1 %.",
    ),
    "one time": Bound(
        "events that have the same time",
        *(0.05, 0.5),
        "Nothing can be earlier than anything else at one time; mostly it is the time of an export, or a default.",
    ),
    "few times": Bound(
        "different times in the whole log",
        *(32, 3),
        "Events of one time are never parted, so few times mean few places where a history may end.",
        below=True,
        count=True,
    ),
    "no time": Bound(
        "events without a time, because the run file names no column of it",
        *(0.0, None),
        "What came first is taken from the order of the rows, which many exports do not keep.",
    ),
    "one hour": Bound(
        "hours from the first event to the last",
        *(1, None),
        "Nobody's taste is seen in an hour; mostly it is the time of an export, or a wrong unit.",
        below=True,
        count=True,
    ),
    "long ago": Bound(
        "years from 1970 to the last event",
        *(25, None),
        "Hardly a log of clicks is older. Seconds since another year than 1970, such as Apple's of 2001, look like "
        "that.",
        below=True,
        count=True,
    ),
    "time of the item": Bound(
        "items with 5 events or more of which nearly all have one and the same time",
        *(0.5, 0.9),
        "It is when the item was published, not when a user chose it, so nothing has an order.",
    ),
    "twice": Bound(
        "events on an item that the same user had up to 2 seconds before",
        *(0.2, None),
        "One click is logged twice, in the browser and on the server for instance, and counts twice.",
    ),
    "days only": Bound(
        "events at midnight, UTC",
        *(0.5, None),
        "The day is known and the time of day is not; what happens on one day has no order.",
    ),
    "future": Bound(
        "events more than a day later than now",
        *(0.0, 0.5),
        "Planned or mistyped dates move the end of the log, where the windows lie; if most are so, the unit is wrong.",
    ),
    "positions": Bound(
        "times that are taken for places in each user's history, though the run file does not say so",
        *(0.0, None),
        "Small numbers are no clock; order is kept, dates are lost.",
    ),
    "none": Bound(
        "events whose user or item is a word for “none”",
        *(0.0, 0.05),
        "All who are unknown become one user with one taste.",
    ),
    "rounded": Bound(
        "ids that a spreadsheet or a table of floats has rounded",
        *(0.0, 0.05),
        "Different users or items become the same one, and that cannot be undone afterwards.",
    ),
    "point zero": Bound(
        "ids that end in “.0”",
        *(0.01, None),
        "They were read as numbers with gaps somewhere; other tables, and later events, will write them without.",
    ),
    "repeats": Bound(
        "rows set aside because user, item and time are those of an earlier row",
        *(0.2, 0.9),
        "Some are usual. If nearly all rows are so, a row is not a click, or the time is too coarse.",
    ),
    "set aside": Bound(
        "rows set aside because they make no sense",
        *(0.01, None),
        "The run stops at max_rejected_share of the run file.",
    ),
    "left out": Bound(
        "rows left out by a rule of the run file",
        *(0.5, 0.95),
        "What is learned holds for the rest only.",
    ),
    "far": Bound(
        "events far from all others in time",
        *(0.0, None),
        "A few wrong dates stretch the log by years. Shares of each user's events bear that, windows of days do not.",
    ),
    "gap": Bound(
        "days without any event, beside the usual distance of days with events (times)",
        *(10, None),
        "A part of the log is missing, or logging was off.",
        count=True,
    ),
    "jump": Bound(
        "events a day in a fortnight beside the fortnight before (times)",
        *(10, None),
        "Logging changed, or a part is missing or doubled; popularity then follows the logging.",
        count=True,
    ),
    "window": Bound(
        "events a day in the window that tests, beside a usual day",
        *(0.5, 0.1),
        "The test would rest on stray events after the end of the log.",
        below=True,
    ),
    "short": Bound(
        "windows that begin before the log does",
        *(0.0, None),
        "They have no history, so nothing is learned from them.",
    ),
    "one text": Bound(
        "values that look like several in one text",
        *(0.05, 0.5),
        "Every combination becomes a tag of its own, that few items share.",
    ),
    "all clicked": Bound(
        "events that are clicks, where a column says so",
        *(0.99, None),
        "The column may mean something else, such as that the item was shown.",
    ),
    "few clicked": Bound(
        "events that are clicks",
        *(0.001, 0.00001),
        "Even advertisements are clicked more often; true and false may be exchanged.",
        below=True,
    ),
}
"""By kind of doubt."""

FAR_DAYS = 30
"""A stretch of days without events that parts a few events from the rest, at least."""
FEW_APART = 0.01
"""The largest share of the events that is called a few."""
GAP_DAYS = 14
"""A stretch of days without events that is told, at least: two weeks may be a holiday."""
SPELL = 14
"""Days with events before and after a jump, of each of which the usual number is taken: in a week, a few people who
clicked a lot look like a jump."""
USUAL_EVENTS = 100
"""Events a day from where on jumps are told: in a small log, one person makes them."""
MANY_IDS = 20
"""Long ids, at least, before they are called rounded: fewer may be so by chance."""
BY_CHANCE = 0.1
"""The share of unknown ids that a way of writing them has to explain to be serious; fewer may be alike by chance."""
CUTS_TO = 0.75
"""A separator may part values where so many of the parts are different, at most: the same tags stand in several texts,
and the halves of titles such as “Matrix, The” mostly do not."""
SURELY_CUTS_TO = 0.5
"""Where so few are different, each stands in two texts or more, and it can be serious."""
TOO_MANY = 10
"""Times the events of a usual user, from where on an id such as 0 is taken for a word for none."""
SOME_ITEMS = 10
"""Items, at least, before something is said of how many of them share a value or have one time."""
USUAL_USERS = 100
"""Users, at least, beside the busiest, before these are said to be far above the usual."""
LEAST_BUSY = 20
"""The busiest 1 % of the users are so many, at least."""
DAY_S = 86_400
