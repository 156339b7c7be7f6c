"""One way to a split: every loader's splits are attributes."""

import numpy as np
import pytest

from utils import data

TWO, THREE = ("train", "test"), ("train", "validation", "test")
LOADERS = [
    (data.load_digits, TWO),
    (data.load_fashion, TWO),
    (data.load_reviews, TWO),
    (data.load_emoji, TWO),
    (data.load_movies, ("train", "validation")),
    (data.load_prose, ("train", "validation")),
    (data.load_flights, THREE),
    (data.load_ridership, THREE),
    (data.load_pronunciations, THREE),
    (data.load_english_french, THREE),
    (lambda: data.load_photos(size=16), THREE),
    (data.load_scenes, THREE),
]


@pytest.mark.parametrize(("load", "splits"), LOADERS)
def test_splits_are_attributes(load, splits):
    loaded = load()
    for split in splits:
        part = getattr(loaded, split)
        inputs = part.x if isinstance(part, data.Samples) else part
        assert len(inputs) > 10
    for other in set(THREE) - set(splits):
        with pytest.raises((AttributeError, ValueError), match=other):
            getattr(loaded, other)


def test_every_loader_of_a_pack_with_splits_is_tried():
    names = {getattr(load, "__name__", "") for load, _ in LOADERS} | {"load_photos"}
    names |= {"load_glove", "load_picture"}  # one whole each
    names |= {"load_cifar10", "load_dogs_vs_cats"}  # not in the checkout; same type as digits
    assert {name for name in data.__all__ if name.startswith("load_")} <= names


@pytest.mark.parametrize(
    ("chosen", "rows"),
    [
        (2, [2]),
        (np.int64(2), [2]),
        (slice(1, 3), [1, 2]),
        ([3, 0], [3, 0]),
        (np.array([3, 0]), [3, 0]),
        ([True] + 90 * [False], [0]),
        (np.array([True] + 90 * [False]), [0]),
        (np.array([], int), []),
    ],
)
def test_entries_are_picked_from_arrays_and_lists_alike(chosen, rows):
    scenes = data.load_scenes()
    picked = scenes[chosen]
    assert len(picked) == len(picked.images) == len(rows)
    assert picked.names.tolist() == [scenes.names[row] for row in rows]
    assert all(image is scenes.images[row] for image, row in zip(picked.images, rows, strict=True))
