"""Rebuild data/emoji: pictures and names of emoji, from Debian's fonts-noto-color-emoji.

`emoji.tsv` beside this script lists the characters: one code point with a name in Unicode 14,
no letters, digits, flags, arrows, clock faces, skin tones or plain squares and circles.
"""

import csv
import io
import shutil
from pathlib import Path

import numpy as np
from common import debian, run, split_by_group
from fontTools.ttLib import TTFont
from PIL import Image

TILE = 64
COLUMNS = 40
SHARES = {"train": 0.8, "test": 0.2}
ALIKE = 0.97  # correlation of 16x16 thumbnails from which two emoji go to the same split


def build(folder: Path) -> None:
    source = debian("fonts-noto-color-emoji", "2.042-0+deb12u1") / "usr/share"
    font = TTFont(source / "fonts/truetype/noto/NotoColorEmoji.ttf")
    glyphs, (bitmaps,) = font.getBestCmap(), font["CBDT"].strikeData
    with open(Path(__file__).with_suffix(".tsv"), encoding="utf-8", newline="") as table:
        rows = list(csv.DictReader(table, delimiter="\t"))
    tiles = [on_white(bitmaps[glyphs[int(row["codepoint"], 16)]].imageData) for row in rows]
    for row, group in zip(rows, groups_of_alike(tiles), strict=True):
        row |= {"class": "emoji", "group": rows[group]["name"]}

    lines = -(-len(tiles) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * TILE, lines * TILE), "white")
    for position, tile in enumerate(tiles):
        sheet.paste(tile, (position % COLUMNS * TILE, position // COLUMNS * TILE))
    sheet.save(folder / "emoji.webp", quality=85, method=4)

    splits = split_by_group(rows, SHARES, seed=2017)
    with open(folder / "emoji.csv", "w", encoding="utf-8", newline="") as table:
        writer = csv.writer(table, lineterminator="\n")
        writer.writerow(["character", "codepoint", "name", "group", "split"])
        for row, split in zip(rows, splits, strict=True):
            character = chr(int(row["codepoint"], 16))
            writer.writerow([character, row["codepoint"], row["name"], row["group"], split])
    shutil.copy(source / "doc/fonts-noto-color-emoji/copyright", folder / "LICENCE")


def on_white(png: bytes) -> Image.Image:
    """A bitmap of 136x128 as a TILE x TILE picture on white."""
    picture = Image.open(io.BytesIO(png)).convert("RGBA").convert("RGBa")
    picture.thumbnail((TILE, TILE), Image.Resampling.LANCZOS)
    picture = picture.convert("RGBA")
    tile = Image.new("RGBA", (TILE, TILE), "white")
    tile.alpha_composite(picture, ((TILE - picture.width) // 2, (TILE - picture.height) // 2))
    return tile.convert("RGB")


def groups_of_alike(tiles: list[Image.Image]) -> list[int]:
    """For each picture the first one of its group: pictures that are linked by being alike."""
    small = np.stack([np.asarray(tile.resize((16, 16)), np.float64).ravel() for tile in tiles])
    small -= small.mean(1, keepdims=True)
    small /= np.linalg.norm(small, axis=1, keepdims=True)
    first = list(range(len(tiles)))
    for i, j in np.argwhere(np.triu(small @ small.T > ALIKE, 1)):
        low, high = sorted((first[i], first[j]))
        first = [low if group == high else group for group in first]
    return first


if __name__ == "__main__":
    run("emoji", build)
