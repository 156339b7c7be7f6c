"""Says how the results of two engines differ, if they do."""

import re

import numpy as np

from tests.fuzz.models import classes
from tests.fuzz.worker import STAGES

#: By the dtype that a model computes in: the largest difference, relative to a tensor's largest
#: value, and in absolute numbers; and the relative sizes of rounding errors. TensorFlow rounds
#: Python's numbers to 32 bits also where it computes in 64.
TOLERANCES = {
    "float64": (1e-6, 1e-7, (1e-15, 6e-8)),
    "float32": (3e-4, 3e-5, (1e-7, 3e-7)),
    "mixed_float16": (4e-2, 1e-2, (5e-4, 1e-3)),
    "float16": (4e-2, 1e-2, (5e-4, 1e-3)),
}
#: What TensorFlow computes in 32 bits also where a model is in 64.
IN_32_BITS = {
    "CTC",
    "Resizing",
    "UpSampling2D",
    "STFTSpectrogram",
    "MelSpectrogram",
    "Equalization",
}
#: A difference is rounding's if a change of all numbers by rounding errors makes one of this part.
FRAGILE = 0.1
#: Stages whose numbers have a dtype; metrics are Python's floats.
TENSORS = ("call", "predict", "weights", "optimizer")
#: More processor time than that for one small model is a fault.
SECONDS = 40


def fault(spec, ours, theirs):
    """Return None, or (kind, where, description) of the first fault of our engine."""
    if theirs["error"] and theirs["error"][0] == "process":
        return None
    if _stage_of_error(ours) < _stage_of_error(theirs):
        stage, name, message = ours["error"]
        return "error", f"{stage} {name}", f"{stage}: {name}: {message}"
    if _stage_of_error(theirs) < _stage_of_error(ours):
        stage, name, message = theirs["error"]
        return "no error", f"{stage} {name}", f"TensorFlow in {stage}: {name}: {message}"
    found = _differing(spec, ours["values"], theirs["values"])
    if found:
        return found
    if ours["stderr"].strip():
        text = ours["stderr"].strip()
        return "stderr", _gist(text), text
    if ours["error"]:  # both engines refuse, and either may warn before it
        return None
    extra = set(map(_gist, ours["warnings"])) - set(map(_gist, theirs["warnings"]))
    if extra:
        return "warning", min(extra), min(extra)
    if ours["seconds"] > SECONDS:
        return "slow", "", f"{ours['seconds']:.1f} seconds of processor time"
    return None


def _stage_of_error(results):
    """Return when an engine refused: a stage's number, or one after all if it did not."""
    stages = ("process", *STAGES)
    return stages.index(results["error"][0]) if results["error"] else len(stages)


def tolerances(spec):
    """Return the row of `TOLERANCES` that holds for a specification."""
    dtype = spec["dtype"]
    narrow = dtype == "float64" and IN_32_BITS & classes([spec["nodes"], spec["train"]])
    relative, absolute, rounding = TOLERANCES["float32" if narrow else dtype]
    if spec["train"] and "SGD" not in classes(spec["train"]["optimizer"]):
        # What divides a gradient by its size gives small ones the weight of large ones.
        relative, absolute = 10 * relative, 10 * absolute
    return relative, absolute, rounding


def _gist(text):
    """Return a text without what differs from run to run."""
    return re.sub(r"0x[0-9a-f]+|-?[0-9]+|None|/\S+", "#", text)[:120]


def _differing(spec, ours, theirs):
    relative, absolute, _ = tolerances(spec)
    if list(ours) != list(theirs):
        either = sorted(set(ours) ^ set(theirs)) or "another order"
        return "names", _stage(str(either)), f"only one engine has {either}"
    lost = False
    for name, mine in ours.items():
        reference = theirs[name]
        if name.startswith("train/"):
            loss = name.rpartition("/")[0] + "/loss"
            lost = lost or bool(np.isnan(ours[loss]) and np.isnan(theirs[loss]))
        if lost:
            # On both, so training is lost. Which metrics and weights are then no numbers depends on
            # which products with 0, such as a first state, a program leaves out.
            return None
        stage = _stage(name)
        if mine.shape != reference.shape:
            return "shape", stage, f"{name}: {mine.shape}, TensorFlow {reference.shape}"
        if stage in TENSORS and _dtype(mine) != _dtype(reference):
            return "dtype", stage, f"{name}: {mine.dtype}, TensorFlow {reference.dtype}"
        a, b = mine.astype("float64"), reference.astype("float64")
        if not np.array_equal(np.isfinite(a), np.isfinite(b)) or not np.array_equal(
            np.nan_to_num(a[~np.isfinite(a)]), np.nan_to_num(b[~np.isfinite(b)])
        ):
            return "not finite", stage, f"{name}: {_short(mine)}, TensorFlow {_short(reference)}"
        a, b = a[np.isfinite(a)], b[np.isfinite(b)]
        if a.size and np.abs(a - b).max() > relative * np.abs(b).max() + absolute:
            worst = np.abs(a - b).max()
            described = f"{name} by {worst:.3g}: {_short(mine)}, TensorFlow {_short(reference)}"
            return "values", stage, described
    return None


def _dtype(array):
    """Return a dtype's name; Keras's default for whole numbers is int64 on TensorFlow alone."""
    return "int32" if array.dtype == "int64" else array.dtype.name


def _stage(name):
    return name.split("/")[0]


def _short(array):
    return np.array2string(array, precision=6, threshold=12, edgeitems=2).replace("\n", "")


def fragile(spec, found, run, ours, theirs):
    """Tell whether a difference of values is no more than what rounding errors can make.

    Args:
        run: Function of a relative change of the data and weights that returns the results of the
            reference with it.
    """
    if found[0] not in ("values", "not finite"):
        return False
    name = _name(found)
    reference = theirs["values"][name]
    difference = _distance(ours["values"][name], reference)
    sizes = tolerances(spec)[2]
    changed = (run(sign * size)["values"].get(name) for size in sizes for sign in (1, -1))
    return any(
        other is not None and _distance(other, reference) >= FRAGILE * difference
        for other in changed
    )


def exact(spec, found, run, ours):
    """Tell whether our value, in 32 bits or fewer, is the reference's in 64: then the reference rounds.

    Args:
        run: Function that returns the results of the reference in 64 bits.
    """
    if found[0] != "values" or spec["dtype"] == "float64":
        return False
    name, (relative, absolute, _) = _name(found), tolerances(spec)
    right = run()["values"].get(name)
    if right is None:
        return False
    return _distance(ours["values"][name], right) <= relative * np.abs(right).max() + absolute


def _name(found):
    return re.match(r"(.*?)(?: by \S+)?: ", found[2]).group(1)


def _distance(a, b):
    """Return the largest difference of two arrays: infinite where only one is finite, or larger."""
    if a.shape != b.shape:
        return np.inf
    a, b = a.astype("float64"), b.astype("float64")
    if not np.array_equal(np.isfinite(a), np.isfinite(b)):
        return np.inf
    return np.abs(a[np.isfinite(a)] - b[np.isfinite(b)]).max(initial=0.0)
