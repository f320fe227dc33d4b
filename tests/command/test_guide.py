"""The guide to own data, followed word for word: its commands on the layouts that it tells of, and what it says of each
run file."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.command.test_offline import call
from tests.logs.layouts import LAYOUTS, analytics, stores
from tests.logs.layouts.layout import world

GUIDE = Path(__file__).parents[2] / "docs" / "bring-your-own-data.md"
FOLDERS = {"ga4": "ga4-bigquery", "shop": "warehouse", "excel": "excel-german"}


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_layout_of_the_guide_is_followed_from_its_folder_to_the_check(
    folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (analytics, stores):  # the layouts' own world has too few users to test with
        monkeypatch.setattr(module, "world", lambda: world(6000, 500))
    (layout,) = (one for one in LAYOUTS if one.name == FOLDERS[folder])
    (tmp_path / folder).mkdir()
    layout.write(tmp_path / folder)
    part = next(
        part for part in GUIDE.read_text(encoding="utf-8").split("\n### ") if f"penchant init {folder}/" in part
    )
    for command in re.findall(r"^penchant (.*)$", part, re.MULTILINE):
        done = call(*(tmp_path / word if word.startswith(folder) else word for word in command.split()))
        assert command.split()[0] != "check" or "Good to go" in done.output
    written = tomllib.loads((tmp_path / f"{folder}.toml").read_text(encoding="utf-8"))
    for block in re.findall(r"```toml\n(.*?)```", part, re.DOTALL):
        assert holds(written, tomllib.loads(block))


def holds(whole: Any, part: Any) -> bool:
    """Whether all that a part of a run file says stands in the whole."""
    if isinstance(part, dict):
        return all(name in whole and holds(whole[name], said) for name, said in part.items())
    if isinstance(part, list) and part and isinstance(part[0], dict):
        return all(any(holds(one, said) for one in whole) for said in part)
    return bool(whole == part)
