#!/usr/bin/env bash
# torch.set_num_threads(1) leaves the linear algebra of NumPy and of SciPy with a thread per core: two pools of their own.
#
# Seen with torch 2.13.0, NumPy 2.4.6, SciPy 1.17.1, threadpoolctl 3.8.0 on 2026-11-30: after torch.set_num_threads(1),
# threadpool_info() still tells of two OpenBLAS pools, one in numpy.libs and one in scipy.libs, each with all cores.
# Why it matters: on a machine that is shared, Cholesky factors of 3,000 x 3,000 took about ten times as long with two
# threads that waited for each other as with one.
# Needs two cores or more. Fails if torch begins to limit these pools, or if they become one.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
  torch==2.13.0 numpy==2.4.6 scipy==1.17.1 threadpoolctl==3.8.0
"$folder/venv/bin/python" - <<'PYTHON'
import os

import numpy
import scipy.linalg
import torch
from threadpoolctl import threadpool_info

assert len(os.sched_getaffinity(0)) > 1, "this needs two cores"
torch.set_num_threads(1)
scipy.linalg.cho_factor(numpy.eye(2))
pools = [(one["filepath"].split("/")[-2], one["num_threads"]) for one in threadpool_info() if one["user_api"] == "blas"]
print("torch", torch.__version__, "uses", torch.get_num_threads(), "thread;", pools)
assert len(pools) == 2, "NumPy and SciPy share a pool now"
assert all(threads > 1 for _, threads in pools), "torch limits these pools now"
PYTHON
