"""Full-size public image sets, fetched into the user's cache when asked for.

Checksums are those that several published projects agree on; none of these sets is in the checkout.
"""

import gzip
import io
import tarfile
import zipfile
from collections.abc import Mapping

import numpy as np
from PIL import Image

from utils.data.downloads import fetch_full
from utils.data.splits import Samples, TrainTest

CIFAR10_CLASSES = tuple(
    ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
)
DOGS_VS_CATS_CLASSES = ("cat", "dog")

_KERAS_DATASETS = "https://storage.googleapis.com/tensorflow/tf-keras-datasets"
_MNIST = {"mnist.npz": "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"}
_FASHION = {
    "train-images-idx3-ubyte.gz": "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
    "train-labels-idx1-ubyte.gz": "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
    "t10k-images-idx3-ubyte.gz": "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
    "t10k-labels-idx1-ubyte.gz": "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
}


def train_test(arrays: Mapping[str, np.ndarray]) -> TrainTest:
    """The splits out of a mapping with `x_train`, `y_train`, `x_test` and `y_test`."""
    return TrainTest(
        Samples(arrays["x_train"], arrays["y_train"].astype(np.int64)),
        Samples(arrays["x_test"], arrays["y_test"].astype(np.int64)),
    )


def full_mnist() -> TrainTest:
    """MNIST's own 60,000 + 10,000 digits, uint8 `(n, 28, 28)` (11 MB to download)."""
    ((file, checksum),) = _MNIST.items()
    path = fetch_full(f"{_KERAS_DATASETS}/{file}", checksum)
    with np.load(path, allow_pickle=False) as arrays:
        return train_test(arrays)


def full_fashion() -> TrainTest:
    """Fashion-MNIST's own 60,000 + 10,000 images, uint8 `(n, 28, 28)` (31 MB to download)."""
    arrays = {}
    for file, checksum in _FASHION.items():
        path = fetch_full(f"{_KERAS_DATASETS}/{file}", checksum, f"fashion-mnist/{file}")
        content = gzip.decompress(path.read_bytes())
        split = "train" if file.startswith("train") else "test"
        if "images" in file:
            arrays[f"x_{split}"] = np.frombuffer(content, np.uint8, offset=16).reshape(-1, 28, 28)
        else:
            arrays[f"y_{split}"] = np.frombuffer(content, np.uint8, offset=8)
    return train_test(arrays)


def load_cifar10() -> TrainTest:
    """CIFAR-10: small colour photographs in the ten `CIFAR10_CLASSES`, always downloaded (170 MB).

    Returns:
        `train` and `test`, 50,000 + 10,000 images: x uint8 `(n, 32, 32, 3)`; y int64 `(n,)`.

    Raises:
        DataError: the download failed.
    """
    path = fetch_full(
        # The edition without pickles.
        "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
        "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
    )
    with tarfile.open(path) as archive:

        def read(name):
            stream = archive.extractfile(f"cifar-10-batches-bin/{name}.bin")
            rows = np.frombuffer(stream.read(), np.uint8).reshape(-1, 1 + 3 * 32 * 32)
            return rows[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), rows[:, 0]

        batches = [read(f"data_batch_{k}") for k in range(1, 6)]
        x_test, y_test = read("test_batch")
    x_train = np.concatenate([x for x, _ in batches])
    y_train = np.concatenate([y for _, y in batches])
    return train_test(dict(x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test))


def load_dogs_vs_cats(per_class: int = 2000, size: int = 227) -> TrainTest:
    """Photographs of dogs and cats (Asirra, as on Kaggle), always downloaded (825 MB).

    Args:
        per_class: how many pictures of each class, of about 12,450; a fifth is for the test.
        size: side in pixels of the square that is cut from the middle and scaled.

    Returns:
        `train` and `test`: x uint8 `(n, size, size, 3)`; y int64 `(n,)`, 0 for a cat and 1 for a
        dog. Files that are no pictures are passed over.

    Raises:
        ValueError: `per_class` is less than 5 or more than there are.
        DataError: the download failed.
    """
    from PIL import ImageOps

    path = fetch_full(
        "https://download.microsoft.com/download/3/E/1/"
        "3E1C3F21-ECDB-4869-8368-6DEBA77B919F/kagglecatsanddogs_5340.zip",
        "b7974bd00a84a99921f36ee4403f089853777b5ae8d151c76a86e64900334af9",
    )
    if per_class < 5:
        raise ValueError(f"per_class must be at least 5, not {per_class}")
    x, y = np.empty((2 * per_class, size, size, 3), np.uint8), np.repeat([0, 1], per_class)
    with zipfile.ZipFile(path) as archive:
        for label, folder in enumerate(("PetImages/Cat/", "PetImages/Dog/")):
            names = sorted(name for name in archive.namelist() if name.startswith(folder))
            found = 0
            for name in np.random.default_rng(0).permutation(names):
                if found == per_class:
                    break
                try:
                    picture = Image.open(io.BytesIO(archive.read(str(name)))).convert("RGB")
                except OSError:
                    continue
                x[label * per_class + found] = ImageOps.fit(picture, (size, size))
                found += 1
            if found < per_class:
                raise ValueError(f"There are only {found} pictures in {folder}.")
    order = np.random.default_rng(1).permutation(2 * per_class)
    test = order % per_class < per_class // 5  # the first fifth of each class
    return TrainTest(
        Samples(x[order[~test]], y[order[~test]]), Samples(x[order[test]], y[order[test]])
    )
