from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from node.cli.exit_codes import ExitCode


def test_bench_measures_on_a_node_of_its_own_and_leaves_nothing(tmp_path: Path) -> None:
    """As a process, since it starts others."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "node.cli", "bench", "--json"),
            *("--records", "700", "--rounds", "2", "--dir", str(tmp_path)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == ExitCode.OK, done.stderr
    [line] = done.stdout.splitlines()
    told = json.loads(line)
    assert told["records"] >= 700
    assert 1 <= told["rounds"] <= 2
    assert min(told["ratio"], told["records_per_second"], told["checks_per_second"]) > 0
    assert 0 < told["latency_p50_ms"] <= told["latency_p99_ms"]
    assert told["bytes_per_record"] > 0
    assert list(tmp_path.iterdir()) == []
