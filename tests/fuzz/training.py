"""Draws how a model is trained: losses, metrics, optimizer, weights of samples, `fit`'s options."""

from tests.fuzz.layers import new

LOGITS = "from_logits"
#: Loss -> the kind of its targets, the activation that its predictions need, its arguments.
LOSSES = {
    "MeanSquaredError": ("normal", None, {}),
    "MeanAbsoluteError": ("normal", None, {}),
    "MeanAbsolutePercentageError": ("unit", None, {}),
    "MeanSquaredLogarithmicError": ("unit", None, {}),
    "CosineSimilarity": ("normal", None, {"axis": [-1, 1]}),
    "Huber": ("normal", None, {"delta": [0.5, 1.0]}),
    "LogCosh": ("normal", None, {}),
    "Poisson": ("unit", "softplus", {}),
    "KLDivergence": ("probabilities", "softmax", {}),
    "BinaryCrossentropy": ("binary", "sigmoid", {LOGITS: 0, "label_smoothing": [0.0, 0.1]}),
    "BinaryFocalCrossentropy": (
        "binary",
        "sigmoid",
        {LOGITS: 0, "apply_class_balancing": [True, False], "gamma": [1.0, 2.0]},
    ),
    "CategoricalCrossentropy": ("one-hot", "softmax", {LOGITS: 0, "label_smoothing": [0.0, 0.2]}),
    "CategoricalFocalCrossentropy": ("one-hot", "softmax", {LOGITS: 0, "gamma": [1.0, 2.0]}),
    "SparseCategoricalCrossentropy": ("classes", "softmax", {LOGITS: 0, "ignore_class": [None, 0]}),
    "Hinge": ("signs", None, {}),
    "SquaredHinge": ("signs", None, {}),
    "CategoricalHinge": ("one-hot", None, {}),
    "Dice": ("unit", "sigmoid", {}),
    "Tversky": ("unit", "sigmoid", {"alpha": [0.3, 0.5]}),
    "Circle": ("classes", None, {"gamma": [2.0, 80.0]}),
    "CTC": ("labels", None, {}),
}
#: Kind of targets -> metrics that take them, with arguments to choose from.
NUMBERS = {
    "MeanSquaredError": {},
    "RootMeanSquaredError": {},
    "MeanAbsoluteError": {},
    "MeanAbsolutePercentageError": {},
    "MeanSquaredLogarithmicError": {},
    "CosineSimilarity": {},
    "LogCoshError": {},
    "R2Score": {"class_aggregation": ["uniform_average", "variance_weighted_average"]},
    "PearsonCorrelation": {},
    "ConcordanceCorrelation": {},
}
BINARY = {
    "BinaryAccuracy": {"threshold": [0.5, 0.3]},
    "BinaryCrossentropy": {},
    "AUC": {"num_thresholds": [5, 20], "curve": ["ROC", "PR"], "multi_label": [False, True]},
    "Precision": {"thresholds": [None, 0.4], "top_k": [None, 1]},
    "Recall": {"thresholds": [None, 0.4]},
    "TruePositives": {},
    "TrueNegatives": {},
    "FalsePositives": {},
    "FalseNegatives": {},
    "PrecisionAtRecall": {"recall": [0.5], "num_thresholds": [10]},
    "RecallAtPrecision": {"precision": [0.5], "num_thresholds": [10]},
    "SensitivityAtSpecificity": {"specificity": [0.5], "num_thresholds": [10]},
    "SpecificityAtSensitivity": {"sensitivity": [0.5], "num_thresholds": [10]},
    "F1Score": {"average": [None, "micro", "macro", "weighted"], "threshold": [None, 0.4]},
    "FBetaScore": {"average": ["micro", "macro"], "beta": [0.5], "threshold": [0.4]},
    "BinaryIoU": {"target_class_ids": [[0, 1], [1]], "threshold": [0.5]},
}
METRICS = {
    "normal": NUMBERS,
    "unit": NUMBERS | {"Poisson": {}},
    "binary": BINARY,
    "signs": {"Hinge": {}, "SquaredHinge": {}},
    "one-hot": {
        "CategoricalAccuracy": {},
        "TopKCategoricalAccuracy": {"k": [1, 2]},
        "CategoricalCrossentropy": {},
        "CategoricalHinge": {},
        "F1Score": {"average": [None, "micro", "macro", "weighted"]},
        "KLDivergence": {},
    },
    "classes": {
        "SparseCategoricalAccuracy": {},
        "SparseTopKCategoricalAccuracy": {"k": [1, 2]},
        "SparseCategoricalCrossentropy": {},
    },
    "probabilities": {"KLDivergence": {}, "CategoricalCrossentropy": {}, "MeanSquaredError": {}},
    "labels": {},
}
REDUCTIONS = ["sum_over_batch_size"] * 4 + ["sum", "mean", "mean_with_sample_weight"]
#: Optimizer -> arguments to choose from.
OPTIMIZERS = {
    "SGD": {"momentum": [0.0, 0.9], "nesterov": [False, True]},
    "Adam": {"amsgrad": [False, True], "beta_1": [0.9, 0.5]},
    "AdamW": {"weight_decay": [0.01]},
    "Adamax": {},
    "Nadam": {},
    "Adadelta": {},
    "Adagrad": {"initial_accumulator_value": [0.1, 1.0]},
    "RMSprop": {"momentum": [0.0, 0.5], "centered": [False, True]},
    "Ftrl": {
        "l1_regularization_strength": [0.0, 0.1],
        "l2_shrinkage_regularization_strength": [0, 0.1],
    },
    "Lion": {},
    "Adafactor": {"relative_step": [True, False]},
    "Muon": {},
    "ScheduleFreeAdamW": {},
}
COMMON = {
    "clipnorm": 0.1,
    "clipvalue": 0.05,
    "global_clipnorm": 0.1,
    "use_ema": True,
    "weight_decay": 0.02,
    "gradient_accumulation_steps": 2,
    "loss_scale_factor": 4.0,
}
SCHEDULES = {
    "ExponentialDecay": {"initial_learning_rate": 0.1, "decay_steps": 2, "decay_rate": 0.5},
    "CosineDecay": {"initial_learning_rate": 0.1, "decay_steps": 3},
    "PiecewiseConstantDecay": {"boundaries": [1, 2], "values": [0.5, 0.1, 0.01]},
    "InverseTimeDecay": {"initial_learning_rate": 0.1, "decay_steps": 2, "decay_rate": 0.5},
    "PolynomialDecay": {"initial_learning_rate": 0.1, "decay_steps": 3},
    "CosineDecayRestarts": {"initial_learning_rate": 0.1, "first_decay_steps": 2},
}


def training(draw, graph):
    """Give the specification a `train`, and its outputs the activations that their losses need."""
    rng, spec = draw.rng, draw.spec
    how = {"losses": [], "targets": [], "metrics": []}
    for place, name in enumerate(spec["outputs"]):
        tensor = graph.tensors[name]
        loss = rng.choice([*LOSSES, "MeanSquaredError", "MeanSquaredError"])
        if loss == "Circle" and len(tensor.shape) != 2 or loss == "CTC" and len(tensor.shape) != 3:
            loss = "MeanSquaredError"
        kind, activation, choices = LOSSES[loss]
        args = {key: rng.choice(some) for key, some in choices.items() if key != LOGITS}
        if LOGITS in choices and rng.random() < 0.5:
            args[LOGITS] = True
        elif activation and rng.random() < 0.9:
            node = {"name": f"last{place}", "new": "layers.Activation", "of": [name]}
            graph.add({**node, "args": {"activation": activation}})
            spec["nodes"].append({**node, "args": {"activation": activation}})
            spec["outputs"][place] = node["name"]
        if rng.random() < 0.3:
            args["reduction"] = rng.choice(REDUCTIONS)
        args = {key: value for key, value in args.items() if value is not None}
        how["losses"].append(new(f"losses.{loss}", **args))
        how["targets"].append(kind)
        how["metrics"].append(_metrics(rng, kind))
    if not any(how["metrics"]) or rng.random() < 0.3:
        how["metrics"] = None
    elif rng.random() < 0.4:
        how["weighted"] = True
    several = len(spec["outputs"]) > 1
    if several and rng.random() < 0.3:
        how["loss_weights"] = [rng.choice([0.5, 2.0]) for _ in spec["outputs"]]
    if rng.random() < 0.25:
        how["sample_weight"] = rng.choice(["samples", "samples", "steps"])
    elif (
        how["targets"] in (["classes"], ["one-hot"])
        and _is_flat(graph, spec)
        and rng.random() < 0.4
    ):
        classes = graph.tensors[spec["outputs"][0]].shape[-1]
        how["class_weight"] = [rng.choice([0.5, 1.0, 3.0]) for _ in range(classes)]
    size = spec["batch"]
    how["sizes"] = [size] * rng.choice([1, 1, 1, 2, 3])
    if len(how["sizes"]) > 1 and not spec["fixed"] and rng.random() < 0.5:
        how["sizes"][-1] = rng.choice([1, size])
    if rng.random() < 0.25:
        how["fit"] = {"epochs": rng.choice([1, 2])}
        if rng.random() < 0.3:
            how["fit"]["validation"] = True
        if rng.random() < 0.3:
            how["compile"] = {"steps_per_execution": 2}
    how["evaluate"] = rng.random() < 0.3
    how["optimizer"] = _optimizer(rng)
    if spec["dtype"] == "mixed_float16":  # at Keras's own scale, one gradient in many overflows
        how["optimizer"] = new(
            "optimizers.LossScaleOptimizer", inner_optimizer=how["optimizer"], initial_scale=16.0
        )
    spec["train"] = how


def _is_flat(graph, spec):
    """Tell whether a sample has one class: Keras weights no others."""
    return len(graph.tensors[spec["outputs"][0]].shape) == 2


def _metrics(rng, kind):
    table = METRICS[kind]
    drawn = []
    for name in rng.sample(list(table), min(len(table), rng.choice([0, 1, 1, 2]))):
        args = {key: rng.choice(some) for key, some in table[name].items()}
        drawn.append(new(f"metrics.{name}", **{k: v for k, v in args.items() if v is not None}))
    return drawn


def _optimizer(rng):
    if rng.random() < 0.5:  # what it adds to the weights is the gradient itself
        return new("optimizers.SGD", learning_rate=1.0)
    name = rng.choice(list(OPTIMIZERS))
    args = {key: rng.choice(some) for key, some in OPTIMIZERS[name].items()}
    args["learning_rate"] = 0.05
    if rng.random() < 0.15:
        schedule = rng.choice(list(SCHEDULES))
        args["learning_rate"] = new(f"optimizers.schedules.{schedule}", **SCHEDULES[schedule])
    if rng.random() < 0.4:
        key = rng.choice(list(COMMON))
        args[key] = COMMON[key]
    return new(f"optimizers.{name}", **args)
