#!/usr/bin/env python3
"""Writes the benchmark's input: rows of 8 columns as CSV, about 88 bytes each, the same on every machine."""

import argparse
import random
from datetime import datetime, timedelta
from pathlib import Path

HEADER = "id,user,name,country,amount,fx,ts,active\n"
COUNTRIES = ["AU", "BR", "CA", "DE", "ES", "FR", "GB", "IN", "JP", "US"]
START = datetime(2024, 1, 1)
# Rows are joined before they are written; so many are some megabytes.
CHUNK_ROWS = 50_000


def row(number: int, draw: random.Random) -> str:
    # One amount in twenty is below zero, which the reference transform filters; one in a thousand is missing.
    chance = draw.random()
    amount = "" if chance < 0.001 else f"{chance * 10_000 - 500:.6f}"
    at = (START + timedelta(milliseconds=number * 123)).isoformat(timespec="milliseconds")
    user = 1_000_000_000 + int(draw.random() * 100_000)
    fx = 0.5 + draw.random()
    active = "true" if number % 3 else "false"
    return f"{number},{user},customer{number % 1_000_000:06},{COUNTRIES[user % 10]},{amount},{fx:.8f},{at},{active}\n"


def generate(path: Path, rows: int) -> None:
    draw = random.Random(20240101)
    half = path.with_suffix(".partial")
    with half.open("w", encoding="ascii", newline="") as file:
        file.write(HEADER)
        for start in range(0, rows, CHUNK_ROWS):
            file.write("".join(row(number, draw) for number in range(start, min(rows, start + CHUNK_ROWS))))
    half.replace(path)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path)
    parser.add_argument("--rows", type=int, default=1_000_000)
    arguments = parser.parse_args()
    generate(arguments.path, arguments.rows)
