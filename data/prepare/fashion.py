"""Rebuild data/fashion: 24,000 of Fashion-MNIST's images, from Debian's dataset-fashion-mnist."""

import gzip
import shutil
from pathlib import Path

import numpy as np
from common import debian, run, save_npz, stratified


def build(folder: Path) -> None:
    source = debian("dataset-fashion-mnist", "0.0~git20200523.55506a9-1") / "usr/share"
    arrays = {}
    for split, prefix, per_class in (("train", "train", 2000), ("test", "t10k", 400)):
        images = read_idx(source / f"datasets/fashion-mnist/{prefix}-images-idx3-ubyte.gz")
        labels = read_idx(source / f"datasets/fashion-mnist/{prefix}-labels-idx1-ubyte.gz")
        # Sorted positions keep the source's own order, which is already shuffled.
        (chosen,) = stratified(labels, [per_class], seed=0)
        arrays[f"x_{split}"], arrays[f"y_{split}"] = images[chosen], labels[chosen]
    save_npz(folder / "fashion.npz", **arrays)
    shutil.copy(source / "doc/dataset-fashion-mnist/copyright", folder / "LICENCE")


def read_idx(path: Path) -> np.ndarray:
    """An array in the IDX format: two zeros, type, number of axes, their lengths, the bytes."""
    content = gzip.decompress(path.read_bytes())
    if content[:3] != b"\0\0\x08":
        raise ValueError(f"{path.name} does not hold unsigned bytes in the IDX format")
    axes = content[3]
    shape = np.frombuffer(content, ">u4", axes, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * axes).reshape(shape)


if __name__ == "__main__":
    run("fashion", build)
