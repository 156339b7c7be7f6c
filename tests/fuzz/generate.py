"""From a seed to a random model: any of Keras's layers, wired at random, and a way to train it.

Runs in the reference's worker: a layer that Keras on TensorFlow refuses for the tensors it was drawn
for is drawn again, so every specification is one that TensorFlow builds.
"""

import random

from tests.fuzz import models
from tests.fuzz.layers import LAYERS, Draw
from tests.fuzz.training import training

#: No tensor of a sample has more elements.
LARGEST = 600
DTYPES = ["float64"] * 5 + ["float32"] * 3 + ["mixed_float16", "float16"]


def generate(seed):
    """Return the specification of the model with this seed."""
    rng = random.Random(seed)
    spec = {
        "seed": seed,
        "dtype": rng.choice(DTYPES),
        "format": "channels_first" if rng.random() < 0.15 else "channels_last",
        "batch": rng.choice([1, 2, 3, 4]),
        "fixed": rng.random() < 0.2,
        "inputs": [_input(rng, place) for place in range(rng.choice([1, 1, 1, 2, 2, 3]))],
        "nodes": [],
        "outputs": [],
        "train": None,
    }
    models.set_up(spec)
    draw = Draw(rng, spec)
    graph = models.Graph(spec)
    for _ in range(rng.choice([1, 2, 2, 3, 3, 4, 5, 6, 8])):
        for _attempt in range(12):
            if _grow(draw, graph):
                break
    _finish(draw, graph)
    return spec


def _input(rng, place):
    rank = rng.choice([1, 1, 2, 2, 2, 3, 3, 3, 4])
    sizes = [rng.choice([1, 2, 3, 4, 5, 6, 7]) for _ in range(rank)]
    kinds = ["normal"] * 5 + ["unit", "ties", "ties", "zeros", "large"]
    if rank == 1:
        kinds += ["tokens"] * 15
        if rng.random() < 0.08:
            return {"name": f"x{place}", "shape": [48], "data": "spectrum"}
    if rank >= 2:
        kinds += ["steps"] * 4
    if rank == 3:
        kinds += ["pixels"] * 3
        sizes[-1] = rng.choice([1, 3, 3, sizes[-1]])
    if rank == 4:
        sizes = [min(size, 4) for size in sizes]
    return {"name": f"x{place}", "shape": sizes, "data": rng.choice(kinds)}


def _grow(draw, graph):
    """Add one node; return whether Keras took it."""
    rng, spec = draw.rng, draw.spec
    names = list(graph.tensors)
    name = names[-1] if rng.random() < 0.6 else rng.choice(names)
    tensor = graph.tensors[name]
    node = {"name": f"n{len(spec['nodes'])}"}
    if spec["nodes"] and rng.random() < 0.08:
        earlier = rng.choice(spec["nodes"])
        if "same" in earlier or len(earlier["of"]) > 1 or "call" in earlier:
            return False
        node |= {"same": earlier["name"], "of": [name]}
    else:
        draw.look(name, tensor, graph.tensors)
        fitting = [
            (new, layer) for new, layer in LAYERS.items() if layer.takes(tensor.shape, tensor.dtype)
        ]
        if not fitting:
            return False
        new, layer = rng.choices(fitting, [layer.weight for _, layer in fitting])[0]
        drawn = layer.draw(draw)
        if drawn is None:
            return False
        args, more = drawn if isinstance(drawn, tuple) else (drawn, {})
        args = {key: value for key, value in args.items() if value is not None}
        node |= {"new": f"layers.{new}", "args": args, "of": [name], **more}
    tensors, layers = dict(graph.tensors), dict(graph.layers)
    try:
        results = graph.add(node)
    except Exception:
        results = None
    if not results or not all(map(_is_small, results)):
        graph.tensors, graph.layers = tensors, layers
        return False
    spec["nodes"].append(node)
    return True


def _is_small(tensor):
    size = 1
    for length in tensor.shape[1:]:
        if not length:
            return False
        size *= length
    return size <= LARGEST and not getattr(tensor, "sparse", False)


def _finish(draw, graph):
    """Choose the outputs, drop what none of them needs, and draw a training."""
    rng, spec = draw.rng, draw.spec
    used = {name for node in spec["nodes"] for name in models.tensors_of(node)}
    loose = [name for name in graph.tensors if name not in used]
    loose = [name for name in loose if not name.startswith("x")] or loose
    spec["outputs"] = loose[-1:] + rng.sample(
        loose[:-1], min(len(loose) - 1, rng.choice([0, 0, 1, 2]))
    )
    models.prune(spec)
    if not spec["inputs"]:
        spec["inputs"] = [{"name": "x0", "shape": [3], "data": "normal"}]
    tensors = [graph.tensors[name] for name in spec["outputs"]]
    if draw.is_random or not all("float" in tensor.dtype for tensor in tensors):
        return
    if rng.random() < 0.9:
        training(draw, graph)
