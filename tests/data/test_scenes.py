"""The scene composer: exact labels, fixed splits, the same scenes for the same seed, and speed."""

import time

import numpy as np
import pytest

from utils.data import SceneComposer, cell_coverage


@pytest.fixture(scope="module")
def composer():
    return SceneComposer("train")


@pytest.fixture(scope="module")
def scenes(composer):
    return composer.compose(60, seed=1)


def test_shapes_and_types(scenes):
    n, m = 60, 3
    assert len(scenes) == n
    for name, shape, dtype in [
        ("images", (n, 96, 96, 3), np.uint8),
        ("masks", (n, 96, 96), np.uint8),
        ("instances", (n, 96, 96), np.uint8),
        ("boxes", (n, m, 4), np.float32),
        ("labels", (n, m), np.int64),
        ("photos", (n, m), np.int64),
        ("backgrounds", (n,), np.int64),
    ]:
        array = getattr(scenes, name)
        assert array.shape == shape and array.dtype == dtype, name


def test_boxes_hold_exactly_what_is_seen(scenes):
    for k in range(len(scenes)):
        for position, label in enumerate(scenes.labels[k]):
            seen = scenes.instances[k] == position + 1
            if label < 0:
                assert not seen.any() and not scenes.boxes[k, position].any()
                continue
            rows, columns = np.nonzero(seen)
            box = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
            assert scenes.boxes[k, position].tolist() == box
            assert set(scenes.masks[k][seen]) == {label + 1}
    assert ((scenes.masks == 0) == (scenes.instances == 0)).all()


def test_labels_are_those_of_the_cut_outs(composer, scenes):
    used = scenes.labels >= 0
    assert (used == (scenes.photos >= 0)).all()
    assert (composer.photos.labels[scenes.photos[used]] == scenes.labels[used]).all()
    assert used[:, 0].all() and 1.5 < used.sum(1).mean() <= 3


def test_the_background_shows_where_nothing_was_pasted(composer, monkeypatch):
    plain = SceneComposer("train", shadow=False)
    pasted = plain.compose(20, seed=3)
    monkeypatch.setattr(plain, "_paste", lambda *args: False)
    empty = plain.compose(20, seed=3)
    assert (pasted.backgrounds == empty.backgrounds).all()
    # Half-clear rims reach a little beyond the mask, and whiskers or blades further.
    near = pasted.masks > 0
    for axis in (1, 2):
        for shift in (-2, -1, 1, 2):
            near = near | np.roll(near, shift, axis)
    same = (pasted.images == empty.images).all(-1)
    assert same[~near].mean() > 0.995
    inside = pasted.masks > 0
    differ = (pasted.images != empty.images).any(-1)
    assert differ[inside].mean() > 0.95


def test_shadows_only_darken(composer):
    shaded, plain = (SceneComposer("train", shadow=on, objects=(1, 1)) for on in (True, False))
    with_shadow, without = (each.compose(10, seed=2) for each in (shaded, plain))
    ground = (with_shadow.masks == 0) & (without.masks == 0)
    # The same draws up to the first shadow: place, class and cut-out agree.
    assert (with_shadow.photos == without.photos).all()
    change = with_shadow.images.astype(int).sum(-1) - without.images.astype(int).sum(-1)
    assert (change[ground] < -20).mean() > 0.02
    assert (change[ground] > 20).mean() < 0.01


def test_the_same_seed_gives_the_same_scenes(scenes):
    again = SceneComposer("train").compose(30, seed=1)
    assert (again.images == scenes.images[:30]).all()
    assert (again.boxes == scenes.boxes[:30]).all()
    other = SceneComposer("train").compose(30, seed=2)
    assert (other.images != again.images).mean() > 0.5


def test_splits_share_neither_cut_outs_nor_kinds_nor_places():
    kinds, files, places = [], [], []
    for split in ("train", "validation", "test"):
        composer = SceneComposer(split)
        kinds.append(set(zip(composer.photos.labels, composer.photos.groups, strict=True)))
        files.append(set(composer.photos.files))
        places.append(set(composer.places.groups))
        assert len(composer.compose(2)) == 2
    for sets in (kinds, files, places):
        assert not sets[0] & sets[1] and not sets[0] & sets[2] and not sets[1] & sets[2]


def test_classes_are_drawn_evenly(composer):
    labels = composer.compose(300, seed=4).labels
    counts = np.bincount(labels[labels >= 0])
    assert len(counts) == 4 and counts.min() > 0.75 * counts.mean()


def test_overlap(composer):
    apart = SceneComposer("train", overlap=False, objects=(2, 3)).compose(40, seed=5)
    crowded = SceneComposer("train", objects=(3, 3), scale=(0.6, 0.7)).compose(40, seed=5)
    assert touching_boxes(crowded) > 2 * touching_boxes(apart)
    # However crowded, each object is still seen.
    for k in range(len(crowded)):
        for position in np.flatnonzero(crowded.labels[k] >= 0):
            assert (crowded.instances[k] == position + 1).sum() >= 10


def touching_boxes(scenes):
    count = 0
    for boxes, labels in zip(scenes.boxes, scenes.labels, strict=True):
        found = boxes[labels >= 0]
        for i in range(len(found)):
            for j in range(i):
                low = np.maximum(found[i, :2], found[j, :2])
                high = np.minimum(found[i, 2:], found[j, 2:])
                count += (high > low).all()
    return count


def test_sizes_and_scales():
    small = SceneComposer("test", size=48, objects=(1, 1), scale=(0.5, 0.5), rotation=0)
    scenes = small.compose(30)
    sides = scenes.boxes[:, 0, 2:] - scenes.boxes[:, 0, :2]
    assert scenes.images.shape == (30, 48, 48, 3)
    assert np.abs(sides.max(1) - 24).max() <= 2
    large = SceneComposer("test", size=224, classes=("vehicle", "bird")).compose(3)
    assert large.images.shape == (3, 224, 224, 3) and large.class_names == ("vehicle", "bird")


@pytest.mark.parametrize("grid", [1, np.int64(4), 13, (5, 7), 36, 50])
def test_cell_coverage(scenes, grid):
    masks, classes = scenes.masks[:3, 30:66, 30:66], len(scenes.class_names) + 1
    found = cell_coverage(masks, grid, classes)
    rows, columns = grid if isinstance(grid, tuple) else (int(grid), int(grid))
    assert found.shape == (3, rows, columns, classes) and found.dtype == np.float32
    np.testing.assert_allclose(found.sum(-1), 1, atol=1e-5)
    # Each pixel cut into so many parts that the cells' borders lie between two of them.
    fine = masks.repeat(rows, axis=1).repeat(columns, axis=2)
    parts = fine.reshape(3, rows, masks.shape[1], columns, masks.shape[2])
    by_counting = np.stack([(parts == k).mean((2, 4)) for k in range(classes)], -1)
    np.testing.assert_allclose(found, by_counting, atol=1e-5)


@pytest.mark.parametrize(
    ("masks", "words"),
    [
        (np.zeros((4, 4), np.uint8), r"\(n, height, width\)"),
        (np.zeros((1, 4, 4)), "whole numbers"),
        (np.full((1, 4, 4), 3), "0 to 2"),
        (np.full((1, 4, 4), -1), "-1 to -1"),
    ],
)
def test_masks_of_another_kind_are_refused(masks, words):
    with pytest.raises(ValueError, match=words):
        cell_coverage(masks, 2, 3)
    with pytest.raises(ValueError, match="at least one cell"):
        cell_coverage(np.zeros((1, 4, 4), int), (2, 0), 3)


def test_two_hundred_scenes_a_second(composer):
    rates = []
    for seed in range(3):
        start = time.process_time()  # this process alone, whatever else the machine does
        composer.compose(100, seed)
        rates.append(100 / (time.process_time() - start))
    assert max(rates) >= 200, f"{max(rates):.0f} scenes a second"


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"objects": (3, 1)}, "objects must be two numbers"),
        ({"scale": (0.5, 1.5)}, "scale must be two shares"),
        ({"size": 4}, "at least 16 pixels"),
        ({"split": "all"}, "no split 'all'"),
        ({"classes": ("unicorn",)}, "No photos of"),
    ],
)
def test_mistakes_are_named(wrong, words):
    with pytest.raises(ValueError, match=words):
        SceneComposer(**wrong)
