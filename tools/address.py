"""Says everywhere that the course is published somewhere else: ``make address URL=https://github.com/you/course``.

For who makes a fork: set-up cells, links to Colab, the README, the other pages and the web book then lead to the fork. The one
place that the others are held to is `COURSE_URL` in hygiene.py. Outputs and all else in the lessons stay as they are.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # run as a file

from tools.hygiene import COURSE_URL  # noqa: E402

GITHUB = "https://github.com/"
ADDRESS = re.compile(r"https://github\.com/([\w.-]+/[\w.-]+?)(?:\.git)?/?")


def main(arguments: list[str] | None = None) -> int:
    """Change the address in this checkout, and say in how many places; return the exit status."""
    words = sys.argv[1:] if arguments is None else arguments
    found = ADDRESS.fullmatch(words[0]) if len(words) == 1 else None
    if found is None:
        # Colab opens notebooks from there only.
        print("Name one address on GitHub, as: make address URL=https://github.com/you/course")
        return 1
    places = moved(tracked(ROOT), COURSE_URL.removeprefix(GITHUB), found[1])
    for path, count in places.items():
        print(f"{count:3}  {path.relative_to(ROOT)}")
    print(f"The address is {GITHUB}{found[1]} in {sum(places.values())} places.")
    return 0


def moved(paths: list[Path], old: str, new: str) -> dict[Path, int]:
    """Write a repository's new owner/name in place of the old into files; return how often in each."""
    # As on GitHub, github.com/OWNER/NAME, or as on Colab, github/OWNER/NAME; bytes, so that the rest stays.
    name = re.compile(rb"(?<=github)(\.com)?/" + re.escape(old.encode()) + rb"(?![\w-])")
    places = {}
    for path in paths:
        text, count = name.subn(rb"\1/" + new.encode(), path.read_bytes())
        if count:
            path.write_bytes(text)
            places[path] = count
    return places


def tracked(folder: Path) -> list[Path]:
    """The files of a checkout."""
    command = ["git", "ls-files", "-z"]
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True, encoding="utf-8")
    return [path for name in done.stdout.split("\0")[:-1] if (path := folder / name).is_file()]


if __name__ == "__main__":
    sys.exit(main())
