"""What requests and answers hold, for the OpenAPI description; requests are checked against it, answers are not."""

from typing import Annotated, Any
from urllib.parse import unquote_to_bytes

from fastapi import Path
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema

from penchant.serving.roles.consumer import MOST_TEXT

MOST_USERS = 1_000
MOST_ITEMS = 100_000
MOST_FIELDS, MOST_VALUES = 100, 1_000

Text = Annotated[str, StringConstraints(min_length=1, max_length=MOST_TEXT)]


def _decoded(sent: Any) -> str:
    """An id as it stands in a path, with whatever is percent-encoded in it. ValueError for what is no UTF-8."""
    return unquote_to_bytes(sent.encode("latin-1")).decode()


def _text(said: Any) -> Any:
    return str(said) if type(said) is int else said


PathId = Annotated[
    str,
    Path(min_length=1, max_length=MOST_TEXT, description="Percent-encoded; any characters."),
    BeforeValidator(_decoded),
]
Id = Annotated[
    Text,
    BeforeValidator(_text),
    WithJsonSchema({"anyOf": [{"type": "string", "minLength": 1, "maxLength": MOST_TEXT}, {"type": "integer"}]}),
]


class RequestBody(BaseModel):
    """A body of a request."""

    model_config = ConfigDict(extra="forbid", strict=True)


class ItemsBody(RequestBody):
    items: Annotated[list[Id], Field(min_length=1, max_length=MOST_ITEMS)]


class ItemFields(RequestBody):
    """What an item is about, by the fields of the items' table."""

    fields: Annotated[
        dict[Text, Annotated[list[Text], Field(max_length=MOST_VALUES)]], Field(min_length=1, max_length=MOST_FIELDS)
    ]


class ScoreRequest(RequestBody):
    """users: whom to score; items: open candidates, all if left out; top: the best so many, all if left out."""

    users: Annotated[list[Id], Field(min_length=1, max_length=MOST_USERS)]
    items: Annotated[list[Id], Field(min_length=1, max_length=MOST_ITEMS)] | None = None
    top: Annotated[int, Field(ge=1, le=MOST_ITEMS)] | None = None


class EventModel(BaseModel):
    """One item shown to one user. time: UTC seconds or ISO 8601, now if left out; id: tells the events of one user
    apart; without it, the same showing sent twice counts once."""

    user: Id
    item: Id
    time: float | str | None = None
    clicked: bool = True
    id: Id | None = None


class Events(BaseModel):
    events: list[EventModel]


class Refusal(BaseModel):
    index: int
    reason: str


class Fault(BaseModel):
    code: str
    message: str


class ErrorAnswer(BaseModel):
    error: Fault
    request_id: str


class EventsAnswer(BaseModel):
    """forgotten: dropped, because their user was forgotten after they happened; refused: the first of them;
    refused_count: how many there are."""

    accepted: int
    repeated: int
    forgotten: int
    refused: list[Refusal]
    refused_count: int


class RefusedAnswer(EventsAnswer, ErrorAnswer):
    """All events were refused."""


class PreferenceModel(BaseModel):
    """lift: how far the preference is above what is usual at this user's level."""

    tag: str
    preference: float
    clicks: int
    lift: float


class ProfileAnswer(BaseModel):
    """Tags clicked and not clicked yet, by lift or by preference. cold: nothing is known of the user."""

    user: str
    cold: bool
    clicks: int
    latest: float | None
    clicked: list[PreferenceModel]
    unseen: list[PreferenceModel]


class RankedPreferenceModel(PreferenceModel):
    rank: int


class EffectModel(BaseModel):
    """holders: the share of users of whom the same is known; common: whether that makes it no reason."""

    values: list[str]
    effect: float
    holders: float
    common: bool


class PathModel(BaseModel):
    """by: the values that add or take most, where the path is a sum over values."""

    path: str
    effect: float
    by: list[EffectModel]


class ExplainAnswer(BaseModel):
    """without: the preference if nothing were known; paths: what each path of the model adds, together the preference
    (empty for a model of one path); alone: what each value adds; together: what pairs add beyond. What most users have
    comes last in both."""

    user: str
    preference: RankedPreferenceModel
    without: float
    paths: list[PathModel]
    alone: list[EffectModel]
    together: list[EffectModel]


class ReasonModel(BaseModel):
    by: str
    score: float
    tag: str | None


class RecalledModel(BaseModel):
    item: str
    reasons: list[ReasonModel]


class RecallAnswer(BaseModel):
    user: str
    items: list[RecalledModel]


class ErasedAnswer(BaseModel):
    """How much was removed: events of the user's history, events still in the log, items that the user
    clicked or saw, and rows of the files of the run folder."""

    events: int
    log: int
    items: int
    files: dict[str, int]


class DriftModel(BaseModel):
    moved: float
    added: float


class CandidateAnswer(BaseModel):
    """opened, clustered, fresh: UTC seconds, for a key with scope read fresh to the day; seeds: null before they were
    counted; sizes: members of each cluster; few: fewer than ten seeds are known, so that a key with scope read is told
    nothing of them, and all else is null."""

    item: str
    name: str
    opened: float
    seeds: int | None
    sizes: list[int] | None
    drift: DriftModel | None
    clustered: float | None
    fresh: float | None
    few: bool


class CandidatesAnswer(BaseModel):
    candidates: list[CandidateAnswer]


class ItemScore(BaseModel):
    item: str
    score: float


class UserScores(BaseModel):
    """cold: nothing is known of the user, so they are scored as users are on average; scores: best first."""

    user: str
    cold: bool
    scores: list[ItemScore]


class ScoreAnswer(BaseModel):
    users: list[UserScores]


class Member(BaseModel):
    user: str
    score: float


class AudienceAnswer(BaseModel):
    """members: the most alike first; reachable: users of whom something is known and who have not met the item."""

    item: str
    members: list[Member]
    reachable: int


class MeasuredModel(BaseModel):
    """A mean over validation candidates, and half its 95 % interval."""

    mean: float
    half: float


class LookalikeChoice(BaseModel):
    """name: the scorer that won on validation candidates; live: the best of those that can be live, which makes all
    scores and audiences here; candidates: how many decided; crossed: whether scorers were trained again without them;
    scores: by scorer AUC within items; ahead: that of the winner less that of each other; behind: how far the live one
    is behind the winner, null where it won; told: that in words."""

    name: str
    live: str
    candidates: int
    crossed: bool
    scores: dict[str, MeasuredModel]
    ahead: dict[str, MeasuredModel]
    behind: MeasuredModel | None
    told: str


class ModelAnswer(BaseModel):
    """model: its version; tags: whether there are profiles; profiles: by the name of each interest model the field that
    it predicts, first the one that answers where none is named; lookalike: null where the run has none that is live;
    offline: in words, who makes audiences where the run has only look-alikes that cannot be live, else null."""

    model: str
    tags: bool
    profiles: dict[str, str]
    lookalike: LookalikeChoice | None
    offline: str | None


class AliveAnswer(BaseModel):
    alive: bool


class ReadyAnswer(BaseModel):
    ready: bool


class NotReadyAnswer(ErrorAnswer):
    """missing: which kinds of things."""

    ready: bool
    missing: list[str]
