"""What a network that does not learn makes of pictures, computed once."""

import hashlib
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np

__all__ = ["cached"]


def cached(
    model: keras.Model,
    images: np.ndarray,
    batch: int = 32,
    dtype: str = "float16",
    path: str | os.PathLike | None = None,
    prepare: Callable | None = None,
) -> np.ndarray | dict[str, np.ndarray]:
    """The features of a frozen network, computed once, to train something small on them.

        body = taps(squeezenet(include_top=False), ["fire3", "fire9"])
        features = cached(body, scenes.train.images, prepare=preprocess)
        small.fit(features, labels)

    `model.predict` keeps everything in float32, twice for a moment; this takes a quarter of that. What
    memory the features take is printed after the first batch.

    >>> body = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3)])
    >>> features = cached(body, np.ones((1000, 8, 8, 3), "uint8"))
    Features of 1,000 inputs: 0.3 MB as float16.
    >>> features.shape, features.dtype
    ((1000, 6, 6, 4), dtype('float16'))

    Source: Keras's guide "Transfer learning & fine-tuning", keras.io/guides/transfer_learning, where it is
    the lighter one of two ways.

    Args:
        model: a Keras model, computed as in inference.
        images: `(n, ...)`, whatever the model (or `prepare`) takes.
        batch: how many are computed at a time.
        dtype: of the features, "float16", with three decimal digits, or "float32".
        path: a file (`.npz`) that keeps them for the next time; read if it is there, and it belongs to
            the same images and the same network.
        prepare: function that makes the model's input of a batch, such as `preprocess`.

    Returns:
        An array `(n, ...)`; of a model with several outputs, as `taps` makes it, a dict (or list) of them.

    Raises:
        ValueError: no images, a batch below 1, features that are too large for `dtype`, or a file that
            holds something else; it is left as it is.
    """
    if not len(images) or batch < 1:
        raise ValueError(
            f"There must be images, and at least 1 in a batch, not {len(images)} in {batch}s."
        )
    if dtype not in ("float16", "float32"):
        raise ValueError(f'dtype is "float16" or "float32", not {dtype!r}.')

    if path is not None:
        Path(path).parent.mkdir(parents=True, exist_ok=True)  # now, not when all is computed

    def computed(begin):
        some = images[begin : begin + batch]
        made = model.predict_on_batch(some if prepare is None else prepare(some))
        return keras.tree.map_structure(lambda values: _cast(values, dtype), made)

    first = computed(0)
    everything = keras.tree.map_structure(
        lambda values: np.empty((len(images), *values.shape[1:]), dtype), first
    )
    wholes = keras.tree.flatten(everything)
    megabytes = sum(whole.nbytes for whole in wholes) / 1e6
    inputs = "1 input" if len(images) == 1 else f"{len(images):,} inputs"
    print(f"Features of {inputs}: {megabytes:.1f} MB as {dtype}.")
    if path is not None and Path(path).exists():
        stored = _stored(path, images, wholes, keras.tree.flatten(first))
        return keras.tree.pack_sequence_as(everything, stored)
    for begin in range(0, len(images), batch):
        made = keras.tree.flatten(computed(begin) if begin else first)
        for whole, part in zip(wholes, made, strict=True):
            whole[begin : begin + batch] = part
    if path is not None:
        _store(path, images, wholes)
    return everything


def _cast(values, dtype):
    largest = np.abs(values, out=np.zeros_like(values), where=np.isfinite(values)).max(initial=0)
    if largest > np.finfo(dtype).max:
        raise ValueError(
            f'There are features of {largest:.3g}, too large for {dtype}: dtype="float32".'
        )
    return values.astype(dtype)


def _store(path, images, wholes):
    draft = Path(f"{path}.part")  # whole or not at all, should this be interrupted
    with open(draft, "wb") as file:
        np.savez(file, *wholes, images=_fingerprint(images))
    os.replace(draft, path)


def _stored(path, images, wholes, first):
    """The arrays in a file, if they are of these images, and begin with these features."""
    other = (
        f"{path} holds something else than the features of these images by this network: delete it, or "
        "give another path."
    )
    try:
        with np.load(path, allow_pickle=False) as file:
            same_images = str(file["images"]) == _fingerprint(images)
            stored = [file[f"arr_{n}"] for n in range(len(wholes))]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(other) from error
    same = same_images and all(
        (a.shape, a.dtype) == (b.shape, b.dtype) for a, b in zip(stored, wholes, strict=True)
    )
    # The file does not know the network: what it makes of the first images tells.
    if not same or not all(
        np.allclose(a[: len(b)], b, rtol=2e-3, atol=1e-3 * np.abs(b).max(initial=0), equal_nan=True)
        for a, b in zip(stored, first, strict=True)
    ):
        raise ValueError(other)
    return stored


def _fingerprint(images):
    digest = hashlib.sha256(f"{images.shape} {images.dtype}".encode())
    digest.update(np.ascontiguousarray(images))
    return digest.hexdigest()
