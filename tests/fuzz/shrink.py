"""Makes a failing specification as small as it can be while it still fails in the same way."""

import copy
import json
import time

from tests.fuzz import models


def shrink(spec, fails, seconds=60, shapes=None):
    """Return the smallest specification found that fails as `spec` does.

    Args:
        fails: Function of a specification that tells whether it fails in the same way.
        seconds: Time after which the smallest so far has to do.
        shapes: Function of a specification that returns {name: (shape, dtype)} of its tensors.
    """
    until = time.monotonic() + seconds
    tried = {json.dumps(spec)}
    again = True
    while again:
        again = False
        for simpler in _simpler(spec, shapes):
            if time.monotonic() > until:
                return spec
            key = json.dumps(simpler)
            if key not in tried and not tried.add(key) and fails(simpler):
                spec, again = simpler, True
                break
    return spec


def _simpler(spec, shapes):
    """Yield simpler specifications, those that take most away first."""
    yield from _without_training(spec)
    yield from _fewer_nodes(spec, shapes)
    yield from _simpler_training(spec)
    yield from _simpler_arguments(spec)
    yield from _smaller(spec)


def _changed(spec, change):
    """Return a copy of a specification after `change(copy)`, without what it no longer needs."""
    spec = copy.deepcopy(spec)
    change(spec)
    return models.prune(spec)


def _without_training(spec):
    if spec["train"]:
        yield {**spec, "train": None}


def _outputs(names, losses=None):
    """Return a change: these outputs, with a plain loss for each if they are trained."""

    def change(spec):
        how = spec["train"]
        if how:
            kept = [
                spec["outputs"].index(name) if name in spec["outputs"] else None for name in names
            ]
            for key, plain in (
                ("losses", {"new": "losses.MeanSquaredError", "args": {}}),
                ("targets", "normal"),
                ("metrics", []),
                ("loss_weights", 1.0),
            ):
                if how.get(key):
                    how[key] = [plain if k is None else how[key][k] for k in kept]
        spec["outputs"] = names

    return change


def _fewer_nodes(spec, shapes):
    if len(spec["outputs"]) > 1:
        for name in spec["outputs"]:
            yield _changed(spec, _outputs([name]))
    for node in spec["nodes"]:  # the first part of the model alone
        if [node["name"]] != spec["outputs"]:
            yield _changed(spec, _outputs([node["name"]]))
    sizes = shapes(spec) if shapes and spec["nodes"] else {}
    for node in reversed(spec["nodes"]):  # the last part: an input in place of a node
        for place, name in enumerate(_names(spec, node)):
            shape, dtype = sizes.get(name, (None, None))
            if shape is None or None in shape[1:]:
                continue

            def cut(simpler, name=name, shape=shape, dtype=dtype, place=place):
                kind = "tokens" if "int" in dtype else "normal"
                fresh = f"x{name}".replace(".", "_")
                simpler["inputs"].append({"name": fresh, "shape": list(shape[1:]), "data": kind})
                _rename(simpler, name, fresh)

            yield _changed(spec, cut)
    for node in reversed(spec["nodes"]):  # without one node
        for name in node["of"][:1]:
            yield _changed(
                spec, lambda simpler, node=node, name=name: _rename(simpler, node["name"], name)
            )
    for place, node in enumerate(spec["nodes"]):
        if len(node["of"]) > 2:
            yield _changed(spec, lambda simpler, p=place: simpler["nodes"][p]["of"].pop())
        for kind in ("call", "each"):
            if node.get(kind):
                yield _changed(spec, lambda simpler, p=place, k=kind: simpler["nodes"][p].pop(k))


def _names(spec, node):
    used = {name for other in spec["nodes"] for name in models.tensors_of(other)}
    return sorted(name for name in used if name.split(".")[0] == node["name"])


def _rename(spec, old, new):
    for node in spec["nodes"]:
        node["of"] = [new if name == old else name for name in node["of"]]
        if node.get("call", {}).get("initial_state"):
            states = node["call"]["initial_state"]
            node["call"]["initial_state"] = [new if name == old else name for name in states]
        if node.get("same") == old:  # without the first call, there is nothing to share
            node["same"] = new
    spec["outputs"] = [new if name == old else name for name in spec["outputs"]]


def _simpler_training(spec):
    how = spec["train"]
    if not how:
        return
    for key in (
        "metrics",
        "weighted",
        "sample_weight",
        "class_weight",
        "loss_weights",
        "fit",
        "compile",
        "evaluate",
    ):
        if how.get(key):
            yield {**spec, "train": {**how, key: None if key != "compile" else {}}}
    if how.get("metrics"):
        for place, some in enumerate(how["metrics"]):
            for metric in range(len(some)):
                yield _changed(spec, lambda s, p=place, m=metric: s["train"]["metrics"][p].pop(m))
    plain = {"new": "optimizers.SGD", "args": {"learning_rate": 1.0}}
    if how["optimizer"] != plain:
        yield {**spec, "train": {**how, "optimizer": plain}}
    for place, loss in enumerate(how["losses"]):
        if loss["new"] != "losses.MeanSquaredError":

            def simple(simpler, place=place):
                simpler["train"]["losses"][place] = {"new": "losses.MeanSquaredError", "args": {}}
                simpler["train"]["targets"][place] = "normal"
                if simpler["train"].get("metrics"):
                    simpler["train"]["metrics"] = None

            yield _changed(spec, simple)
    if len(how["sizes"]) > 1:
        yield {**spec, "train": {**how, "sizes": how["sizes"][:-1]}}


def _simpler_arguments(spec):
    objects = [("nodes", place) for place, node in enumerate(spec["nodes"]) if "args" in node]
    for _, place in objects:
        yield from _each_argument(spec, lambda s, p=place: s["nodes"][p])
    if spec["train"]:
        yield from _each_argument(spec, lambda s: s["train"]["optimizer"])
        for place in range(len(spec["train"]["losses"])):
            yield from _each_argument(spec, lambda s, p=place: s["train"]["losses"][p])


def _each_argument(spec, get):
    """Yield specifications in which an object lacks an argument, or has a simpler one."""
    for key, value in get(spec)["args"].items():
        yield _changed(spec, lambda s, k=key: get(s)["args"].pop(k))
        for simple in _simple_values(value):

            def put(simpler, key=key, simple=simple):
                get(simpler)["args"][key] = simple

            yield _changed(spec, put)
        if isinstance(value, dict) and "new" in value:
            yield from _each_argument(spec, lambda s, k=key: get(s)["args"][k])
        if isinstance(value, list):
            for place, part in enumerate(value):
                if isinstance(part, dict) and "new" in part:
                    yield from _each_argument(spec, lambda s, k=key, p=place: get(s)["args"][k][p])


def _simple_values(value):
    if isinstance(value, bool) or value is None:
        return
    if isinstance(value, int):
        yield from sorted({1, 2, value // 2, value - 1} - {0, -1} if value > 1 else set())
    elif isinstance(value, list) and value:
        is_one = len(set(map(str, value))) == 1
        if is_one and isinstance(value[0], (int, dict)):
            yield value[0]
        if len(value) > 1 and isinstance(value[0], dict):
            yield value[:1]
            yield value[1:]


def _smaller(spec):
    for key, simple in (("batch", 1), ("batch", 2), ("fixed", False), ("format", "channels_last")):
        if spec[key] != simple and not (key == "batch" and spec["batch"] < simple):
            changed = {**spec, key: simple}
            if key == "batch" and spec["train"]:
                sizes = [simple] * len(spec["train"]["sizes"])
                changed["train"] = {**spec["train"], "sizes": sizes}
            yield changed
    if spec["dtype"] != "float32":
        yield {**spec, "dtype": "float32"}
    for place, given in enumerate(spec["inputs"]):
        if given["data"] not in ("normal", "tokens"):
            yield _changed(spec, lambda s, p=place: s["inputs"][p].update(data="normal"))
        for axis, size in enumerate(given["shape"]):
            for smaller in sorted({1, 2, size // 2, size - 1} - {0}):
                if smaller < size:

                    def reduce(simpler, place=place, axis=axis, smaller=smaller):
                        simpler["inputs"][place]["shape"][axis] = smaller

                    yield _changed(spec, reduce)
