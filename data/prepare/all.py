"""Rebuild every pack, one after another: each script beside this one that calls `run`.

All but the weights: the lessons' own code learns them for hours, and on another processor they come out a
little different. `make data PACK=weights` does it.
"""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
LEARNT = {"weights"}
packs = sorted({listing.parent.name for listing in HERE.parent.glob("*/files.json")} - LEARNT)
failed = [
    pack
    for pack in packs
    if subprocess.run([sys.executable, HERE / f"{pack}.py", *sys.argv[1:]]).returncode
]
if failed:
    raise SystemExit(f"not rebuilt as recorded: {', '.join(failed)}")
