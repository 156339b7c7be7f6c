"""Keras's layers, and for each how to draw arguments that fit the tensor it is called on."""

from dataclasses import dataclass

from tests.fuzz.models import TOKENS

# fmt: off
ACTIVATIONS = [
    "celu", "elu", "exponential", "gelu", "glu", "hard_shrink", "hard_sigmoid", "hard_silu",
    "hard_tanh", "leaky_relu", "linear", "log_sigmoid", "log_softmax", "mish", "relu", "relu6",
    "selu", "sigmoid", "silu", "soft_shrink", "softmax", "softplus", "softsign", "sparse_plus",
    "sparse_sigmoid", "sparsemax", "squareplus", "tanh", "tanh_shrink", "threshold",
]
# fmt: on


def new(path, **args):
    return {"new": path, "args": args}


class Draw:
    """Draws arguments for the tensor in `look`.

    Attributes:
        shape: Of one sample of the tensor.
        first: Whether its channels come first.
        is_random: Whether a layer was drawn that trains with random numbers.
    """

    def __init__(self, rng, spec):
        self.rng, self.spec = rng, spec
        self.is_random = False

    def look(self, name, tensor, tensors):
        self.name, self.shape, self.dtype = name, list(tensor.shape[1:]), tensor.dtype
        self.tensors = tensors

    def of(self, *choices):
        return self.rng.choice(choices)

    def size(self, largest=4):
        return self.rng.randint(1, largest)

    def often(self, value, chance=0.5):
        """Return the value, or None, which leaves the argument out."""
        return value if self.rng.random() < chance else None

    def activation(self, chance=0.4):
        return self.often(self.of(*ACTIVATIONS), chance)

    def weights(self, *names):
        """Draw `use_bias`, and regularizers and constraints of the weights with these names."""
        args = {}
        for name in names:
            if self.rng.random() < 0.08:
                args[f"{name}_regularizer"] = self.of(
                    new("regularizers.L2", l2=0.1),
                    new("regularizers.L1", l1=0.1),
                    new("regularizers.L1L2", l1=0.1, l2=0.1),
                    new("regularizers.OrthogonalRegularizer", factor=0.1),
                )
            if self.rng.random() < 0.08:
                args[f"{name}_constraint"] = self.of(
                    new("constraints.MaxNorm", max_value=0.5),
                    new("constraints.MinMaxNorm", min_value=0.5, max_value=0.8),
                    new("constraints.UnitNorm"),
                    new("constraints.NonNeg"),
                )
        return args

    def layer_weights(self, *names):
        return {
            "activation": self.activation(),
            "use_bias": self.often(False, 0.2),
            "activity_regularizer": self.often(new("regularizers.L2", l2=0.1), 0.05),
            **self.weights(*names),
        }

    def rate(self):
        """Draw a rate of noise; the model is not trained if it is not 0."""
        if self.rng.random() < 0.7:
            return 0.0
        self.is_random = True
        return 0.3

    def channels(self):
        return self.shape[0 if self.is_first else -1]

    @property
    def is_first(self):
        return self.spec["format"] == "channels_first"

    def per_axis(self, axes, largest):
        """Draw one number, or one for each axis."""
        if axes == 1 or self.rng.random() < 0.5:
            return self.size(largest)
        return [self.size(largest) for _ in range(axes)]

    def pairs(self, axes, largest):
        """Draw a number, one for each axis, or a pair for each axis."""
        if axes == 1:
            return self.of(self.size(largest), [self.rng.randint(0, largest), self.size(largest)])
        both = [[self.rng.randint(0, largest), self.rng.randint(0, largest)] for _ in range(axes)]
        return self.of(self.size(largest), [self.size(largest) for _ in range(axes)], both)

    def alike(self, count=1):
        """Return names of other tensors of the same shape, or this one."""
        shape = tuple(self.shape)
        same = [name for name, t in self.tensors.items() if tuple(t.shape[1:]) == shape]
        return [self.rng.choice(same) for _ in range(count)]


@dataclass(frozen=True)
class Layer:
    """How a layer is drawn.

    Attributes:
        draw: Function of a `Draw` that returns arguments, or those and further keys of the node.
        ranks: Of the tensors it takes, the batch's axis counted.
        weight: How often it is drawn, beside others.
        of: Kind of the tensors it takes: "float", "int" or "any".
    """

    draw: object
    ranks: tuple = (2, 3, 4, 5)
    weight: float = 1.0
    of: str = "float"

    def takes(self, shape, dtype):
        return len(shape) in self.ranks and (self.of == "any" or self.of in str(dtype))


LAYERS = {}


def _add(names, draw, ranks=(2, 3, 4, 5), weight=1.0, of="float"):
    ranks = ranks if isinstance(ranks, tuple) else (ranks,)
    for name in names.split():
        LAYERS[name] = Layer(draw, ranks, weight, of)


# --- Core and activations

_add("Identity", lambda d: {}, of="any", weight=0.3)
_add("Activation", lambda d: {"activation": d.of(*ACTIVATIONS)}, weight=2)
_add(
    "ReLU",
    lambda d: {
        "max_value": d.often(1.5),
        "negative_slope": d.often(0.2),
        "threshold": d.often(0.5),
    },
)
_add("LeakyReLU", lambda d: {"negative_slope": d.often(0.1)})
_add("ELU", lambda d: {"alpha": d.often(0.7)})
_add(
    "PReLU",
    lambda d: {
        "shared_axes": d.often([d.rng.randint(1, len(d.shape))]),
        **d.weights("alpha"),
    },
)
_add("Softmax", lambda d: {"axis": d.of(-1, 1, [-1, 1]) if len(d.shape) > 1 else -1})
_add("Dense", lambda d: {"units": d.size(5), **d.layer_weights("kernel", "bias")}, weight=4)


def _einsum_dense(d):
    first, last = d.shape[0], d.shape[-1]
    equation, output = d.of(
        *{
            1: [("ab,bc->ac", [3]), ("ab,bcd->adc", [2, 3])],
            2: [("abc,cd->abd", [None, 4]), ("abc,bd->adc", [3, last]), ("abc,bcd->ad", [3])],
            3: [("abcd,de->abce", [None, d.shape[-2:][0], 3]), ("abcd,bce->aed", [3, last])],
            4: [("abcde,ef->abcdf", [None, *d.shape[1:3], 3]), ("abcde,cdef->abf", [first, 3])],
        }[len(d.shape)]
    )
    letters = equation.split("->")[1][1:]
    bias = d.often("".join(sorted(d.rng.sample(letters, d.of(1, len(letters))), key=letters.index)))
    return {
        "equation": equation,
        "output_shape": output,
        "bias_axes": bias,
        "activation": d.activation(),
        **d.weights("kernel"),
    }


_add("EinsumDense", _einsum_dense)
_add(
    "Embedding",
    lambda d: {
        "input_dim": TOKENS,
        "output_dim": d.size(5),
        "mask_zero": d.often(True),
        **d.weights("embeddings"),
    },
    (2, 3),
    weight=8,
    of="int",
)
_add(
    "ReversibleEmbedding",
    lambda d: {"input_dim": TOKENS, "output_dim": d.size(5), "mask_zero": d.often(True)},
    (2, 3),
    of="int",
)
_add("Masking", lambda d: {"mask_value": d.of(0.0, 0.0, 1.0)}, 3, weight=2)
_add("ActivityRegularization", lambda d: {"l1": d.of(0.0, 0.1), "l2": d.of(0.0, 0.1)})


# --- Convolutions and pooling


def _conv(axes, transposed=False, depthwise=False, separable=False):
    def draw(d):
        args = {
            "kernel_size": d.per_axis(axes, 3),
            "padding": d.of("valid", "same", *(["causal"] if axes == 1 and not transposed else [])),
            "use_bias": d.often(False, 0.2),
            "activation": d.activation(0.3),
        }
        if d.rng.random() < 0.4:
            one = depthwise or separable  # TensorFlow takes no two strides for these
            args["strides"] = d.size(3) if one else d.per_axis(axes, 3)
        elif d.rng.random() < 0.4:
            args["dilation_rate"] = d.size(2) if depthwise or separable else d.per_axis(axes, 2)
        if not depthwise:
            args["filters"] = d.size(4)
        if depthwise or separable:
            args["depth_multiplier"] = d.often(2)
        elif not transposed and d.rng.random() < 0.3:
            groups = [g for g in range(1, d.channels() + 1) if d.channels() % g == 0]
            args["groups"] = d.of(*groups)
            args["filters"] = args["groups"] * d.size(2)
        if depthwise:
            return {**args, **d.weights("depthwise", "bias")}
        if separable:
            return {**args, **d.weights("depthwise", "pointwise", "bias")}
        return {**args, **d.weights("kernel", "bias")}

    return draw


for _axes in (1, 2, 3):
    _add(f"Conv{_axes}D", _conv(_axes), _axes + 2, weight=2)
    _add(f"Conv{_axes}DTranspose", _conv(_axes, transposed=True), _axes + 2)
for _axes in (1, 2):
    _add(f"DepthwiseConv{_axes}D", _conv(_axes, depthwise=True), _axes + 2)
    _add(f"SeparableConv{_axes}D", _conv(_axes, separable=True), _axes + 2)


def _pool(axes):
    return lambda d: {
        "pool_size": d.per_axis(axes, 3),
        "strides": d.often(d.per_axis(axes, 3)),
        "padding": d.of("valid", "same"),
    }


def _adaptive(axes):
    return lambda d: {"output_size": d.per_axis(axes, 3)}


for _axes in (1, 2, 3):
    _add(f"MaxPooling{_axes}D AveragePooling{_axes}D", _pool(_axes), _axes + 2, weight=1.5)
    _add(
        f"GlobalMaxPooling{_axes}D GlobalAveragePooling{_axes}D",
        lambda d: {"keepdims": d.often(True)},
        _axes + 2,
        weight=0.6,
    )
    _add(
        f"AdaptiveMaxPooling{_axes}D AdaptiveAveragePooling{_axes}D",
        _adaptive(_axes),
        _axes + 2,
        weight=0.5,
    )


# --- Normalization, noise


def _axis(d):
    return d.rng.choice([-1, *range(1, len(d.shape) + 1)])


def _some_axes(d):
    count = d.size(len(d.shape))
    return d.of(-1, sorted(d.rng.sample(range(1, len(d.shape) + 1), count)))


_add(
    "BatchNormalization",
    lambda d: {
        "axis": _axis(d),
        "momentum": d.often(0.8),
        "epsilon": d.often(0.01),
        "center": d.often(False, 0.2),
        "scale": d.often(False, 0.2),
        "renorm": d.often(True, 0.1),
        **d.weights("beta", "gamma"),
    },
    weight=2,
)
_add(
    "LayerNormalization",
    lambda d: {
        "axis": _some_axes(d),
        "epsilon": d.often(0.01),
        "center": d.often(False, 0.2),
        "scale": d.often(False, 0.2),
    },
    weight=2,
)


def _group_normalization(d):
    axis = _axis(d)
    size = d.shape[axis - 1 if axis > 0 else axis]
    groups = [g for g in range(1, size + 1) if size % g == 0]
    return {"groups": d.of(-1, *groups), "axis": axis, "scale": d.often(False, 0.2)}


_add("GroupNormalization", _group_normalization)
_add("RMSNormalization", lambda d: {"axis": _axis(d)})
_add("UnitNormalization", lambda d: {"axis": _some_axes(d)})


def _wrapped(d):
    """Draw a layer for another to wrap."""
    rank = len(d.shape) + 1
    names = ["Dense"] + [f"Conv{rank - 2}D"] * (3 <= rank <= 5)
    name = d.of(*names)
    return new(f"layers.{name}", **_without_none(LAYERS[name].draw(d)))


def _without_none(args):
    return {key: value for key, value in args.items() if value is not None}


_add("SpectralNormalization", lambda d: {"layer": _wrapped(d), "power_iterations": d.size(2)})
_add("Dropout GaussianDropout AlphaDropout", lambda d: {"rate": d.rate()}, weight=0.5)
_add("GaussianNoise", lambda d: {"stddev": d.rate()}, weight=0.5)
for _axes in (1, 2, 3):
    _add(f"SpatialDropout{_axes}D", lambda d: {"rate": d.rate()}, _axes + 2, weight=0.3)


# --- Attention


def _attention(d, **args):
    others = [n for n, t in d.tensors.items() if len(t.shape) == 3 and t.shape[-1] == d.shape[-1]]
    of = [d.name, *(d.of(*others) for _ in range(1))]
    if d.rng.random() < 0.4:
        of.append(of[1])
    call = {"use_causal_mask": True} if d.rng.random() < 0.3 else {}
    return args, {"of": of, "call": call}


_add(
    "Attention",
    lambda d: _attention(
        d, use_scale=d.of(True, False), score_mode=d.of("dot", "concat"), dropout=0.0
    ),
    3,
)
_add("AdditiveAttention", lambda d: _attention(d, use_scale=d.of(True, False)), 3)


def _multi_head(d):
    args = {
        "num_heads": d.size(3),
        "key_dim": d.size(3),
        "value_dim": d.often(d.size(3), 0.3),
        "use_bias": d.often(False, 0.2),
        "output_shape": d.often(d.size(4), 0.2),
        "attention_axes": d.often([1], 0.2) if len(d.shape) == 3 else None,
        "sliding_window": d.often(2, 0.1),
        "use_gate": d.often(True, 0.1),
    }
    rank = len(d.shape) + 1
    others = [n for n, t in d.tensors.items() if len(t.shape) == rank and "float" in t.dtype]
    of = [d.name, d.of(d.name, *others)]
    call = {"use_causal_mask": True} if d.rng.random() < 0.3 else {}
    return args, {"of": of, "each": True, "call": call}


_add("MultiHeadAttention", _multi_head, (3, 4), weight=2)


def _grouped_query(d):
    heads = d.size(2)
    args = {
        "head_dim": d.size(3),
        "num_key_value_heads": heads,
        "num_query_heads": heads * d.size(2),
        "use_bias": d.often(False, 0.2),
        "use_gate": d.often(True, 0.1),
    }
    return args, {"of": [d.name, d.alike()[0]], "each": True}


_add("GroupQueryAttention", _grouped_query, 3)


# --- Reshaping and merging

_add("Flatten", lambda d: {}, of="any", weight=2)
_add(
    "Permute", lambda d: {"dims": d.rng.sample(range(1, len(d.shape) + 1), len(d.shape))}, of="any"
)
_add("RepeatVector", lambda d: {"n": d.size(4)}, 2)


def _reshape(d):
    size = 1
    for length in d.shape:
        size *= length
    target = []
    for _ in range(d.size(3)):
        target.append(d.of(*[n for n in range(1, min(size, 8) + 1) if size % n == 0]))
        size //= target[-1]
    target.append(size)
    if d.rng.random() < 0.4:
        target[d.rng.randrange(len(target))] = -1
    return {"target_shape": target}


_add("Reshape", _reshape, of="any", weight=2)
for _axes in (1, 2, 3):
    _add(f"Cropping{_axes}D", lambda d, n=_axes: {"cropping": d.pairs(n, 1)}, _axes + 2)
    _add(f"ZeroPadding{_axes}D", lambda d, n=_axes: {"padding": d.pairs(n, 2)}, _axes + 2)
_add("UpSampling1D", lambda d: {"size": d.size(3)}, 3)
_add(
    "UpSampling2D",
    lambda d: {
        "size": d.per_axis(2, 3),
        "interpolation": d.of("nearest", "nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"),
    },
    4,
)
_add("UpSampling3D", lambda d: {"size": d.per_axis(3, 2)}, 5)


def _merged(d, few=1, many=3):
    of = [d.name, *d.alike(d.rng.randint(few, many))]
    return {}, {"of": of}


_add("Add Average Maximum Minimum Multiply", _merged, weight=0.8)
_add("Subtract", lambda d: _merged(d, 1, 1), weight=0.8)


def _concatenate(d):
    axis = _axis(d)
    place = axis - 1 if axis > 0 else len(d.shape) - 1
    fitting = [
        name
        for name, t in d.tensors.items()
        if len(t.shape) == len(d.shape) + 1
        and all(
            a == b for i, (a, b) in enumerate(zip(t.shape[1:], d.shape, strict=True)) if i != place
        )
    ]
    return {"axis": axis}, {"of": [d.name, *(d.of(*fitting) for _ in range(d.size(2)))]}


_add("Concatenate", _concatenate, weight=1.5)


def _dot(d):
    other = d.of(*[n for n, t in d.tensors.items() if len(t.shape) >= 2 and "float" in t.dtype])
    shape = d.tensors[other].shape
    pairs = [
        [a + 1, b]
        for a, length in enumerate(d.shape)
        for b in range(1, len(shape))
        if shape[b] == length
    ]
    if not pairs:
        return None
    return {"axes": d.of(*pairs), "normalize": d.often(True, 0.3)}, {"of": [d.name, other]}


_add("Dot", _dot, (2, 3, 4))


# --- Recurrent


def _recurrent(kind, rnn=True):
    def draw(d, alone=True):
        args = {
            "units": d.size(4),
            "activation": d.activation(0.3),
            "use_bias": d.often(False, 0.2),
            **d.weights("kernel", "recurrent", "bias"),
        }
        if kind != "SimpleRNN":
            args["recurrent_activation"] = d.activation(0.2)
        if kind == "GRU":
            args["reset_after"] = d.often(False, 0.4)
        if kind == "LSTM":
            args["unit_forget_bias"] = d.often(False, 0.2)
        return {**args, **(_sequences(d, alone) if rnn else {})}

    return draw


def _sequences(d, alone=True):
    args = {
        "return_sequences": d.often(True),
        "go_backwards": d.often(True, 0.2) if alone else None,
        "unroll": d.often(True, 0.15),
    }
    if alone:
        args["return_state"] = d.often(True, 0.2)
        args["stateful"] = True if d.spec["fixed"] and d.rng.random() < 0.4 else None
    return args


for _kind in ("LSTM", "GRU", "SimpleRNN"):
    _add(_kind, _recurrent(_kind), 3, weight=2)


def _cell(d):
    kind = d.of("LSTM", "GRU", "SimpleRNN")
    return new(f"layers.{kind}Cell", **_without_none(_recurrent(kind, rnn=False)(d)))


def _rnn(d):
    cell = _cell(d)
    if d.rng.random() < 0.5:
        cells = [_cell(d) for _ in range(d.size(2))]
        cell = d.of(cells, new("layers.StackedRNNCells", cells=cells))
    return {"cell": cell, **_sequences(d), "zero_output_for_mask": d.often(True, 0.2)}


_add("RNN", _rnn, 3)


def _bidirectional(d):
    kind = d.of("LSTM", "GRU", "SimpleRNN")
    inner = _without_none(_recurrent(kind)(d))
    inner.pop("go_backwards", None)
    mode = d.of("concat", "sum", "mul", "ave")
    return {"layer": new(f"layers.{kind}", **inner), "merge_mode": d.often(mode)}


_add("Bidirectional", _bidirectional, 3, weight=1.5)


def _time_distributed(d):
    outer = d.shape
    d.shape = outer[1:]
    fitting = [
        name
        for name in (
            "Dense",
            "Conv1D",
            "Conv2D",
            "Flatten",
            "LayerNormalization",
            "LSTM",
            "MaxPooling1D",
        )
        if len(d.shape) + 1 in LAYERS[name].ranks
    ]
    name = d.of(*fitting)
    args = LAYERS[name].draw(d)
    d.shape = outer
    args.pop("stateful", None)
    args.pop("return_state", None)
    return {"layer": new(f"layers.{name}", **_without_none(args))}


_add("TimeDistributed", _time_distributed, (3, 4, 5))


def _conv_lstm(axes):
    def draw(d):
        args = {
            "filters": d.size(3),
            "kernel_size": d.per_axis(axes, 2),
            "padding": d.of("valid", "same"),
            "activation": d.activation(0.2),
            "use_bias": d.often(False, 0.2),
            "strides": d.often(2, 0.2),
            **_sequences(d),
        }
        args.pop("unroll")
        return args

    return draw


for _axes in (1, 2, 3):
    _add(f"ConvLSTM{_axes}D", _conv_lstm(_axes), _axes + 3, weight=0.7)


# --- Preprocessing

_add("Rescaling", lambda d: {"scale": d.of(0.1, 2.0), "offset": d.of(0.0, -1.0)})


def _normalization(d):
    size = d.shape[-1]
    axis = d.of(-1, None)
    mean = [0.25 * i for i in range(size)] if axis else 0.25
    variance = [0.5 + 0.25 * i for i in range(size)] if axis else 2.0
    args = {"mean": mean, "variance": variance, "invert": d.often(True, 0.2)}
    return args if axis else {**args, "axis": []}


_add("Normalization", _normalization)
_add(
    "Discretization",
    lambda d: {
        "bin_boundaries": [-1.0, 0.0, 0.5, 2.0],
        "output_mode": d.of("int", "int", "one_hot", "multi_hot", "count"),
    },
    (2, 3),
    weight=0.5,
)
_add(
    "CategoryEncoding",
    lambda d: {"num_tokens": TOKENS, "output_mode": d.of("multi_hot", "one_hot", "count")},
    (2, 3),
    of="int",
    weight=2,
)
_add(
    "IntegerLookup",
    lambda d: {
        "vocabulary": d.of([1, 3, 4], [5, 2]),
        "num_oov_indices": d.of(1, 1, 2),
        "mask_token": d.often(0, 0.3),
        "output_mode": d.of("int", "multi_hot", "count"),
    },
    (2, 3),
    of="int",
    weight=0.7,
)
_add(
    "Hashing",
    lambda d: {"num_bins": 5, "output_mode": d.of("int", "multi_hot"), "salt": d.often(3)},
    2,
    of="int",
    weight=0.4,
)
_add(
    "Resizing",
    lambda d: {
        "height": d.size(6),
        "width": d.size(6),
        "interpolation": d.of("bilinear", "nearest", "bicubic", "lanczos3", "lanczos5", "area"),
        "antialias": d.often(True, 0.2),
        "crop_to_aspect_ratio": d.often(True, 0.2),
        "pad_to_aspect_ratio": d.often(True, 0.2),
    },
    4,
)


def _random_crop(d):
    args = {"height": d.size(6), "width": d.size(6)}
    height, width = d.shape[1:] if d.is_first else d.shape[:2]
    d.is_random |= height > args["height"] and width > args["width"]
    return args


_add("CenterCrop", lambda d: {"height": d.size(6), "width": d.size(6)}, 4)
_add("RandomCrop", _random_crop, 4, weight=0.5)
_add("AutoContrast Equalization", lambda d: {}, 4, weight=0.6)
_add(
    "Solarization",
    # Keras draws a threshold between the first factor itself and the second times 255: [0.5, 0.5] is chance.
    lambda d: {"addition_factor": 0.0, "threshold_factor": 0.0},
    4,
    weight=0.6,
)
_add(
    "ContrastLimitedAdaptiveHistogramEqualization",
    lambda d: {"tile_grid_size": [2, 2]},
    4,
    weight=0.3,
)


def _augmentation(**args):
    def draw(d):
        d.is_random = True
        return args

    return draw


for _name, _args in {
    "RandomBrightness": {"factor": 0.2},
    "RandomContrast": {"factor": 0.2},
    "RandomFlip": {},
    "RandomRotation": {"factor": 0.2},
    "RandomTranslation": {"height_factor": 0.2, "width_factor": 0.2},
    "RandomZoom": {"height_factor": 0.2},
    "RandomShear": {"x_factor": 0.2},
    "RandomHue": {"factor": 0.2},
    "RandomSaturation": {"factor": 0.2},
    "RandomSharpness": {"factor": 0.2},
    "RandomPosterization": {"factor": 4},
    "RandomColorDegeneration": {"factor": 0.2},
    "RandomColorJitter": {"brightness_factor": 0.2},
    "RandomGrayscale": {},
    "RandomErasing": {},
    "RandomInvert": {},
    "RandomGaussianBlur": {},
    "RandomPerspective": {},
    "RandomElasticTransform": {},
    "AugMix": {},
    "CutMix": {},
    "MixUp": {},
    "RandAugment": {},
}.items():
    _add(_name, _augmentation(**_args), 4, weight=0.1)
_add(
    "STFTSpectrogram",
    lambda d: {
        "mode": d.of("log", "magnitude", "psd", "real", "imag", "angle"),
        "frame_length": d.of(8, 12),
        "frame_step": d.of(4, 6),
        "fft_length": d.of(16, 24),
        "window": d.of("hann", "hamming", None),
        "scaling": d.of("density", "spectrum"),
        "padding": d.of("valid", "same"),
        "expand_dims": d.often(True, 0.3),
    },
    2,
    weight=1,
)
_add(
    "MelSpectrogram",
    lambda d: {
        "fft_length": 16,
        "sequence_stride": 8,
        "num_mel_bins": 4,
        "sampling_rate": 100,
        "min_freq": 1.0,
    },
    2,
    weight=0.5,
)
