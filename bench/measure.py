"""What the benchmarks share: the input, what a process takes, and tables of it."""

import os
import statistics
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import generate

BENCH = Path(__file__).resolve().parent
ROOT = BENCH.parent
PROJECT = BENCH / "project"
STATE = PROJECT / ".tidegate"
WORK = BENCH / ".work"


@dataclass
class Cost:
    """What one process took."""

    wall_s: float
    cpu_s: float
    peak_mib: float


def measure(command: list[str], folder: Path = ROOT) -> Cost:
    """Runs a process to its end. Its peak memory starts at this process's own, so this one stays small."""
    log = WORK / "last-run.log"
    with log.open("wb") as output:
        start = time.perf_counter()
        process = subprocess.Popen(command, cwd=folder, stdout=output, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{' '.join(command)} ended with {process.returncode}:\n{log.read_text(errors='replace')}")
    return Cost(wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def prepare(rows: int) -> Path:
    """The input, made once for each number of rows."""
    WORK.mkdir(exist_ok=True)
    (WORK / ".gitignore").write_text("*\n")
    made = WORK / f"rows-{rows}.csv"
    if not made.exists():
        print(f"writing {rows:,} rows to {made.relative_to(ROOT)}", file=sys.stderr)
        generate.generate(made, rows)
    folder = STATE / "input"
    folder.mkdir(parents=True, exist_ok=True)
    source = folder / "rows.csv"
    source.unlink(missing_ok=True)
    os.link(made, source)
    (folder / "empty.csv").write_text(generate.HEADER)
    return source


def python_with(name: str, packages: list[str]) -> Path | None:
    """A Python of that name that has packages, made once; none where the registry has them for no such machine."""
    folder = WORK / name
    python = folder / "bin/python"
    if not (folder / "ready").exists():
        shutil.rmtree(folder, ignore_errors=True)
        print(f"installing {', '.join(packages)} into {folder.relative_to(ROOT)}", file=sys.stderr)
        made = subprocess.run([sys.executable, "-m", "venv", str(folder)])
        if made.returncode != 0:
            sys.exit("no virtual environment: on Debian and Ubuntu, sudo apt-get install -y python3-venv")
        if subprocess.run([str(python), "-m", "pip", "install", "--quiet", *packages]).returncode != 0:
            return None
        (folder / "ready").touch()
    return python


def middle(costs: list[Cost]) -> Cost:
    """The median of each figure by itself; of memory the most, since a limit is on the worst."""
    return Cost(
        statistics.median(cost.wall_s for cost in costs),
        statistics.median(cost.cpu_s for cost in costs),
        max(cost.peak_mib for cost in costs),
    )


def table(middles: dict[str, Cost], rows: int) -> None:
    print(f"\n{'':<20} {'wall s':>8} {'rows/s':>12} {'CPU s/1M rows':>14} {'peak MiB':>9}")
    for name, cost in middles.items():
        per_million = cost.cpu_s / rows * 1e6
        print(f"{name:<20} {cost.wall_s:>8.2f} {rows / cost.wall_s:>12,.0f} {per_million:>14.2f} {cost.peak_mib:>9.0f}")


class Verdicts:
    """Figures against what is promised of them."""

    def __init__(self) -> None:
        self.missed = 0
        print()

    def say(self, what: str, value: float, limit: float, unit: str = "") -> None:
        met = value <= limit
        self.missed += not met
        print(f"{what}: {value:.2f}{unit}, at most {limit}{unit}: {'met' if met else 'MISSED'}")
