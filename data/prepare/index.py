"""Render each pack's README.md, the index data/README.md and the thumbnails from the data cards.

Run it after a card or a pack has changed; a test holds the rendered texts to the cards.
"""

import json
import sys
import tomllib
from pathlib import Path

DATA = Path(__file__).resolve().parents[1]
# What every card must say, in the order in which a reader wants it.
FIELDS = {
    "summary": "What it is",
    "samples": "Samples",
    "split": "Split",
    "lessons": "Used in lessons",
    "authors": "Authors",
    "licence": "Licence",
    "made": "How it was made",
    "cleaning": "Cleaning",
    "flaws": "Known flaws and biases",
}
# What a card with parts, such as the weights of one lesson, says of each of them.
OF_A_PART = {
    "holds": "Holds",
    "learnt": "Learnt",
    "tested": "Test data",
    "reached": "Reached",
    "licence": "Licence",
}


def cards() -> tuple[dict[str, dict], list[str]]:
    """All complete data cards by pack, and a complaint for each incomplete one."""
    found, complaints = {}, []
    for path in sorted(DATA.glob("*/card.toml")):
        card = tomllib.loads(path.read_text(encoding="utf-8"))
        missing = ({"title", "licence_files", "source"} | FIELDS.keys()) - card.keys()
        for part in card.get("part", []):
            missing |= ({"title", "lesson", "files"} | OF_A_PART.keys()) - part.keys()
        if missing:
            complaints.append(
                f"data/{path.parent.name}/card.toml lacks {', '.join(sorted(missing))}"
            )
        else:
            found[path.parent.name] = card
    return found, complaints


def render_pack(pack: str, card: dict) -> str:
    """The README.md of one pack."""
    files = json.loads((DATA / pack / "files.json").read_text(encoding="utf-8"))
    lines = [f"# {card['title']}", ""]
    for field, heading in FIELDS.items():
        lines += [f"**{heading}.** {card[field]}", ""]
    licences = ", ".join(f"[{name}]({name})" for name in card["licence_files"])
    lines += [f"**Licence texts, as found at the source.** {licences}", "", "**Source.**", ""]
    for source in card["source"]:
        lines.append(
            f"- {source['registry']} package `{source['package']}` {source['version']}: "
            f"{source['path']}"
        )
    size = sum(entry["bytes"] for entry in files.values())
    lines += [
        "",
        f"**Files.** {len(files)}, {size / 1e6:.2f} MB; [files.json](files.json) holds the size and "
        f"SHA-256 of each, which the loaders check. `make data PACK={pack}` rebuilds them.",
        "",
    ]
    if len(files) <= 12:
        lines += ["| file | bytes | SHA-256 |", "|---|---:|---|"]
        lines += [f"| {n} | {e['bytes']:,} | `{e['sha256']}` |" for n, e in files.items()]
        lines.append("")
    for part in card.get("part", []):
        lines += [*render_part(part, files), ""]
    lines += ["_Made from card.toml by `python data/prepare/index.py`; edit that._", ""]
    return "\n".join(lines)


def render_part(part: dict, files: dict[str, dict]) -> list[str]:
    """The lines of one part of a card: a heading, and a list that a phone has room for."""
    number, _, _ = Path(part["lesson"]).stem.partition("-")
    kilobytes = {name: files[name]["bytes"] / 1e3 for name in part["files"]}
    sizes = ", ".join(f"`{name}` ({kB:,.{int(kB < 10)}f} kB)" for name, kB in kilobytes.items())
    return [
        f"## {part['title']}",
        "",
        f"- **Lesson.** [{number}](../../lessons/{part['lesson']})",
        f"- **Files.** {sizes}",
        *(f"- **{heading}.** {part[field]}" for field, heading in OF_A_PART.items()),
    ]


def render_index(found: dict[str, dict]) -> str:
    """data/README.md."""
    sizes = {
        pack: sum(e["bytes"] for e in json.loads((DATA / pack / "files.json").read_text()).values())
        for pack in found
    }
    lines = [
        "# Data",
        "",
        f"{len(found)} small real data sets, {sum(sizes.values()) / 1e6:.1f} MB in all, so that every "
        "lesson runs with no network. Each folder holds the data, the licence as found at the "
        "source, a data card (its README) and the size and SHA-256 of each file, which the loaders "
        "in `utils.data` check on first use. `make data PACK=digits` rebuilds a pack from the "
        "package it came from and compares the checksums; `PACK=all` does it for all but the weights, "
        "which the lessons' own code learns for hours. Pictures and "
        "compressed arrays come out bit for bit with the library versions of requirements.lock.",
        "",
        "The course's code is MIT and its prose CC BY 4.0; **the data keep their own licences**.",
        "",
        "| pack | | what it is | licence | lessons | MB |",
        "|---|---|---|---|---|---:|",
    ]
    for pack, card in found.items():
        if thumbnail(pack).exists():
            sample = f'<img src="thumbnails/{pack}.webp" width="240" alt="{card["title"]}">'
        else:
            sample = f"`{card.get('sample', '')}`"
        lines.append(
            f"| [{pack}]({pack}/README.md) | {sample} | {card['summary']} | {card['licence']} "
            f"| {card['lessons']} | {sizes[pack] / 1e6:.1f} |"
        )
    lines += [
        "",
        "Stories with questions, for lesson 13, need no data file: `utils.data.make_stories` simulates "
        "them by seed, with one, two or three supporting facts. `Mary went to the kitchen. Where is Mary?`",
        "",
        "Pictures with exact boxes and masks, for lessons 07 and 14, are composed from photos and scenes "
        "by `utils.data.SceneComposer`.",
    ]
    lines += ["", "_Made from the data cards by `python data/prepare/index.py`; edit those._", ""]
    return "\n".join(lines)


def thumbnail(pack: str) -> Path:
    """Where the thumbnail of a pack of images is."""
    return DATA / "thumbnails" / f"{pack}.webp"


def draw_thumbnails() -> None:
    """A strip of six samples for each pack of images."""
    sys.path.insert(0, str(DATA.parent))
    import numpy as np
    from PIL import Image, ImageOps

    from utils import data

    photos = data.load_photos(size=96)
    firsts = [int(np.flatnonzero(photos.labels == k)[n]) for n in (3, 7) for k in range(4)]
    fashion, digits = data.load_fashion().test, data.load_digits().test
    places, animals = data.load_scenes("place"), data.load_scenes("animal")
    emoji = data.load_emoji()
    named = ["slice of pizza", "tulip", "rocket", "elephant", "violin", "face with tears of joy"]
    strips = {
        "photos": photos.images[firsts[:6]],
        "digits": 255 - digits.x[:6],
        "fashion": 255 - fashion.x[[int(np.flatnonzero(fashion.y == k)[0]) for k in range(6)]],
        "scenes": [*places.images[:3], *animals.images[:3]],
        "emoji": [emoji.images[list(emoji.names).index(name)] for name in named],
        "pictures": [
            data.load_picture(name)
            for name in ("chelsea", "coffee", "pagoda", "terrace", "church", "bridge")
        ],
    }
    for pack, images in strips.items():
        strip = Image.new("RGB", (6 * 96, 96), "white")
        for position, image in enumerate(images):
            tile = ImageOps.fit(Image.fromarray(np.asarray(image)).convert("RGB"), (94, 94))
            strip.paste(tile, (position * 96 + 1, 1))
        thumbnail(pack).parent.mkdir(exist_ok=True)
        strip.save(thumbnail(pack), quality=80)


def main() -> None:
    draw_thumbnails()
    found, complaints = cards()
    for pack, card in found.items():
        write(DATA / pack / "README.md", render_pack(pack, card))
    write(DATA / "README.md", render_index(found))
    if complaints:
        raise SystemExit("\n".join(complaints))


def write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
