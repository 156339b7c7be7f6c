"""Rebuild data/photos: photographic cut-outs from Debian's tuxpaint-stamps-default.

`photos.tsv` beside this script lists the pictures that were chosen by eye from contact sheets of
the whole package: photographs only, no drawing, symbol, rendering, silhouette, mirrored copy or
picture under 40 pixels. Its `group` says which pictures show the same kind of thing; a group is
never divided between splits.
"""

import csv
import shutil
from pathlib import Path

from common import debian, run, split_by_group
from PIL import Image

STAMPS = "usr/share/tuxpaint/stamps"
LONG_SIDE = 240
SHARES = {"train": 0.5, "validation": 0.2, "test": 0.3}


def build(folder: Path) -> None:
    source = debian("tuxpaint-stamps-default", "2022.06.04-1")
    with open(Path(__file__).with_suffix(".tsv"), encoding="utf-8", newline="") as table:
        rows = list(csv.DictReader(table, delimiter="\t"))
    splits = split_by_group(rows, SHARES, seed=2017)
    index = []
    for row, split in zip(rows, splits, strict=True):
        name = row["class"].replace(" ", "-") + "/" + Path(row["path"]).name.lower() + ".webp"
        picture = cut_out(source / STAMPS / (row["path"] + ".png"))
        (folder / name).parent.mkdir(exist_ok=True)
        if (folder / name).exists():
            raise ValueError(f"two pictures would be called {name}")
        picture.save(folder / name, lossless=False, quality=90, alpha_quality=100, method=4)
        width, height = picture.size
        index.append(
            [name, row["class"], row["name"], row["group"], split, width, height, row["path"]]
        )
    with open(folder / "photos.csv", "w", encoding="utf-8", newline="") as table:
        writer = csv.writer(table, lineterminator="\n")
        writer.writerow(["file", "class", "name", "group", "split", "width", "height", "source"])
        writer.writerows(index)
    shutil.copy(source / "usr/share/doc/tuxpaint-stamps-default/copyright", folder / "LICENCE")
    # The package's copyright file refers to this text, which every Debian system holds.
    shutil.copy("/usr/share/common-licenses/GPL-2", folder / "GPL-2.txt")


def cut_out(path: Path) -> Image.Image:
    """The picture within its mask's bounds, its long side at most LONG_SIDE pixels, RGBA."""
    picture = Image.open(path).convert("RGBA")
    mask = picture.getchannel("A").point(lambda alpha: 255 if alpha > 8 else 0)
    picture = picture.crop(mask.getbbox())
    scale = LONG_SIDE / max(picture.size)
    if scale < 1:
        size = [max(1, round(side * scale)) for side in picture.size]
        # Premultiplied (RGBa), or the hidden colour of clear pixels would bleed into the rim.
        picture = picture.convert("RGBa").resize(size, Image.Resampling.LANCZOS).convert("RGBA")
    return picture


if __name__ == "__main__":
    run("photos", build)
