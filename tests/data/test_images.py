"""The image packs as a lesson gets them: shapes, dtypes, splits, and what the pictures hold."""

import io
import tarfile
import tracemalloc
import zipfile

import numpy as np
import pytest
from PIL import Image

from utils import data
from utils.data import full_size, images


@pytest.fixture(scope="module")
def photos():
    return data.load_photos(size=64)


def assert_no_group_is_divided(labels, groups, splits):
    homes = {}
    for label, group, split in zip(labels, groups, splits, strict=True):
        homes.setdefault((label, group), set()).add(split)
    divided = {key: found for key, found in homes.items() if len(found) > 1}
    assert not divided


# ---------------------------------------------------------------- digits, fashion


@pytest.mark.parametrize(
    ("load", "train", "test"),
    [(data.load_digits, 4000, 1000), (data.load_fashion, 20_000, 4000)],
)
def test_small_images(load, train, test):
    (x_train, y_train), (x_test, y_test) = loaded = load()
    assert (x_train.shape, x_test.shape) == ((train, 28, 28), (test, 28, 28))
    assert x_train.dtype == x_test.dtype == np.uint8
    assert y_train.dtype == y_test.dtype == np.int64
    assert set(np.bincount(y_train)) == {train // 10}
    assert set(np.bincount(y_test)) == {test // 10}
    assert loaded.train.x is x_train and loaded.test.y is y_test
    assert x_train.min() == 0 and x_train.max() == 255


@pytest.mark.parametrize("load", [data.load_digits, data.load_fashion])
def test_no_image_is_in_both_splits(load):
    train, test = load()
    seen = {image.tobytes() for image in train.x}
    assert sum(image.tobytes() in seen for image in test.x) <= 2  # Fashion-MNIST's own doubles


def test_digits_are_shuffled():
    assert len(set(data.load_digits().train.y[:50])) == 10


# ---------------------------------------------------------------- photos


def test_photos(photos):
    n = len(photos)
    assert photos.rgba.shape == (n, 64, 64, 4) and photos.rgba.dtype == np.uint8
    assert photos.labels.shape == (n,) and photos.labels.dtype == np.int64
    assert photos.class_names == data.PHOTO_CLASSES
    assert list(np.bincount(photos.labels)) == [63, 35, 43, 24]
    assert len(set(photos.names)) == n
    assert photos.images.shape == (n, 64, 64, 3) and photos.images.dtype == np.uint8


def test_photo_groups_are_not_divided(photos):
    assert_no_group_is_divided(photos.labels, photos.groups, photos.splits)
    parts = [photos.train, photos.validation, photos.test]
    assert sum(map(len, parts)) == len(photos)
    assert not set(parts[0].files) & set(parts[2].files)
    for part in parts:
        assert set(part.labels) == {0, 1, 2, 3}


def test_kinds_seen_in_training_are_not_in_the_test():
    everything = data.load_photos(tuple(data.photo_classes()), size=16)
    assert len(everything) == 251
    assert_no_group_is_divided(everything.labels, everything.groups, everything.splits)
    # Two pictures of a pig, whatever their names, are of one kind.
    pigs = everything[["pig" in name.split() for name in everything.names]]
    assert len(pigs) == 3 and len(set(pigs.splits)) == 1


def test_each_photo_has_a_mask_and_a_free_margin(photos):
    solid = photos.rgba[..., 3] > 127
    share = solid.mean((1, 2))
    assert share.min() > 0.02 and share.max() < 0.9
    assert not solid[:, :2].any() and not solid[:, :, -2:].any()


def test_photo_backgrounds(photos):
    clear = photos.rgba[..., 3] == 0
    assert (photos.images[clear] == 255).all()
    assert (photos.on((0, 128, 7))[clear] == (0, 128, 7)).all()
    solid = photos.rgba[..., 3] == 255
    assert (photos.on((0, 0, 0))[solid] == photos.rgba[..., :3][solid]).all()
    picture = data.load_picture("pagoda", 64)
    assert (photos.on(picture)[0][clear[0]] == picture[clear[0]]).all()


@pytest.mark.parametrize("shape", [(), (3,), (64, 64, 3), (251, 1, 1, 3), (251, 64, 64, 3)])
def test_photos_on_any_background_that_broadcasts(shape):
    photos = data.load_photos(classes=tuple(data.photo_classes()), size=64)
    ground = np.random.default_rng(0).integers(0, 256, shape)
    mask = photos.rgba[..., 3:].astype(np.float32) / 255
    mixed = np.rint(photos.rgba[..., :3] * mask + ground.astype(np.float32) * (1 - mask))
    assert np.array_equal(photos.on(ground), mixed)


def test_photos_take_little_more_memory_than_what_is_returned(photos):
    tracemalloc.start()
    on_white = photos.images
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.5 * on_white.nbytes


def test_photos_can_be_picked(photos):
    assert photos[3].names.tolist() == [photos.names[3]]
    birds = photos[photos.labels == 1]
    assert set(birds.class_names) == set(photos.class_names) and set(birds.labels) == {1}


def test_photos_are_shown_in_a_line(photos):
    shown = repr(photos)
    assert shown.startswith(f"<{len(photos)} photos: ") and len(shown) < 200
    assert all(name in shown for name in photos.class_names)


def test_photo_mistakes_are_named(photos):
    with pytest.raises(ValueError, match="No photos of .'unicorn'.*mammal"):
        data.load_photos(("unicorn",))
    with pytest.raises(ValueError, match="None of these 2 pictures is in the split 'test'"):
        _ = photos.train[:2].test


# ---------------------------------------------------------------- scenes, emoji, pictures


@pytest.mark.parametrize(("kind", "count"), [("place", 91), ("animal", 57), ("thing", 58)])
def test_scenes(kind, count):
    scenes = data.load_scenes(kind)
    assert len(scenes) == count
    for image in scenes.images:
        assert image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3
        assert max(image.shape) <= 512
    assert_no_group_is_divided(scenes.classes, scenes.groups, scenes.splits)
    assert {"train", "validation", "test"} == set(scenes.splits)
    assert set(scenes.licences) <= {"public domain", "CC0 1.0"}
    assert all(scenes.authors) and all(scenes.sources)
    assert len(scenes.test.images) == len(scenes.test) == (scenes.splits == "test").sum() > 0
    np.testing.assert_array_equal(scenes.test.images[0], scenes[scenes.splits == "test"].images[0])


def test_scene_mistakes_are_named():
    with pytest.raises(ValueError, match="no kind 'sea'.*animal"):
        data.load_scenes("sea")


def test_emoji():
    emoji = data.load_emoji()
    assert emoji.images.shape == (1189, 64, 64, 3) and emoji.images.dtype == np.uint8
    assert len(set(emoji.names)) == len(emoji) == 1189
    assert_no_group_is_divided(emoji.names == "", emoji.groups, emoji.splits)
    assert len(emoji.train) + len(emoji.test) == 1189 and emoji.test.images.shape[1:] == (64, 64, 3)
    tomato = emoji.images[list(emoji.names).index("tomato")].reshape(-1, 3)
    red, green, blue = tomato[tomato.min(1) < 200].mean(0)
    assert red > 2 * green and red > 2 * blue
    assert emoji.characters[list(emoji.names).index("tomato")] == "\N{TOMATO}"


def test_pictures():
    assert len(data.picture_names("painting")) == 8
    for name in data.picture_names():
        picture = data.load_picture(name)
        assert picture.dtype == np.uint8 and 390 <= max(picture.shape) <= 768
    assert data.load_picture("chelsea", 227).shape == (227, 227, 3)
    height, width, _ = data.load_picture("chelsea").shape
    for long_side in (128, 256, 900):
        picture = data.load_picture("chelsea", long_side=long_side)
        assert picture.shape == (round(height * long_side / width), long_side, 3)
    with pytest.raises(ValueError, match="not both"):
        data.load_picture("chelsea", 128, long_side=256)
    with pytest.raises(ValueError, match="no picture 'mona'.*chelsea"):
        data.load_picture("mona")


def test_ones_own_picture(tmp_path):
    sideways = Image.new("RGBA", (40, 20), (200, 0, 0, 255))
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned by a quarter
    sideways.save(tmp_path / "own.png", exif=exif)
    assert data.open_image(tmp_path / "own.png").shape == (40, 20, 3)
    Image.new("RGBA", (8, 8), (200, 0, 0, 0)).save(tmp_path / "clear.png")
    assert (data.open_image(tmp_path / "clear.png") == 255).all()
    with pytest.raises(data.DataError, match="There is no file"):
        data.open_image(tmp_path / "absent.jpg")
    (tmp_path / "text.jpg").write_text("no picture")
    with pytest.raises(data.DataError, match="cannot be read as a picture"):
        data.open_image(tmp_path / "text.jpg")


# ---------------------------------------------------------------- full-size sets, by small doubles


def test_full_mnist(tmp_path, monkeypatch):
    x = np.arange(6 * 28 * 28, dtype=np.uint8).reshape(6, 28, 28)
    path = tmp_path / "mnist.npz"
    np.savez(path, x_train=x, y_train=np.arange(6, dtype=np.uint8), x_test=x, y_test=x[:, 0, 0])
    monkeypatch.setattr(full_size, "fetch_full", lambda *args: path)
    train, _ = data.load_digits(full=True)
    assert (train.x == x).all() and train.y.dtype == np.int64


def test_full_fashion(tmp_path, monkeypatch):
    import gzip

    def fake(url, checksum, file):
        path = tmp_path / url.rsplit("/", 1)[-1]
        items = 6 if "train" in file else 2
        if "images" in file:
            path.write_bytes(gzip.compress(b"h" * 16 + bytes(range(196)) * 4 * items))
        else:
            path.write_bytes(gzip.compress(b"h" * 8 + bytes(range(items))))
        return path

    monkeypatch.setattr(full_size, "fetch_full", fake)
    train, test = data.load_fashion(full=True)
    assert train.x.shape == (6, 28, 28) and test.x.shape == (2, 28, 28)
    assert train.y.tolist() == [0, 1, 2, 3, 4, 5] and train.x[1, 0, 3] == 3


def test_cifar10(tmp_path, monkeypatch):
    path = tmp_path / "cifar.tar.gz"
    red = bytes([255] * 1024 + [0] * 2048)
    with tarfile.open(path, "w:gz") as archive:
        for k, name in enumerate([*(f"data_batch_{k}" for k in range(1, 6)), "test_batch"]):
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}.bin")
            member.size = 3073 * 2
            archive.addfile(member, io.BytesIO((bytes([k]) + red) * 2))
    monkeypatch.setattr(full_size, "fetch_full", lambda *args: path)
    train, test = data.load_cifar10()
    assert train.x.shape == (10, 32, 32, 3) and test.x.shape == (2, 32, 32, 3)
    assert train.y.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4] and test.y.tolist() == [5, 5]
    assert (train.x[0] == (255, 0, 0)).all()


def test_dogs_vs_cats(tmp_path, monkeypatch):
    path = tmp_path / "pets.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for folder, shade in (("Cat", 10), ("Dog", 200)):
            for k in range(12):
                picture = io.BytesIO()
                Image.new("RGB", (30, 20), (shade, shade, shade)).save(picture, "PNG")
                content = b"broken" if k < 2 else picture.getvalue()
                archive.writestr(f"PetImages/{folder}/{k}.jpg", content)
    monkeypatch.setattr(full_size, "fetch_full", lambda *args: path)
    train, test = data.load_dogs_vs_cats(per_class=10, size=16)
    assert train.x.shape == (16, 16, 16, 3) and test.x.shape == (4, 16, 16, 3)
    assert np.bincount(train.y).tolist() == [8, 8] and np.bincount(test.y).tolist() == [2, 2]
    assert ((train.x.mean((1, 2, 3)) > 100) == train.y).all()
    with pytest.raises(ValueError, match="only 10 pictures"):
        data.load_dogs_vs_cats(per_class=11)


def test_nothing_is_downloaded_by_default(monkeypatch):
    monkeypatch.setattr(full_size, "fetch_full", lambda *a: pytest.fail("asked the network"))
    data.load_digits()
    data.load_fashion()
    assert images.load_photos is data.load_photos
