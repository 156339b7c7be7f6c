"""Rebuild data/scenes: photographs of places, animals and things from Debian's gcompris-qt-data.

`scenes.tsv` beside this script lists the photographs chosen by eye among those that the READMEs
inside the package's archives give as public domain or CC0. Those READMEs, not Debian's copyright
file, which describes earlier pictures of the same names, are the source of author and licence.
"""

import csv
import io
import re
from pathlib import Path

from common import debian, run, split_by_group
from PIL import Image
from rcc import read_rcc

ARCHIVES = "usr/share/gcompris-qt/rcc"
LONG_SIDE = 512
SHARES = {"train": 0.6, "validation": 0.2, "test": 0.2}
FREE = {"Public Domain": "public domain", "Public domain": "public domain", "CC0-1.0": "CC0 1.0"}


def build(folder: Path) -> None:
    source = debian("gcompris-qt-data", "3.1-2")
    with open(Path(__file__).with_suffix(".tsv"), encoding="utf-8", newline="") as table:
        rows = list(csv.DictReader(table, delimiter="\t"))
    archives = {
        name: read_rcc(source / ARCHIVES / f"{name}.rcc")
        for name in sorted({row["archive"] for row in rows})
    }
    index = []
    for row, split in zip(rows, split_by_group(rows, SHARES, seed=2017), strict=True):
        inside = f"gcompris/src/activities/{row['archive']}/{row['path']}"
        files = archives[row["archive"]]
        author, licence, url = attribution(files, inside)
        slug = re.sub(r"\W+", "-", row["name"].lower().replace("'", "")).strip("-")
        name = f"{row['kind']}/{slug}.webp"
        (folder / name).parent.mkdir(exist_ok=True)
        if (folder / name).exists():
            raise ValueError(f"two pictures would be called {name}")
        width, height = save_small(files[inside], folder / name)
        index.append(
            [name, row["kind"], row["class"], row["name"], row["group"], split, width, height]
            + [author, licence, url]
        )
    with open(folder / "scenes.csv", "w", encoding="utf-8", newline="") as table:
        writer = csv.writer(table, lineterminator="\n")
        columns = ["file", "kind", "class", "name", "group", "split", "width", "height"]
        writer.writerow([*columns, "author", "licence", "source"])
        writer.writerows(index)
    write_licence(archives, folder / "LICENCE")


def attribution(files: dict[str, bytes], inside: str) -> tuple[str, str, str]:
    """Author, licence and address of one picture, from the nearest README above it."""
    folder = inside
    while (readme := f"{folder}/README") not in files:
        folder = folder.rpartition("/")[0]
        if not folder:
            raise ValueError(f"no README names the author of {inside}")
    wanted = inside.removeprefix(f"{folder}/")
    for paragraph in re.split(r"\n\s*\n", files[readme].decode("utf-8")):
        fields: dict[str, str] = {}
        key = ""
        for line in paragraph.splitlines():
            if match := re.match(r"(\w+):\s*(.*)", line):
                key, fields[match[1]] = match[1], match[2]
            elif key:
                fields[key] += f" {line.strip()}"
        if wanted in fields.get("Files", "").split():
            licence = FREE[fields["License"].strip()]
            return fields["Copyright"].strip(), licence, fields.get("Source", "").strip()
    raise ValueError(f"{readme} says nothing of {wanted}")


def save_small(content: bytes, path: Path) -> tuple[int, int]:
    """Write a photograph at LONG_SIDE pixels at most; one that is small enough stays as it is."""
    picture = Image.open(io.BytesIO(content))
    if max(picture.size) <= LONG_SIDE and picture.format == "WEBP":
        path.write_bytes(content)
        return picture.size
    picture = picture.convert("RGB")
    picture.thumbnail((LONG_SIDE, LONG_SIDE), Image.Resampling.LANCZOS)
    picture.save(path, quality=80, method=4)
    return picture.size


def write_licence(archives: dict[str, dict[str, bytes]], path: Path) -> None:
    """The READMEs of the archives, as found, one after another."""
    with open(path, "w", encoding="utf-8", newline="\n") as out:
        out.write(
            "All pictures in this folder are public domain or CC0 1.0; scenes.csv names author,\n"
            "licence and source of each. Below are the notes as found in the package, which also\n"
            "speak of pictures that are not here.\n"
        )
        for files in archives.values():
            for name in sorted(files):
                if name.endswith("/README"):
                    out.write(f"\n\n==== {name}\n\n{files[name].decode('utf-8')}")


if __name__ == "__main__":
    run("scenes", build)
