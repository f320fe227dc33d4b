"""Live equals batch, on a whole log: replayed into a server that knows nobody, then compared with the offline path.

    OMP_NUM_THREADS=1 python -m benchmarks.live.parity RUN [--candidates 300] [--users 2000]

RUN: a trained run folder, of configs/globo.toml say. A copy of it whose log is empty is served by `penchant serve`, and
`penchant replay` plays the run's own log into it. Then every user's vector and profile, and scores of some users for
some candidates, are compared with what the run folder gives offline for the same log.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import polars as pl
from rich.box import MARKDOWN
from rich.console import Console
from rich.table import Table

from benchmarks.machine import describe_machine
from penchant.audiences.best import known_seeds
from penchant.client import Client
from penchant.errors import AudienceError
from penchant.features.cuts.rounds import now
from penchant.files import remove
from penchant.models.lookalikes.promise import Candidate, LookAlike
from penchant.operation.served import open_served
from penchant.pipeline import Run
from penchant.serving.profiles import LiveProfiles
from penchant.serving.versions import Models
from penchant.store.opened import open_store

console = Console(width=120)
AT_ONCE = 512


def without_log(run: Path, folder: Path) -> Path:
    """A copy of a run folder whose log has no event; its items and users stay."""
    copy = folder / "run"
    shutil.copytree(run, copy, ignore=shutil.ignore_patterns("serving", "serving.lock", "profiles"))
    for path in (copy / "log" / "events").glob("*.parquet"):
        pl.read_parquet(path).clear().write_parquet(path)
    return copy


@contextmanager
def serving(run: Path, store: str) -> Iterator[str]:
    """The address of a server."""
    command = [sys.executable, "-m", "penchant", "serve", str(run), "--no-keys", "--listen", "127.0.0.1:0"]
    command += ["--store", store, "--recluster", "100000"]
    environment = {**os.environ, "COLUMNS": "200"}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
    assert process.stderr is not None
    try:
        line = next(line for line in process.stderr if "Serving:" in line)
        yield line.split("Serving: ")[1].split(". ")[0]
    finally:
        process.terminate()
        process.wait(60)


def quantiles(differences: np.ndarray) -> list[str]:
    return [f"{np.quantile(differences, share):.1e}" for share in (0.5, 0.99, 1.0)] if len(differences) else ["-"] * 3


class Comparison:
    """What the store holds, as the served copy sees it, beside the run folder."""

    def __init__(self, run: Run, copy: Path, url: str) -> None:
        self.run, self.store = run, open_store(url)
        self.served = open_served(copy)
        (self.users,) = Models(self.store, self.served).all
        live = run.lookalikes.choice.live
        assert live is not None
        self.live = live
        self.crowd = run.lookalikes.crowd("latest", self.live)
        self.table = Table("compared", "how many", "median", "99 %", "largest", box=MARKDOWN)

    def vectors(self) -> None:
        """Of all users, as read and as consumers kept them."""
        known_N = self.crowd.values.lengths > 0
        for name, read in (("vectors, as read", self.users.vectors), ("vectors, as kept", self.users.kept_vectors)):
            parts = [read(users) for users in _parts(self.crowd.users.to_list())]
            vectors_NX, live_N = (np.concatenate(column) for column in zip(*parts, strict=True))
            assert (known_N == live_N).all(), f"{(known_N != live_N).sum()} users are known to one side only"
            differences = np.abs(vectors_NX - self.crowd.vectors_NX)[known_N].max(1)
            self.table.add_row(name, f"{known_N.sum():,} users", *quantiles(differences))

    def profiles(self) -> None:
        """Of all users: preferences by tag, and whose tags stand in another order."""
        profiler, differences, other = LiveProfiles(self.served.interests()), [], 0
        paths = sorted(self.run.interests().profiles_folder.glob("*.parquet"))
        offline = pl.concat([pl.read_parquet(path) for path in paths])
        for part in offline.iter_slices(AT_ONCE):
            found = profiler.of(self.users.now(part["user"].to_list()))
            for row, live in zip(part.iter_rows(named=True), found, strict=True):
                expected = {"clicked": row["clicked.tags"], "unseen": row["unseen.tags"]}
                kinds = {"clicked": live.clicked, "unseen": live.unseen}
                other += any([one.tag for one in kinds[kind]] != expected[kind] for kind in kinds)
                said = [*row["clicked.preferences"], *row["unseen.preferences"]]
                told = [one.preference for one in [*live.clicked, *live.unseen]]
                differences.append(np.abs(np.sort(said) - np.sort(told)).max(initial=0.0))
        self.table.add_row(
            "profiles", f"{len(offline):,} users, {other:,} in another order", *quantiles(np.array(differences))
        )

    def scores(self, client: Client, items: Sequence[str], users: int) -> None:
        """Over HTTP, beside all seeds clustered offline."""
        rows = np.random.default_rng(0).choice(np.flatnonzero(self.crowd.values.lengths > 0), users, replace=False)
        names = self.crowd.users.gather(np.sort(rows)).to_list()
        told = [client.score(part, items) for part in _parts(names, 100)]
        live = {one["user"]: {pair["item"]: pair["score"] for pair in one["scores"]} for part in told for one in part}
        differences, alike = [], 0
        scorer = self.run.lookalikes.scorer(self.live)
        for item in items:
            expected = self._expected(scorer, item, np.sort(rows))
            if expected is None:
                continue
            difference = np.abs(expected - np.array([live[name][item] for name in names]))
            differences.append(difference)
            alike += difference.max() < 1e-4
        found = np.concatenate(differences)
        what = f"{len(differences):,} candidates × {users:,} users, {alike:,} candidates within 1e-4"
        self.table.add_row("scores", what, *quantiles(found))

    def _expected(self, scorer: LookAlike, item: str, rows: np.ndarray) -> np.ndarray | None:
        most = self.run.config.lookalike.rounds.most_seeds
        seeds_S, _ = now(self.run.log, self.crowd.users, item, most_seeds=most)
        try:
            known_S, _ = known_seeds(seeds_S, self.crowd, item)
        except AudienceError:
            return None
        candidate = Candidate(self.run.lookalikes.ground.items.id(item), known_S)
        scores: np.ndarray = scorer.liken(candidate, self.crowd).scores(rows)
        return scores


def _parts(users: list[str], most: int = AT_ONCE) -> Iterator[list[str]]:
    for start in range(0, len(users), most):
        yield users[start : start + most]


def candidates_of(crowd_run: Run, count: int) -> list[str]:
    """Half the most clicked items, half drawn from those clicked ten times at least."""
    items, counts = crowd_run.lookalikes.ground.items.values, crowd_run.lookalikes.ground.items.counts
    rest = [item for item, clicks in zip(items[count // 2 :], counts[count // 2 :], strict=True) if clicks >= 10]
    drawn = np.random.default_rng(0).choice(len(rest), count - count // 2, replace=False)
    return [*items[: count // 2], *(rest[place] for place in drawn)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--candidates", type=int, default=300)
    parser.add_argument("--users", type=int, default=2_000)
    arguments = parser.parse_args()
    console.print(describe_machine())
    with tempfile.TemporaryDirectory() as folder:
        copy, url = without_log(arguments.run, Path(folder)), f"sqlite:{folder}/live.sqlite"
        run = Run.open(arguments.run)
        with serving(copy, url) as address, Client(address, None, patience_s=600) as client:
            began = time.monotonic()
            command = [sys.executable, "-m", "penchant", "replay", str(arguments.run), "--to", address]
            console.print(subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip())
            with closing(open_store(url)) as store:
                while store.backlog().events:
                    time.sleep(0.5)
            console.print(f"replayed and consumed in {time.monotonic() - began:.0f} s")
            comparison = Comparison(run, copy, url)
            items = candidates_of(run, arguments.candidates)
            client.open(items)
            while any(one["clustered"] is None for one in client.candidates()):
                time.sleep(0.5)
            comparison.vectors()
            comparison.profiles()
            comparison.scores(client, items, arguments.users)
            console.print(comparison.table)
            comparison.store.close()
    remove(Path(folder))


if __name__ == "__main__":
    main()
