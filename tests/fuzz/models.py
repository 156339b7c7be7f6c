"""A model as plain data, and what it becomes: a Keras model, its data, and a program to read.

A specification is JSON:

    seed            of weights and data
    dtype           "float64", "float32", "float16" or "mixed_float16": Keras's policy
    format          "channels_last" or "channels_first"
    batch           samples in a batch; `fixed`: whether the inputs say so
    inputs          [{"name", "shape", "data"}]; the kinds of data are in `DATA`. "lengths": sizes of
                    the axis that is None in "shape", for one batch after another
    nodes           [{"name", "new", "args", "of"}]: a layer of the class "new", called on the tensors
                    "of"; {"name", "same", "of"} calls an earlier node's layer again. "each": the
                    tensors are arguments of their own, not a list. "call": further arguments
    outputs         names of tensors: a node's name, and "name.1" for its second result
    train           None, or how to compile and train: see `Training` in worker.py

Anywhere in arguments, {"new": "losses.Huber", "args": {...}} is an object of that class of Keras.
"""

import numpy as np

#: What an input holds. All but "tokens" are floats; "steps" are padded by zeros, "ties" are whole.
DATA = ("normal", "unit", "ties", "steps", "pixels", "zeros", "large", "tokens", "spectrum")
#: Layers that TensorFlow cannot compute, or computes wrongly, with channels first.
NOT_CHANNELS_FIRST = {
    "Conv1DTranspose",
    "Conv2DTranspose",
    "Conv3DTranspose",
    "DepthwiseConv2D",
}
#: Classes of tokens; every vocabulary and table has as many.
TOKENS = 6


def keras_object(path):
    """Return what Keras calls `path`, such as "layers.Dense"."""
    import keras

    found = keras
    for part in path.split("."):
        found = getattr(found, part)
    return found


def made(value):
    """Return `value` with every {"new": ...} in it replaced by the object it describes."""
    if isinstance(value, dict):
        if "new" in value:
            return keras_object(value["new"])(**made(value.get("args", {})))
        return {key: made(part) for key, part in value.items()}
    if isinstance(value, list):
        return [made(part) for part in value]
    return value


def input_dtype(given, spec):
    if given["data"] == "tokens":
        return "int32"
    return "float64" if spec["dtype"] == "float64" else "float32"


def set_up(spec):
    """Begin anew in Keras, with a specification's dtypes and place of channels."""
    import keras

    keras.backend.clear_session()
    keras.config.set_image_data_format(spec["format"])
    keras.config.set_floatx("float64" if spec["dtype"] == "float64" else "float32")
    keras.config.set_dtype_policy(spec["dtype"])
    keras.utils.set_random_seed(spec["seed"] % 2**31)


class Graph:
    """Keras tensors by name, grown node by node."""

    def __init__(self, spec):
        import keras

        self.tensors, self.layers = {}, {}
        on_tensorflow = keras.backend.backend() == "tensorflow"
        self._first = on_tensorflow and spec["format"] == "channels_first"
        for given in spec["inputs"]:
            size = spec["batch"] if spec.get("fixed") else None
            self.tensors[given["name"]] = keras.Input(
                tuple(given["shape"]), size, input_dtype(given, spec), name=given["name"]
            )

    def add(self, node):
        """Call a node's layer, and return its results as a list."""
        if "same" in node:
            layer = self.layers[node["same"]]
        elif self._first and node["new"].split(".")[-1] in NOT_CHANNELS_FIRST:
            layer = _channels_moved(node)
        else:
            layer = keras_object(node["new"])(**made(node["args"]), name=node["name"])
        given = [self.tensors[name] for name in node["of"]]
        call = {
            key: [self.tensors[name] for name in value] if key == "initial_state" else value
            for key, value in node.get("call", {}).items()
        }
        if node.get("each") or len(given) == 1:
            results = layer(*given, **call)
        else:
            results = layer(given, **call)
        results = list(results) if isinstance(results, (list, tuple)) else [results]
        self.layers[node["name"]] = layer
        for place, result in enumerate(results):
            self.tensors[f"{node['name']}.{place}" if place else node["name"]] = result
        return results


def _channels_moved(node):
    """Return a layer with channels last as one with channels first: TensorFlow's processor has
    none, or a wrong one.
    """
    import keras

    args = dict(node["args"])
    activation = keras.layers.Activation(args.pop("activation", None))
    layer = keras_object(node["new"])(**made(args), name=node["name"], data_format="channels_last")

    def call(x):
        rank = len(x.shape)
        x = layer(keras.ops.transpose(x, (0, *range(2, rank), 1)))
        return activation(keras.ops.transpose(x, (0, rank - 1, *range(1, rank - 1))))

    return call


def build(spec):
    """Return the Keras model and the shapes of all its tensors."""
    import keras

    graph = Graph(spec)
    for node in spec["nodes"]:
        graph.add(node)
    inputs = [graph.tensors[given["name"]] for given in spec["inputs"]]
    outputs = [graph.tensors[name] for name in spec["outputs"]]
    shapes = {name: (tensor.shape, tensor.dtype) for name, tensor in graph.tensors.items()}
    model = keras.Model(*(part[0] if len(part) == 1 else part for part in (inputs, outputs)))
    return model, shapes


def weights(model, seed, nudge=0.0):
    """Return values for a model's float weights, each moved by the relative amount `nudge`."""
    values = []
    for place, weight in enumerate(model.weights):
        rng = np.random.default_rng([seed, 1, place])
        if "float" not in str(weight.dtype):
            values.append(np.asarray(weight))
            continue
        fan = max(1, int(np.prod(weight.shape[:-1], dtype=int)))
        value = rng.normal(size=weight.shape) / np.sqrt(min(fan, 16))
        if "variance" in weight.name or "stddev" in weight.name:
            value = 0.5 + np.abs(value)
        values.append(value * (1 + nudge * _noise(value.shape, nudge)))
    return values


def inputs(spec, nudge=0.0, batch=0):
    """Return an array for each input of a specification.

    Args:
        batch: Number of the batch: each has data of its own.
    """
    arrays = []
    for place, given in enumerate(spec["inputs"]):
        if None in given["shape"]:
            length = given["lengths"][batch % len(given["lengths"])]
            given = {**given, "shape": [length if n is None else n for n in given["shape"]]}
        rng = np.random.default_rng([spec["seed"], 2, place, batch])
        arrays.append(_data(given, spec["batch"], rng, spec, nudge))
    return arrays


def _data(given, batch, rng, spec, nudge):
    shape = (batch, *given["shape"])
    kind = given["data"]
    if kind == "tokens":
        tokens = rng.integers(1, TOKENS, shape)
        return np.where(_steps(rng, shape), tokens, 0).astype("int32")
    if kind == "ties":
        return rng.integers(-2, 3, shape).astype(input_dtype(given, spec))
    if kind == "zeros":
        return np.zeros(shape, input_dtype(given, spec))
    if kind == "normal":
        value = rng.normal(size=shape)
    elif kind == "unit":
        value = rng.uniform(size=shape)
    elif kind == "pixels":
        value = rng.uniform(0, 255, shape)
    elif kind == "large":
        value = rng.normal(size=shape) * 30
    elif kind == "steps":
        counted = _steps(rng, shape[:2])
        value = rng.normal(size=shape) * counted.reshape(*counted.shape, *[1] * (len(shape) - 2))
    else:
        value = np.sin(np.arange(shape[1])[None] * rng.uniform(0.1, 3, (batch, 1)))
        value = value + 0.1 * rng.normal(size=value.shape)
    return (value * (1 + nudge * _noise(shape, nudge))).astype(input_dtype(given, spec))


def _noise(shape, nudge):
    return np.random.default_rng([nudge > 0, np.prod(shape, dtype=int)]).choice([-1.0, 1.0], shape)


def _steps(rng, shape):
    """Tell which steps of (batch, time, ...) count: padded behind, before, or with holes."""
    time = np.arange(shape[1]) if len(shape) > 1 else np.zeros(1)
    length = rng.integers(1, len(time) + 1, (shape[0], 1))
    counted = time[None] < length
    way = rng.integers(4)
    if way == 1:
        counted = counted[:, ::-1]
    elif way == 2:
        counted = rng.uniform(size=counted.shape) < 0.6
    elif way == 3:
        counted = np.ones_like(counted)
    return counted if len(shape) > 1 else counted[:, 0]


def program(spec):
    """Return a specification as a program of Keras code that a person can run."""
    dtype, args = spec["dtype"], []
    lines = ["import keras_theano  # or KERAS_BACKEND=tensorflow without this line", "import keras"]
    lines += ["import numpy as np", "from tests.fuzz import models", ""]
    if dtype == "float64":
        lines.append('keras.config.set_floatx("float64")')
    elif dtype != "float32":
        lines.append(f'keras.config.set_dtype_policy("{dtype}")')
    if spec["format"] != "channels_last":
        lines.append(f'keras.config.set_image_data_format("{spec["format"]}")')
    for given in spec["inputs"]:
        size = f", {spec['batch']}" if spec.get("fixed") else ""
        kind = input_dtype(given, spec)
        lines.append(
            f"{given['name']} = keras.Input({tuple(given['shape'])}{size}, dtype={kind!r})"
            f"  # {given['data']}"
        )
    layers = {}
    for node in spec["nodes"]:
        layer = layers.get(node.get("same"), node["name"] + "_layer")
        layers[node["name"]] = layer
        if "same" not in node:
            lines.append(f"{layer} = {_code(node)}")
        of = [_variable(name) for name in node["of"]]
        given = ", ".join(of) if node.get("each") or len(of) == 1 else f"[{', '.join(of)}]"
        args = [given]
        for key, value in node.get("call", {}).items():
            is_state = key == "initial_state"
            args.append(
                f"{key}=[{', '.join(map(_variable, value))}]" if is_state else f"{key}={value!r}"
            )
        several = [_variable(name) for name in _results(spec, node["name"])]
        target = ", ".join([node["name"], *several[1:]])
        target = target + ", *_" if several[1:] else target
        lines.append(f"{target} = {layer}({', '.join(args)})")
    names = ", ".join(given["name"] for given in spec["inputs"])
    lines.append(f"model = keras.Model([{names}], [{', '.join(map(_variable, spec['outputs']))}])")
    lines.append(f"spec = {{'seed': {spec['seed']}, 'dtype': {dtype!r}, 'batch': {spec['batch']},")
    lines.append(f"        'inputs': {spec['inputs']!r}}}")
    lines.append("model.set_weights(models.weights(model, spec['seed']))")
    only = "[0]" if len(spec["inputs"]) == 1 else ""
    lines.append(f"x = models.inputs(spec){only}")
    lines.append("print(model.predict(x, verbose=0))")
    if spec["train"]:
        lines.append(f"# compiled and trained with {_code(spec['train'])}")
    return "\n".join(lines)


def _results(spec, name):
    used = {of for node in spec["nodes"] for of in node["of"]} | set(spec["outputs"])
    for node in spec["nodes"]:
        used |= set(node.get("call", {}).get("initial_state", []))
    last = max([int(of.split(".")[1]) for of in used if of.startswith(f"{name}.")], default=0)
    return [name, *(f"{name}.{place}" for place in range(1, last + 1))]


def _variable(name):
    return name.replace(".", "_")


def _code(value):
    if isinstance(value, dict) and "new" in value:
        args = ", ".join(f"{key}={_code(part)}" for key, part in value.get("args", {}).items())
        return f"keras.{value['new']}({args})"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key!r}: {_code(part)}" for key, part in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_code, value)) + "]"
    return repr(value)


def tensors_of(node):
    """Return the names of the tensors that a node is called on."""
    return [*node["of"], *node.get("call", {}).get("initial_state", [])]


def prune(spec):
    """Drop the nodes and inputs that no output depends on; return the specification."""
    wanted = {name.split(".")[0] for name in spec["outputs"]}
    for node in reversed(spec["nodes"]):
        if node["name"] in wanted:
            wanted |= {name.split(".")[0] for name in tensors_of(node)}
            wanted.add(node.get("same"))  # the node that makes the layer
    spec["nodes"] = [node for node in spec["nodes"] if node["name"] in wanted]
    spec["inputs"] = [given for given in spec["inputs"] if given["name"] in wanted]
    return spec


def classes(value):
    """Return the names of all classes in a specification."""
    if isinstance(value, dict):
        found = {value["new"].split(".")[-1]} if "new" in value else set()
        return found.union(*map(classes, value.values()))
    if isinstance(value, list):
        return set().union(*map(classes, value))
    return set()
