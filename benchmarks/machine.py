"""What a measurement was taken on: it stands beside every table."""

import datetime
import os
import platform
import subprocess
from pathlib import Path

import torch


def describe_machine() -> str:
    """Date, commit, processor and versions, in one line."""
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)
    model = [line for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines() if "model name" in line]
    name = model[0].split(":")[1].strip() if model else platform.processor()
    cores = len(os.sched_getaffinity(0))
    today = datetime.datetime.now(datetime.UTC).date()
    python = platform.python_version()
    return f"{today}, commit {commit.stdout.strip()}, {cores} × {name}, Python {python}, PyTorch {torch.__version__}"
