"""Rebuild data/weights: what the lessons' own code learnt in runs too long for a lesson.

Each `lessons/train/lesson_NN.py` runs in a process of its own. Another processor adds in another order,
so the numbers, and with them the checksums, may come out a little different there.
"""

import shutil
import subprocess
import sys
from pathlib import Path

from common import DATA, run

ROOT = DATA.parent


def build(folder: Path) -> None:
    shutil.copy(ROOT / "LICENSE", folder / "LICENCE")
    shutil.copy(
        DATA / "english_french" / "GPL-2.txt", folder
    )  # of the weights made from its sentences
    for script in sorted((ROOT / "lessons" / "train").glob("lesson_*.py")):
        subprocess.run([sys.executable, script, folder], check=True)


if __name__ == "__main__":
    run("weights", build)
