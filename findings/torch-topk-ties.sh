#!/usr/bin/env bash
# torch.topk on the CPU takes other columns of equal scores for few candidates than for many.
#
# Seen with torch 2.13.0, CPU, on 2026-11-30: of 100 equal scores, the first 10 that topk(10) names are not columns 0 to 9;
# of 1,000 equal scores they are. PyTorch's documentation promises no order of ties, and its stable sort is not used.
# Why it matters: a constant model has a hit rate of 0 or 1 by the number of candidates alone, where its expectation is k / n.
# Fails if the two choices become alike.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import torch

print("torch", torch.__version__)
taken = {n: torch.zeros(1, n).topk(10).indices[0].tolist() for n in (100, 1_000)}
for n, columns in taken.items():
    print(f"{n:,} equal scores, topk(10):", columns)
first = list(range(10))
few, many = sorted(taken[100]) == first, sorted(taken[1_000]) == first
assert not few and many, "equal scores are taken alike now: look at penchant/ranking.py"
PYTHON
