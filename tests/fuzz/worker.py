"""Runs specifications on one engine, in a process of its own that lives for many of them.

What `Worker.run` gives back is a dict:

    values      {name: array}: "call/0", "predict/0", "evaluate/loss", "train/0/loss",
                "weights/dense/kernel", "optimizer/...": outputs by place, then what training gave
    error       None, or (stage, class, message) of the first exception
    warnings    texts of Python's warnings, and what was printed on stderr
    stderr
    seconds     processor time
    shapes      {name: (shape, dtype)} of all tensors
"""

import contextlib
import importlib
import multiprocessing
import os
import sys
import tempfile
import time
import warnings

import numpy as np

#: A worker is replaced after so many models, so that nothing it piles up slows the next.
LIFE = 150
STAGES = ("start", "build", "call", "predict", "evaluate", "train")


class Worker:
    """One engine's process.

    Args:
        engine: "theano" or "tensorflow".
        mode: Mode of the engine "theano".
        first: Name of a module to import there before anything is run.
        seconds: Wall-clock limit for one call.
    """

    def __init__(self, engine, mode="vm", first=None, seconds=90):
        self._engine, self._mode, self._first, self._seconds = engine, mode, first, seconds
        self._process = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def run(self, spec, nudge=0.0, until="train"):
        """Return what a specification gives on this engine, with data moved by `nudge`.

        Args:
            until: The last stage to run: "build", "call", "predict", "evaluate" or "train".
        """
        self.start(spec, nudge, until)
        return self.answer()

    def start(self, spec, nudge=0.0, until="train"):
        """Begin what `run` does; `answer` then waits for it."""
        self._ask("run", spec, nudge, until)

    def generate(self, seed):
        """Return the specification that a seed gives."""
        self._ask("generate", seed)
        return self.answer()

    def _ask(self, *question):
        if self._process is None:
            self._start()
        self._questions += 1
        with contextlib.suppress(OSError):  # `answer` finds that the process has ended
            self._pipe.send(question)

    def answer(self):
        """Return the answer to what was asked last."""
        try:
            if not self._pipe.poll(self._seconds):
                return self._lost("TimeoutError", f"no answer within {self._seconds} seconds")
            answer = self._pipe.recv()
        except (EOFError, OSError):
            self._process.join(5)
            return self._lost("Crash", f"the process ended with {self._process.exitcode}")
        if self._questions >= LIFE:
            self.stop()
        return answer

    def _lost(self, kind, message):
        self.stop()
        lost = {"values": {}, "error": ("process", kind, message), "shapes": {}}
        return {**lost, "warnings": [], "stderr": "", "seconds": self._seconds}

    def _start(self):
        ours = {"KERAS_BACKEND": self._engine, "KERAS_THEANO_MODE": self._mode}
        ours |= {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "0"}
        ours |= {"OMP_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1"}
        before = dict(os.environ)
        spawn = multiprocessing.get_context("spawn")
        self._pipe, theirs = spawn.Pipe()
        args = (theirs, self._engine, self._first)
        self._process = spawn.Process(target=_serve, args=args, daemon=True)
        os.environ.update(ours)
        try:
            self._process.start()
        finally:
            os.environ.clear()
            os.environ.update(before)
        theirs.close()
        self._questions = 0

    def stop(self):
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._pipe.close()
            self._process = None


def _serve(pipe, engine, first):
    """Answer questions until the pipe is closed."""
    with tempfile.TemporaryFile("w+b") as printed:
        os.dup2(printed.fileno(), sys.stderr.fileno())
        _answer(pipe, engine, first, printed)


def _answer(pipe, engine, first, printed):
    if engine == "theano":
        importlib.import_module("keras_theano")
    importlib.import_module("keras")
    if first:
        importlib.import_module(first)
    with contextlib.suppress(EOFError, KeyboardInterrupt):
        while True:
            what, *rest = pipe.recv()
            if what == "generate":
                from tests.fuzz import generate

                pipe.send(generate.generate(*rest))
            else:
                pipe.send(_run(printed, engine, *rest))


def _run(printed, engine, spec, nudge, until):
    answer = {"values": {}, "error": None, "warnings": [], "stderr": "", "shapes": {}}
    stage = "start"
    before = printed.seek(0, os.SEEK_END)
    started = time.process_time()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            for stage in _stages(spec, nudge, answer, engine):
                if stage == until:
                    break
        except Exception as error:
            answer["error"] = (STAGES[STAGES.index(stage) + 1], type(error).__name__, str(error))
    answer["seconds"] = time.process_time() - started
    answer["warnings"] = [str(warning.message) for warning in caught]
    sys.stderr.flush()
    printed.seek(before)
    answer["stderr"] = printed.read().decode(errors="replace")
    return answer


def _stages(spec, nudge, answer, engine):
    """Put what a specification gives into the answer, and yield the name of each stage after it."""
    import keras

    from tests.fuzz import models

    def keep(prefix, values):
        answer["values"] |= {
            f"{prefix}/{name}": np.array(keras.ops.convert_to_numpy(value))
            for name, value in values.items()
        }

    models.set_up(spec)
    model, answer["shapes"] = models.build(spec)
    model.set_weights(models.weights(model, spec["seed"], nudge))
    # What it computes is what counts, and tracing takes TensorFlow longer than computing.
    model.run_eagerly = engine == "tensorflow"
    x = _alone(models.inputs(spec, nudge))
    yield "build"
    called = keras.tree.flatten(model(x, training=False))
    keep("call", dict(enumerate(called)))
    yield "call"
    keep("predict", dict(enumerate(keras.tree.flatten(model.predict(x, verbose=0)))))
    yield "predict"
    if spec["train"]:
        training = Training(spec, [value.shape for value in called], nudge)
        training.compile(model, eagerly=engine == "tensorflow")
        if spec["train"].get("evaluate"):
            keep("evaluate", training.evaluate(model))
        yield "evaluate"
        for step, logs in enumerate(training.train(model)):
            keep(f"train/{step}", logs)
        keep("weights", {weight.path: weight.value for weight in model.weights})
        state = model.optimizer.variables if model.trainable_weights else []
        keep("optimizer", {f"{i} {v.name}": v.value for i, v in enumerate(state)})


class Training:
    """How a model is compiled and trained, by the `train` of its specification:

    optimizer       {"new": ...}
    losses          one {"new": ...} for each output, and `targets`, kinds of `_targets`
    loss_weights    None or a number for each output
    metrics         a list of {"new": ...} for each output; `weighted`: they take sample weights
    sample_weight   None, "samples", or "steps": one for each element but the last axis
    class_weight    None, or a weight for each class, as a list
    sizes           of the batches, one after another
    fit             None for `train_on_batch`, or keywords of `fit`, with "validation": true;
                    the batch size is the first of `sizes`
    evaluate        whether it is evaluated first, on the first batch
    compile         further keywords of `compile`
    """

    def __init__(self, spec, shapes, nudge=0.0):
        from tests.fuzz import models

        self._how = how = spec["train"]
        self._batches = []
        for place, size in enumerate(how["sizes"]):
            x = models.inputs({**spec, "batch": size}, nudge, batch=place)
            rng = np.random.default_rng([spec["seed"], 3, place])
            y = [
                _targets(kind, (size, *shape[1:]), rng)
                for kind, shape in zip(how["targets"], shapes, strict=True)
            ]
            weights = None
            if how.get("sample_weight"):
                weights = [
                    rng.choice(
                        [0.0, 0.5, 1.0, 2.0], _weights_shape(how["sample_weight"], (size, *s[1:]))
                    )
                    for s in shapes
                ]
            self._batches.append((_alone(x), _alone(y), weights and _alone(weights)))

    def compile(self, model, eagerly):
        from tests.fuzz import models

        how = self._how
        kind = "weighted_metrics" if how.get("weighted") else "metrics"
        metrics = {kind: models.made(how["metrics"])} if how.get("metrics") else {}
        model.compile(
            models.made(how["optimizer"]),
            models.made(how["losses"]),
            loss_weights=how.get("loss_weights"),
            run_eagerly=eagerly,
            **metrics,
            **how.get("compile", {}),
        )

    def evaluate(self, model):
        x, y, weights = self._batches[0]
        return model.evaluate(
            x,
            y,
            sample_weight=weights,
            batch_size=self._how["sizes"][0],
            verbose=0,
            return_dict=True,
        )

    def train(self, model):
        """Return what each step, or each epoch of `fit`, reports."""
        classes = self._how.get("class_weight")
        classes = classes and dict(enumerate(classes))
        fit = self._how.get("fit")
        if fit is None:
            return [
                model.train_on_batch(
                    x, y, sample_weight=weights, class_weight=classes, return_dict=True
                )
                for x, y, weights in self._batches
            ]
        fit = dict(fit)
        x, y, weights = map(_joined, zip(*self._batches, strict=True))
        if fit.pop("validation", False):
            fit["validation_data"] = self._batches[0][:2]
        history = model.fit(
            x,
            y,
            sample_weight=weights,
            class_weight=classes,
            batch_size=self._how["sizes"][0],
            verbose=0,
            **{"shuffle": False, **fit},
        )
        epochs = range(len(history.epoch))
        return [{name: values[e] for name, values in history.history.items()} for e in epochs]


def _weights_shape(kind, shape):
    return shape[:-1] if kind == "steps" else (shape[0], *[1] * (len(shape) - 2))


def _alone(values):
    """Return the values, or the only one."""
    return values[0] if len(values) == 1 else values


def _joined(batches):
    """Return batches of one array, of several, or of none, one after another."""
    if isinstance(batches[0], list):
        return [np.concatenate(parts) for parts in zip(*batches, strict=True)]
    return None if batches[0] is None else np.concatenate(batches)


def _targets(kind, shape, rng):
    if kind == "normal":
        return rng.normal(size=shape)
    if kind == "unit":
        return rng.uniform(size=shape)
    if kind == "binary":
        return rng.integers(0, 2, shape).astype("float32")
    if kind == "signs":
        return rng.choice([-1.0, 1.0], shape)
    if kind == "classes":
        return rng.integers(0, shape[-1], shape[:-1]).astype("int32")
    if kind == "one-hot":
        return np.eye(shape[-1], dtype="float32")[rng.integers(0, shape[-1], shape[:-1])]
    if kind == "probabilities":
        return rng.dirichlet(np.ones(shape[-1]), shape[:-1])
    if kind == "labels":  # of CTC: class 0 is the blank, and pads
        length = max(1, shape[1] // 2)
        labels = rng.integers(1, max(2, shape[-1]), (shape[0], length))
        return (labels * (np.arange(length) < rng.integers(1, length + 1, (shape[0], 1)))).astype(
            "int32"
        )
    raise ValueError(kind)
