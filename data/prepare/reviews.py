"""Rebuild data/reviews: rated film-review sentences from the package vaderSentiment 3.3.2."""

import csv
import html
import io
import json
import re
import tarfile
from pathlib import Path

import numpy as np
import pandas as pd
from common import pypi, run
from texts import connected, nearest, similar_pairs, split_by_group, words, write_csv

SIMILAR = 0.7


def read(source: Path) -> pd.DataFrame:
    """Columns rating, votes (how many people gave -4, -3, ... 4, as a text) and text."""
    archive = source / "vaderSentiment-3.3.2/additional_resources/hutto_ICWSM_2014.tar.gz"
    found = []
    with tarfile.open(archive) as files:
        sentences = read_tabs(files, "movieReviewSnippets_GroundTruth.txt")
        everyone = read_tabs(files, "movieReviewSnippets_anonDataRatings.txt")
        for (number, rating, text), (same, _, _, given) in zip(sentences, everyone, strict=True):
            given = np.array(json.loads(given))
            assert number == same and np.isclose(given.mean(), float(rating), atol=1e-6)
            votes = np.bincount(given + 4, minlength=9)
            found.append((float(rating), " ".join(map(str, votes)), clean(text)))
    return pd.DataFrame(found, columns=["rating", "votes", "text"])


def read_tabs(files: tarfile.TarFile, name: str) -> list[list[str]]:
    stream = io.TextIOWrapper(files.extractfile(f"hutto_ICWSM_2014/{name}"), "utf-8")
    return list(csv.reader(stream, delimiter="\t", quoting=csv.QUOTE_NONE))


def clean(text: str) -> str:
    # Entities are left over from the web page; doubled apostrophes stand for quotation marks.
    text = html.unescape(text).replace("''", '"').replace("\u00a0", " ")
    return re.sub(r"\s+", " ", text).strip()


def build(folder: Path) -> None:
    source = pypi("vaderSentiment", "3.3.2", sdist=True)
    table = read(source)
    whole = len(table)
    table = table[table["rating"] != 0]
    neutral = whole - len(table)
    table = table[[bool(words(text)) for text in table["text"]]]
    keys = [" ".join(words(text)) for text in table["text"]]
    table = table[~pd.Series(keys, index=table.index).duplicated()].reset_index(drop=True)
    print(
        f"{whole} sentences, {neutral} neutral and {whole - neutral - len(table)} repeated dropped"
    )

    table["label"] = (table["rating"] > 0).astype(int)
    groups = connected(len(table), similar_pairs(table["text"], SIMILAR))
    table["split"] = split_by_group(
        groups, {"train": 0.8, "test": 0.2}, seed=0, strata=table["label"]
    )
    table = table.iloc[np.random.default_rng(1).permutation(len(table))]
    parts = {name: table[table["split"] == name] for name in ("train", "test")}
    closest = nearest(parts["test"]["text"].tolist(), parts["train"]["text"].tolist())
    print(f"near-duplicates kept together: {len(table) - len(np.unique(groups))}")
    print(
        f"test sentences by their nearest training sentence: largest similarity "
        f"{closest.max():.2f}; at least 0.5: {np.mean(closest >= 0.5):.4f}"
    )
    for name, part in parts.items():
        print(f"{name}: {len(part)}, positive {part['label'].mean():.4f}")
        columns = part[["label", "rating", "votes", "text"]].round({"rating": 4})
        write_csv(folder / f"{name}.csv.gz", columns)
    licence = (source / "vaderSentiment-3.3.2/LICENSE.txt").read_text(encoding="utf-8")
    (folder / "LICENCE").write_text(licence, encoding="utf-8")


if __name__ == "__main__":
    run("reviews", build)
