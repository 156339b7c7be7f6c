"""Loaders of the image packs.

Every loader returns NumPy arrays with fixed splits, from the checkout, with no network. Where a
larger public set exists, `full=True` fetches it into the user's cache instead.
"""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from utils.data.full_size import full_fashion, full_mnist, train_test
from utils.data.packs import DataError, load_arrays, pack_path
from utils.data.splits import Divided, TrainTest

PHOTO_CLASSES = ("mammal", "bird", "fruit or vegetable", "flower")
FASHION_CLASSES = (
    "T-shirt/top",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
)
_PHOTO_SIZE = 227
_TILE = 64  # side of one emoji in the sheet
_MARGIN = 0.06  # of a cut-out's canvas, left free on each side


def load_digits(full: bool = False) -> TrainTest:
    """Handwritten digits (MNIST).

    Returns:
        `train` and `test`: x uint8 `(n, 28, 28)`, white (255) on black; y int64 `(n,)`, 0 to 9.
        4,000 + 1,000 images, as many of each digit; with `full=True` MNIST's own 60,000 + 10,000
        (11 MB to download).

    Raises:
        DataError: the pack is missing or damaged, or the download failed.
    """
    return full_mnist() if full else train_test(load_arrays("digits", "digits.npz"))


def load_fashion(full: bool = False) -> TrainTest:
    """Clothes and shoes (Fashion-MNIST); the classes are `FASHION_CLASSES`.

    Returns:
        `train` and `test`: x uint8 `(n, 28, 28)`, bright on black; y int64 `(n,)`, 0 to 9.
        20,000 + 4,000 images, as many of each class; with `full=True` Fashion-MNIST's own 60,000 +
        10,000 (31 MB to download).

    Raises:
        DataError: the pack is missing or damaged, or the download failed.
    """
    return full_fashion() if full else train_test(load_arrays("fashion", "fashion.npz"))


# ---------------------------------------------------------------- photographs


@dataclass(frozen=True)
class Photos(Divided):
    """Cut-out photographs, in the order of the pack's index.

    Attributes:
        train, validation, test: the `Photos` of one split; `photos[mask]` picks others.
        rgba: uint8 `(n, size, size, 4)`: red, green, blue and the mask (0 clear, 255 solid).
        labels: int64 `(n,)`, an index into `class_names`.
        class_names: the classes, in the order asked for.
        names: str `(n,)`, what each picture shows, in English.
        groups: str `(n,)`: pictures of one kind of thing, such as the five apples, share a group,
            and no group is divided between splits.
        splits: str `(n,)`: "train", "validation" or "test".
        files: str `(n,)`, each picture's file in `data/photos/`.
    """

    rgba: np.ndarray
    labels: np.ndarray
    class_names: tuple[str, ...]
    names: np.ndarray
    groups: np.ndarray
    splits: np.ndarray
    files: np.ndarray

    def __repr__(self) -> str:
        counts = np.bincount(self.labels, minlength=len(self.class_names))
        kinds = ", ".join(f"{n} {name}" for n, name in zip(counts, self.class_names, strict=True))
        return f"<{len(self)} photos: {kinds}>"

    @property
    def images(self) -> np.ndarray:
        """The pictures on white, made anew each time: uint8 `(n, size, size, 3)`."""
        return self.on((255, 255, 255))

    def on(self, background: npt.ArrayLike) -> np.ndarray:
        """The pictures on another background.

        Args:
            background: anything that broadcasts to `(n, size, size, 3)`, values 0 to 255: one
                colour `(3,)`, one picture `(size, size, 3)` or one for each.

        Returns:
            uint8 `(n, size, size, 3)`.
        """
        mixed = np.empty((*self.rgba.shape[:3], 3), np.uint8)
        grounds = np.broadcast_to(np.asarray(background, np.float32), mixed.shape)
        # One by one: all at once they would take ten times the memory of what is returned.
        for picture, rgba, ground in zip(mixed, self.rgba, grounds, strict=True):
            alpha = rgba[..., 3:].astype(np.float32) / 255
            picture[:] = np.rint(rgba[..., :3] * alpha + ground * (1 - alpha))
        return mixed


def photo_classes() -> dict[str, int]:
    """All classes of the photos pack and how many pictures each has, largest class first."""
    classes = [row["class"] for row in _photo_rows()]
    return {
        name: classes.count(name) for name in sorted(set(classes), key=lambda c: -classes.count(c))
    }


def load_photos(classes: tuple[str, ...] = PHOTO_CLASSES, size: int = _PHOTO_SIZE) -> Photos:
    """Photographs of things, cut out from their background.

    Each is centred on a square canvas, as large as fits with a small margin, and keeps its
    proportions. The splits are fixed: half of each class for training, a fifth for validation,
    the rest for the test, and kinds of things (groups) are never divided.

    Args:
        classes: which classes, of those that `photo_classes()` lists.
        size: side of the canvas in pixels.

    Raises:
        ValueError: a class that does not exist.
        DataError: the pack is missing or damaged.
    """
    known = photo_classes()
    unknown = [name for name in classes if name not in known]
    if unknown:
        raise ValueError(f"No photos of {unknown}. Classes: {', '.join(known)}.")
    rows = [row for row in _photo_rows() if row["class"] in classes]
    rgba = np.zeros((len(rows), size, size, 4), np.uint8)
    for canvas, row in zip(rgba, rows, strict=True):
        with Image.open(pack_path("photos", row["file"])) as picture:
            canvas[:] = _centred(picture.convert("RGBA"), size)
    return Photos(
        rgba=rgba,
        labels=np.array([classes.index(row["class"]) for row in rows], np.int64),
        class_names=tuple(classes),
        names=np.array([row["name"] for row in rows]),
        groups=np.array([row["group"] for row in rows]),
        splits=np.array([row["split"] for row in rows]),
        files=np.array([row["file"] for row in rows]),
    )


def _photo_rows() -> list[dict[str, str]]:
    return _rows("photos", "photos.csv")


def _rows(pack: str, file: str) -> list[dict[str, str]]:
    with open(pack_path(pack, file), encoding="utf-8", newline="") as table:
        return list(csv.DictReader(table))


def _centred(picture: Image.Image, size: int) -> np.ndarray:
    room = size * (1 - 2 * _MARGIN)
    scale = room / max(picture.size)
    width, height = (max(1, round(side * scale)) for side in picture.size)
    # Premultiplied (RGBa), or the hidden colour of clear pixels would bleed into the rim.
    picture = picture.convert("RGBa").resize((width, height), Image.Resampling.BICUBIC)
    canvas = Image.new("RGBa", (size, size))
    canvas.paste(picture, ((size - width) // 2, (size - height) // 2))
    return np.asarray(canvas.convert("RGBA"))


@dataclass(frozen=True)
class Scenes(Divided):
    """Photographs of places, animals or things, of various sizes.

    Attributes:
        train, validation, test: the `Scenes` of one split; `scenes[mask]` picks others.
        images: the pictures, each uint8 `(height, width, 3)`, long side at most 512.
        names, classes, groups, splits, authors, licences, sources: str `(n,)` each. A place has
            the class "place" and a thing "thing"; an animal's class is as in the photos pack.
    """

    images: list[np.ndarray]
    names: np.ndarray
    classes: np.ndarray
    groups: np.ndarray
    splits: np.ndarray
    authors: np.ndarray
    licences: np.ndarray
    sources: np.ndarray


def load_scenes(kind: str = "place") -> Scenes:
    """Photographs, public domain or CC0, with author and source of each.

    Photographs of one place are never in two splits.

    Args:
        kind: "place" (monuments and landscapes), "animal" (where it lives) or "thing".

    Raises:
        ValueError: there is no such kind.
        DataError: the pack is missing or damaged.
    """
    rows = _rows("scenes", "scenes.csv")
    known = sorted({row["kind"] for row in rows})
    if kind not in known:
        raise ValueError(f"There is no kind {kind!r} of scenes: use one of {known}.")
    rows = [row for row in rows if row["kind"] == kind]
    column = lambda name: np.array([row[name] for row in rows])
    return Scenes(
        images=[open_image(pack_path("scenes", row["file"])) for row in rows],
        names=column("name"),
        classes=column("class"),
        groups=column("group"),
        splits=column("split"),
        authors=column("author"),
        licences=column("licence"),
        sources=column("source"),
    )


@dataclass(frozen=True)
class Emoji(Divided):
    """Small pictures with a name.

    Attributes:
        train, test: the `Emoji` of one split; `emoji[mask]` picks others.
        images: uint8 `(n, 64, 64, 3)`, on white.
        names: str `(n,)`, Unicode's name in lower case, such as "slice of pizza".
        characters: str `(n,)`, the character itself.
        groups: str `(n,)`; pictures that look nearly alike share a group.
        splits: str `(n,)`: "train" or "test"; no group is divided.
    """

    images: np.ndarray
    names: np.ndarray
    characters: np.ndarray
    groups: np.ndarray
    splits: np.ndarray


def load_emoji() -> Emoji:
    """All emoji of the pack, in the order of their code points.

    Raises:
        DataError: the pack is missing or damaged.
    """
    rows = _rows("emoji", "emoji.csv")
    sheet = open_image(pack_path("emoji", "emoji.webp"))
    lines, columns = sheet.shape[0] // _TILE, sheet.shape[1] // _TILE
    tiles = sheet.reshape(lines, _TILE, columns, _TILE, 3).swapaxes(1, 2)
    column = lambda name: np.array([row[name] for row in rows])
    return Emoji(
        images=tiles.reshape(-1, _TILE, _TILE, 3)[: len(rows)].copy(),
        names=column("name"),
        characters=column("character"),
        groups=column("group"),
        splits=column("split"),
    )


def picture_names(kind: str | None = None) -> list[str]:
    """Names that `load_picture` knows: all, or those of one kind, "photograph" or "painting"."""
    rows = _rows("pictures", "pictures.csv")
    return [row["name"] for row in rows if kind in (None, row["kind"])]


def load_picture(name: str, size: int | None = None, long_side: int | None = None) -> np.ndarray:
    """One photograph or painting, such as "chelsea" or "church"; `picture_names()` lists them.

    Args:
        name: its name.
        size: side in pixels of the square to cut from the middle and scale; None for the whole.
        long_side: pixels of the longer side, to which the whole is scaled; None leaves it be.

    Returns:
        uint8 `(height, width, 3)`, long side at most 768 unless asked for.

    Raises:
        ValueError: there is no picture of that name, or both `size` and `long_side` are given.
        DataError: the pack is missing or damaged.
    """
    known = picture_names()
    if name not in known:
        raise ValueError(f"There is no picture {name!r}. Pictures: {', '.join(known)}.")
    return open_image(pack_path("pictures", f"{name}.webp"), size, long_side)


def open_image(
    path: str | Path, size: int | None = None, long_side: int | None = None
) -> np.ndarray:
    """A picture file of one's own as an array.

    Args:
        path: any file that Pillow can read.
        size: side in pixels of the square to cut from the middle and scale; None leaves it be.
        long_side: pixels of the longer side, to which the whole is scaled in its proportions; None
            leaves it be.

    Returns:
        uint8 `(height, width, 3)`, upright as the camera meant it; clear parts become white.

    Raises:
        ValueError: both `size` and `long_side` are given.
        DataError: there is no such file, or it is not a picture.
    """
    from PIL import ImageOps

    if size is not None and long_side is not None:
        raise ValueError("Give size, for a square, or long_side, for the whole picture, not both.")
    try:
        with Image.open(path) as opened:
            picture = ImageOps.exif_transpose(opened).convert("RGBA")
    except FileNotFoundError:
        raise DataError(f"There is no file {path}.") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read as a picture: {error}") from error
    white = Image.new("RGBA", picture.size, "white")
    picture = Image.alpha_composite(white, picture).convert("RGB")
    if size is not None:
        picture = ImageOps.fit(picture, (size, size), Image.Resampling.LANCZOS)
    if long_side is not None:
        sides = [max(1, round(side * long_side / max(picture.size))) for side in picture.size]
        picture = picture.resize(sides, Image.Resampling.LANCZOS)
    return np.asarray(picture)
