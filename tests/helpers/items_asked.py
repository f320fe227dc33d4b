"""A planted log whose windows ask about the items themselves, prepared: what rankers and graph models learn from."""

from pathlib import Path

from penchant.features.cuts.by_user import ByUser, LabelsConfig
from penchant.features.cuts.target import Target
from penchant.features.fields import Field
from penchant.features.plan import FeaturesConfig, Plan
from penchant.features.prepare import Prepared, prepare
from penchant.logs.ingest import ingest
from penchant.logs.tables import Tables
from penchant.schema import ITEM
from tests.helpers.planted import write_planted_log

TABLES = {
    "events": {"files": "events.parquet", "user": "user", "item": "item", "time": "time", "clicked": "clicked"},
    "items": {"files": "items.parquet", "item": "item", "fields": {"tags": "tags"}},
    "users": {"files": "users.parquet", "user": "user", "fields": {"group": "group"}},
}


def prepare_planted(folder: Path, *, users: int = 60, events: int = 20) -> Prepared:
    """The planted log with two targets, tags and items. Its users are shown items of all groups, and click those of
    their own group alone."""
    write_planted_log(folder, users=users, events=events)
    fields = [Field(name="tags", limit=8), Field(name="group", limit=1)]
    labels = LabelsConfig(items=20, share=0.3)
    plan = Plan(FeaturesConfig(fields=fields), ByUser(labels), (labels.target, Target(field=ITEM, items=20, tags=1)))
    log = ingest(Tables.parse(TABLES, origin="test"), folder, folder / "log", max_rejected_share=0.0)
    return prepare(log, plan, folder / "prepared")
