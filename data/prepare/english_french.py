"""Rebuild data/english_french: sentence pairs from Debian's wesnoth-1.16-* and gnome-user-docs.

The texts of the game The Battle for Wesnoth (GPL-2+) and of GNOME's user guide (CC-BY-SA 3.0)
stay in files of their own, each under its licence.
"""

import gettext
import re
import shutil
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from common import debian, run
from texts import connected, nearest, similar_pairs, split_by_group, words, write_csv

WESNOTH = "1:1.16.9-1"
CAMPAIGNS = "data did dm dw ei httt l low nr sof sota sotbe thot trow tsg ttb utbs"
GNOME = "43.0-2"
SHORTEST, LONGEST = 3, 20  # words, in either language
SIMILAR = 0.6

PLAIN = str.maketrans(
    {"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2026": "...", "\u00a0": " "}
    | {"\u202f": " ", "\u2009": " ", "\u2212": "-", "\u2011": "-", "\u2013": "-", "\u2014": "-"}
    | {"\u00ab": '"', "\u00bb": '"', "\u00ad": None, "\u200b": None}
)
# A message with any of these is not plain prose: tags, variables, key combinations, paths.
NOT_PROSE = re.compile(r"[<>{}$%&|\\=@#_*~\[\]/+^`0-9]|\w\.\w|https?:")
SENTENCE_END = re.compile(r"""(?<=[.!?])["')]*\s+(?=["'(A-ZÀ-ÖØ-ÞŒ])""")


# ---------------------------------------------------------------- the two sources


def wesnoth(packages: list[Path]) -> Iterator[tuple[str, str]]:
    """Messages (English, French) of the game, its campaigns and its help."""
    for package in packages:
        folder = package / "usr/share/games/wesnoth/1.16/locale/fr/LC_MESSAGES"
        for path in sorted(folder.glob("*.mo")):
            with open(path, "rb") as stream:
                # The class has no public way to list its messages.
                catalogue = gettext.GNUTranslations(stream)._catalog
            for key, french in sorted((k, v) for k, v in catalogue.items() if isinstance(k, str)):
                context, _, english = key.rpartition("^")
                if english and not re.search(r"\s", context):
                    yield from paragraphs(english, french)


def paragraphs(english: str, french: str) -> Iterator[tuple[str, str]]:
    left = [part for part in re.split(r"\n+", english) if part.strip()]
    right = [part for part in re.split(r"\n+", french) if part.strip()]
    if len(left) == len(right):
        yield from zip(left, right, strict=True)


def gnome(package: Path) -> Iterator[tuple[str, str]]:
    """Paragraphs and titles of the user guide that stand at the same place in both languages."""
    english_pages = package / "usr/share/help/C/gnome-help"
    french_pages = package / "usr/share/help/fr/gnome-help"
    for page in sorted(english_pages.glob("*.page")):
        other = french_pages / page.name
        if not other.exists():
            continue
        left, right = blocks(page), blocks(other)
        if [tag for tag, _ in left] == [tag for tag, _ in right]:
            yield from ((a, b) for (_, a), (_, b) in zip(left, right, strict=True))


def blocks(page: Path) -> list[tuple[str, str]]:
    """(tag, text) of each title and paragraph of a Mallard page, in order."""
    namespace = "{http://projectmallard.org/1.0/}"
    found = []
    for section in ElementTree.parse(page).getroot():
        if section.tag != namespace + "info":  # authors and translators
            for element in section.iter():
                if element.tag in (namespace + "p", namespace + "title"):
                    found.append((element.tag, "".join(element.itertext())))
    return found


# ---------------------------------------------------------------- from messages to pairs


def clean(text: str) -> str:
    text = re.sub(r"\s+", " ", text.translate(PLAIN)).strip()
    # French sets a space before ! ? : ; and inside quotation marks, English does not.
    text = re.sub(r"\s+([!?:;,.])", r"\1", text)
    return re.sub(r'"\s*([^"]*?)\s*"', r'"\1"', text)


def sentences(english: str, french: str) -> Iterator[tuple[str, str]]:
    """Sentence pairs of a message: only if both languages have as many sentences."""
    english, french = clean(english), clean(french)
    if NOT_PROSE.search(english) or NOT_PROSE.search(french):
        return
    left, right = SENTENCE_END.split(english), SENTENCE_END.split(french)
    if len(left) == len(right):
        yield from zip(left, right, strict=True)


def fits(english: str, french: str) -> bool:
    a, b = words(english), words(french)
    return (
        SHORTEST <= len(a) <= LONGEST
        and SHORTEST <= len(b) <= LONGEST
        and 0.5 <= len(french) / len(english) <= 2.2
        and english[-1] in ".!?"
        and french[-1] in ".!?"
        and (english[-1] == "?") == (french[-1] == "?")
        and english.count('"') == french.count('"')
        and english.count('"') % 2 == 0
        and a != b  # left untranslated
        and len(set(a) & set(b)) <= 0.5 * len(set(a))
    )


def build(folder: Path) -> None:
    game = [debian(f"wesnoth-1.16-{part}", WESNOTH) for part in CAMPAIGNS.split()]
    guide = debian("gnome-user-docs", GNOME)
    found = [
        (source, *pair)
        for source, messages in (("wesnoth", wesnoth(game)), ("gnome", gnome(guide)))
        for message in messages
        for pair in sentences(*message)
    ]
    table = pd.DataFrame(found, columns=["source", "english", "french"])
    whole = len(table)
    table = table[[fits(a, b) for a, b in zip(table["english"], table["french"], strict=True)]]
    fitting = len(table)
    keys = pd.DataFrame({side: table[side].map(lambda t: " ".join(words(t))) for side in SIDES})
    table = table[~keys["english"].duplicated() & ~keys["french"].duplicated()]
    table = table.reset_index(drop=True)
    print(f"{whole} sentence pairs found, {fitting} fit, {len(table)} without repetitions")

    links = [pair for side in SIDES for pair in similar_pairs(table[side].tolist(), SIMILAR)]
    groups = connected(len(table), links)
    print(f"near-duplicates kept together: {len(table) - len(np.unique(groups))} pairs")
    table["split"] = split_by_group(
        groups, {"train": 0.9, "validation": 0.05, "test": 0.05}, seed=0, strata=table["source"]
    )
    table = table.iloc[np.random.default_rng(1).permutation(len(table))]
    for source in ("wesnoth", "gnome"):
        part = table[table["source"] == source]
        write_csv(folder / f"{source}.csv.gz", part[["english", "french", "split"]])
        print(source, part["split"].value_counts().to_dict())
    for name in ("validation", "test"):
        for side in SIDES:
            closest = nearest(
                table.loc[table["split"] == name, side].tolist(),
                table.loc[table["split"] == "train", side].tolist(),
            )
            print(
                f"{name}, {side}: similarity to the nearest training sentence at most "
                f"{closest.max():.2f}, at least 0.5 for {np.mean(closest >= 0.5):.4f}"
            )
    shutil.copy(game[0] / "usr/share/games/wesnoth/1.16/data/COPYING.txt", folder / "GPL-2.txt")
    shutil.copy(game[0] / "usr/share/doc/wesnoth-1.16-data/copyright", folder / "LICENCE-wesnoth")
    shutil.copy(guide / "usr/share/doc/gnome-user-docs/copyright", folder / "LICENCE-gnome")
    (folder / "LICENCE").write_text(LICENCE, encoding="utf-8")


SIDES = ("english", "french")
LICENCE = """\
Each file of this folder is under the licence of the work that its sentences come from:

wesnoth.csv.gz  The Battle for Wesnoth, GNU General Public License version 2 or later.
                Authors and terms: LICENCE-wesnoth; the licence: GPL-2.txt
gnome.csv.gz    GNOME Help, Creative Commons Attribution-ShareAlike 3.0 Unported, by the GNOME
                Documentation Project and its French translators. Authors, terms and the
                licence: LICENCE-gnome

Both were changed: cut into sentences, filtered and put into a table, as README.md tells.
"""


if __name__ == "__main__":
    run("english_french", build)
