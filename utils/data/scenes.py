"""A composer of scenes: cut-outs pasted on photographs, with exact boxes and masks.

Pasting is how the labels come for free: where an object went is known to the pixel. What is
learnt from such scenes can only be trusted on cut-outs and backgrounds that were never seen, so a
composer is made for one split of both.

The idea is that of D. Dwibedi, I. Misra and M. Hebert, "Cut, Paste and Learn: Surprisingly Easy
Synthesis for Instance Detection", 2017.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from utils.data.images import PHOTO_CLASSES, Photos, load_photos, load_scenes
from utils.data.splits import SPLITS

_SHADOW = 0.45  # how much darker the ground gets under an object
_VISIBLE = 0.35  # share of an object that must stay uncovered
_TRIES = 20  # places tried for an object before it is left out


@dataclass(frozen=True)
class ComposedScenes:
    """Scenes made by a `SceneComposer`; n scenes of at most m objects each.

    Attributes:
        images: uint8 `(n, size, size, 3)`.
        masks: uint8 `(n, size, size)`: for each pixel 0 for background or 1 + the class of the
            object that is seen there.
        instances: uint8 `(n, size, size)`: 0 for background or 1 + the object's position in
            `boxes`.
        boxes: float32 `(n, m, 4)`: left, top, right, bottom of the part of each object that is
            seen, in pixels, the right and bottom edges just outside; zeros where there are fewer
            objects.
        labels: int64 `(n, m)`: each object's class, an index into `class_names`, or -1 where
            there are fewer objects.
        photos: int64 `(n, m)`: position of each object's cut-out in the composer's `photos`, or -1.
        backgrounds: int64 `(n,)`: position of the photograph behind in the composer's `places`.
        class_names: the classes.
    """

    images: np.ndarray
    masks: np.ndarray
    instances: np.ndarray
    boxes: np.ndarray
    labels: np.ndarray
    photos: np.ndarray
    backgrounds: np.ndarray
    class_names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.images)


class SceneComposer:
    """Makes scenes out of one split's cut-outs and background photographs.

    Args:
        split: "train", "validation" or "test". No cut-out, kind of thing or place is in two.
        classes: classes of cut-outs, of those that `photo_classes()` lists.
        size: side of a scene in pixels.
        objects: least and greatest number of objects in a scene.
        scale: least and greatest long side of an object, as a share of the scene's side.
        rotation: greatest turn to either side, in degrees.
        overlap: whether objects may cover one another; at least a third of each stays visible.
        shadow: whether objects throw a soft shadow.

    Raises:
        ValueError: an unknown class or split, or limits that make no sense.
        DataError: a pack is missing or damaged.
    """

    def __init__(
        self,
        split: str = "train",
        classes: tuple[str, ...] = PHOTO_CLASSES,
        size: int = 96,
        objects: tuple[int, int] = (1, 3),
        scale: tuple[float, float] = (0.3, 0.65),
        rotation: float = 20.0,
        overlap: bool = True,
        shadow: bool = True,
    ):
        if not 1 <= objects[0] <= objects[1] <= 20:
            raise ValueError(f"objects must be two numbers from 1 to 20, in order, not {objects}")
        if not 0 < scale[0] <= scale[1] <= 1:
            raise ValueError(f"scale must be two shares from 0 to 1, in order, not {scale}")
        if size < 16:
            raise ValueError(f"size must be at least 16 pixels, not {size}")
        if split not in SPLITS:
            raise ValueError(f"There is no split {split!r}: use one of {', '.join(SPLITS)}.")
        self.split, self.size, self.objects, self.scale = split, size, objects, scale
        self.rotation, self.overlap, self.shadow = rotation, overlap, shadow
        # Twice the size needed, so that an object is scaled down, never up, when it is turned.
        self.photos: Photos = getattr(load_photos(tuple(classes), min(227, 2 * size)), split)
        self.places = getattr(load_scenes("place"), split)
        self.class_names = self.photos.class_names
        self._cut_outs = [_cropped(rgba) for rgba in self.photos.rgba]
        # At most twice as large as a scene: enough to choose a part, quick to cut from.
        self._grounds = [_reduced(image, 2 * size) for image in self.places.images]
        self._by_class = [
            np.flatnonzero(self.photos.labels == label) for label in range(len(self.class_names))
        ]

    def compose(self, n: int, seed: int = 0) -> ComposedScenes:
        """Make `n` scenes; the same seed gives the same scenes.

        Scene k depends on the seed and on k alone, so a longer run begins with a shorter one.
        Classes are drawn evenly, however many cut-outs each has.
        """
        size, most = self.size, self.objects[1]
        scenes = ComposedScenes(
            images=np.zeros((n, size, size, 3), np.uint8),
            masks=np.zeros((n, size, size), np.uint8),
            instances=np.zeros((n, size, size), np.uint8),
            boxes=np.zeros((n, most, 4), np.float32),
            labels=np.full((n, most), -1, np.int64),
            photos=np.full((n, most), -1, np.int64),
            backgrounds=np.zeros(n, np.int64),
            class_names=self.class_names,
        )
        for k in range(n):
            self._compose_one(scenes, k, np.random.default_rng((seed, k)))
        return scenes

    def _compose_one(self, scenes, k, rng):
        scenes.backgrounds[k] = place = rng.integers(len(self._grounds))
        canvas = self._background(place, rng)
        instances = scenes.instances[k]
        areas = []  # visible pixels that each object had when it was alone
        for _ in range(rng.integers(self.objects[0], self.objects[1] + 1)):
            label = rng.integers(len(self._by_class))
            photo = rng.choice(self._by_class[label])
            cut_out = self._turned(photo, rng)
            if not self._paste(canvas, instances, areas, cut_out, rng):
                continue
            position = len(areas) - 1
            scenes.labels[k, position], scenes.photos[k, position] = label, photo
        scenes.images[k] = canvas
        classes = np.concatenate([[0], scenes.labels[k] + 1]).astype(np.uint8)
        scenes.masks[k] = classes[instances]
        for position in range(len(areas)):
            scenes.boxes[k, position] = _box(instances == position + 1)

    def _background(self, place, rng) -> np.ndarray:
        """A square part of a photograph, perhaps mirrored, as the scene's first layer."""
        ground = self._grounds[place]
        side = rng.integers(self.size, min(ground.size) + 1)
        left = rng.integers(ground.width - side + 1)
        top = rng.integers(ground.height - side + 1)
        part = ground.resize(
            (self.size, self.size),
            Image.Resampling.BILINEAR,
            box=(left, top, left + side, top + side),
        )
        canvas = np.asarray(part)
        return (canvas[:, ::-1] if rng.random() < 0.5 else canvas).copy()

    def _turned(self, photo, rng) -> np.ndarray:
        """A cut-out, scaled, turned and perhaps mirrored: uint8 `(height, width, 4)`."""
        picture = self._cut_outs[photo]
        side = rng.uniform(*self.scale) * self.size
        factor = side / max(picture.size)
        picture = picture.resize(
            [max(4, round(length * factor)) for length in picture.size],
            Image.Resampling.BILINEAR,
            reducing_gap=2.0,
        )
        angle = rng.uniform(-self.rotation, self.rotation)
        picture = picture.rotate(angle, Image.Resampling.BILINEAR, expand=True)
        pixels = np.asarray(picture)
        if rng.random() < 0.5:
            pixels = pixels[:, ::-1]
        solid = pixels[..., 3] > 127
        left, top, right, bottom = _box(solid).astype(int)
        return pixels[top:bottom, left:right]

    def _paste(self, canvas, instances, areas, cut_out, rng) -> bool:
        """Put a cut-out where it covers no earlier one too much; say whether there was room."""
        height, width = (min(length, self.size) for length in cut_out.shape[:2])
        cut_out = cut_out[:height, :width]
        solid = cut_out[..., 3] > 127
        number = len(areas) + 1
        for _ in range(_TRIES):
            top = rng.integers(self.size - height + 1)
            left = rng.integers(self.size - width + 1)
            window = np.s_[top : top + height, left : left + width]
            covered = instances[window][solid]
            if not self.overlap and covered.any():
                continue
            lost = np.bincount(covered, minlength=number)[1:]
            total = np.bincount(instances.ravel(), minlength=number)[1:]
            if any(t - x < _VISIBLE * a for t, x, a in zip(total, lost, areas, strict=True)):
                continue
            if self.shadow:
                _darken(canvas, top, left, cut_out[..., 3], rng)
            # Premultiplied, as PIL's RGBa is: the colour is already weighted by the mask.
            weight = 255 - cut_out[..., 3:].astype(np.uint16)
            canvas[window] = cut_out[..., :3] + (canvas[window] * weight + 127) // 255
            instances[window][solid] = number
            areas.append(int(solid.sum()))
            return True
        return False


def cell_coverage(masks: np.ndarray, grid: int | tuple[int, int], classes: int) -> np.ndarray:
    """For each cell of a grid laid over masks, the share of its area that each class covers.

    Exact also where the sides of a mask are no multiples of the grid's, as for the 13 x 13 places of
    a picture of 227 x 227: a pixel on the border of two cells counts in part for either.

    Args:
        masks: whole numbers `(n, height, width)`, each pixel's class, from 0 to `classes - 1`: the
            `masks` of `ComposedScenes`, for which `classes` is 1 more than it has `class_names`.
        grid: cells down and across, or one number for both.
        classes: how many classes there are.

    Returns:
        float32 `(n, rows, columns, classes)`; the shares of a cell add up to 1.

    Raises:
        ValueError: another shape, a pixel of no class, or no cells.
    """
    masks = np.asarray(masks)
    if masks.ndim != 3 or not np.issubdtype(masks.dtype, np.integer):
        raise ValueError(
            f"masks are whole numbers (n, height, width), not {masks.dtype} {masks.shape}"
        )
    if masks.size and not 0 <= masks.min() <= masks.max() < classes:
        raise ValueError(
            f"masks hold {masks.min()} to {masks.max()}, and {classes} classes are 0 to {classes - 1}"
        )
    rows, columns = map(int, np.broadcast_to(grid, 2))
    if min(rows, columns) < 1:
        raise ValueError(f"a grid has at least one cell, not {rows} x {columns}")
    down, across = _overlaps(rows, masks.shape[1]), _overlaps(columns, masks.shape[2])
    shares = [down @ (masks == k).astype(np.float32) @ across.T for k in range(classes)]
    return np.stack(shares, axis=-1)


def _overlaps(cells, pixels) -> np.ndarray:
    """The share of each cell of a line that each pixel makes up: float32 `(cells, pixels)`."""
    ends, size = np.arange(cells)[:, None] * pixels / cells, pixels / cells
    left = np.arange(pixels)
    shared = np.minimum(ends + size, left + 1) - np.maximum(ends, left)
    return (np.clip(shared, 0, None) / size).astype(np.float32)


def _cropped(rgba: np.ndarray) -> Image.Image:
    left, top, right, bottom = _box(rgba[..., 3] > 127).astype(int)
    return Image.fromarray(rgba[top:bottom, left:right]).convert("RGBa")


def _reduced(image: np.ndarray, side: int) -> Image.Image:
    picture = Image.fromarray(image)
    factor = max(side / min(picture.size), 1e-9)
    size = [max(side, round(length * factor)) for length in picture.size]
    return picture.resize(size, Image.Resampling.LANCZOS)


def _box(solid: np.ndarray) -> np.ndarray:
    """Left, top, right and bottom of the True pixels, the last two just outside; float32 `(4,)`."""
    rows, columns = np.flatnonzero(solid.any(1)), np.flatnonzero(solid.any(0))
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], np.float32)


def _darken(canvas, top, left, alpha, rng) -> None:
    """Throw a soft shadow: the object's outline, moved down and aside, blurred, darkens."""
    size = len(canvas)
    reach = max(1, round(0.05 * size))
    outline = Image.new("L", (size, size))
    across = int(rng.integers(-reach, reach + 1))
    outline.paste(Image.fromarray(alpha), (left + across, top + reach))
    shade = np.asarray(outline.filter(ImageFilter.BoxBlur(0.03 * size)), np.float32)
    canvas[:] = canvas * (1 - _SHADOW / 255 * shade[..., None])
