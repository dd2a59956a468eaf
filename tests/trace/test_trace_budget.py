"""What a trace may cost: the largest model of the catalog in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("transformers")

SCRIPT = """
import resource
from workloads.huggingface import trace_config
graphs = trace_config({"model_type": "deepseek_v3"}, name="deepseek-v3")
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, graphs["decode"].parameters)
"""


@pytest.mark.slow
def test_deepseek_v3_is_traced_within_1_gb():
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", SCRIPT], cwd=root, capture_output=True, text=True, check=True)
    peak_bytes, parameters = map(int, done.stdout.split())
    assert parameters == 671_026_404_352
    assert peak_bytes < 1e9
