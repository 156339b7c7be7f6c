"""The training loop: its numbers, its checkpoints, and what it refuses. (What it costs: with_keras_cost.py.)"""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from random import randint

import numpy as np
import pytest
import tensorflow as tf

from utils.tf import fit

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]


def quiet(*arguments, **options):
    return fit(*arguments, progress=False, **options)


# ---------------------------------------------------------------- numbers


def test_gradient_descent_on_a_line_is_that_of_numpy():
    x = np.linspace(-1, 1, 12)
    y = 3 * x + 1
    w, b = tf.Variable(0.0, dtype=tf.float64), tf.Variable(0.0, dtype=tf.float64)

    @tf.function
    def step(x, y):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((w * x + b - y) ** 2)
        for variable, slope in zip((w, b), tape.gradient(loss, [w, b]), strict=True):
            variable.assign_sub(0.1 * slope)
        return loss

    history = quiet(step, tf.data.Dataset.from_tensor_slices((x, y)).batch(5), epochs=3)

    expected, nw, nb = [], 0.0, 0.0
    for _ in range(3):
        losses = []
        for rows in (slice(0, 5), slice(5, 10), slice(10, 12)):
            error = nw * x[rows] + nb - y[rows]
            losses.append((error**2).mean())
            nw, nb = nw - 0.2 * (error * x[rows]).mean(), nb - 0.2 * error.mean()
        expected.append(np.mean(losses))
    assert history == {"loss": pytest.approx(expected, rel=1e-12)}
    assert (w.numpy(), b.numpy()) == (pytest.approx(nw), pytest.approx(nb))


def test_history_holds_means_validation_and_all_kinds_of_batches():
    seen, ended = [], []

    def step(*batch):
        seen.append(batch)
        return {"loss": len(seen), "half": tf.constant(len(seen) / 2)}

    history = quiet(
        step,
        [(1, 2), [3], {"x": 4}, 5],
        epochs=2,
        validate=lambda: {"accuracy": np.float32(len(seen))},
        on_epoch=lambda epoch, metrics: ended.append((epoch, dict(metrics))),
    )
    assert seen[:4] == [(1, 2), (3,), ({"x": 4},), (5,)]
    assert history == {"loss": [2.5, 6.5], "half": [1.25, 3.25], "val_accuracy": [4.0, 8.0]}
    assert ended == [
        (1, {"loss": 2.5, "half": 1.25, "val_accuracy": 4.0}),
        (2, {"loss": 6.5, "half": 3.25, "val_accuracy": 8.0}),
    ]


def test_a_function_makes_each_epochs_batches():
    seen = []
    history = quiet(lambda n: seen.append(int(n)) or 0.0, lambda epoch: range(epoch + 1), epochs=3)
    assert seen == [0, 0, 1, 0, 1, 2]
    assert history == {"loss": [0.0, 0.0, 0.0]}


def test_steps_per_epoch_ends_an_endless_dataset():
    endless = tf.data.Dataset.range(10).repeat()
    assert quiet(float, endless, epochs=2, steps_per_epoch=12)["loss"] == [46 / 12] * 2


@pytest.mark.parametrize(
    ("values", "mode", "patience", "epochs"),
    [
        ([5, 4, 3, 4, 5, 6], "min", 2, 5),
        ([5, 4, 3, 4, 2, 6], "min", 2, 6),
        ([1, 2, 2, 2, 2, 2], "max", 3, 5),
        ([1, 2, 3, 4, 5, 6], "min", 1, 2),
    ],
)
def test_early_stopping(values, mode, patience, epochs):
    left = iter(values)
    history = quiet(
        lambda _: next(left), [0], epochs=6, monitor="loss", patience=patience, mode=mode
    )
    assert len(history["loss"]) == epochs


def test_the_bar_counts_steps_and_shows_metrics(capsys):
    fit(lambda x: {"loss": tf.constant(0.25)}, [1, 2, 3], epochs=2)
    shown = capsys.readouterr().err.split("\r")[-1]
    assert "epoch 2/2" in shown and "6/6" in shown and "loss=0.25" in shown
    fit(lambda x: 0.0, tf.data.Dataset.range(5).filter(lambda n: n > 1), epochs=3)
    assert "9/9" in capsys.readouterr().err.split("\r")[-1], "length known after the first epoch"
    quiet(lambda x: 0.0, [1], epochs=1)
    assert capsys.readouterr().err == ""


# ---------------------------------------------------------------- checkpoints


def run(program, folder, *arguments):
    return subprocess.run(
        [sys.executable, str(HERE / program), str(folder), *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "2"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "program, all_steps",
    [("resume.py", 28), ("resume_gan.py", 120)],
    ids=["a classifier", "a GAN in 16 bits"],
)
def test_killed_runs_come_to_the_very_numbers_of_one_left_alone(tmp_path, program, all_steps):
    done = run(program, tmp_path / "1")
    assert done.returncode == 0, done.stderr[-3000:]
    alone = json.loads(done.stdout)
    assert alone["steps"] == all_steps
    # In the first epoch after a save within it; in the second; just after a checkpoint; and anywhere.
    kills = [5, 8, 4, randint(1, all_steps - 17)]
    for kill_at in kills:
        assert run(program, tmp_path / "2", kill_at).returncode == -signal.SIGKILL
    done = run(program, tmp_path / "2")
    assert done.returncode == 0, done.stderr[-3000:]
    resumed = json.loads(done.stdout)
    assert 0 < resumed.pop("steps") < alone.pop("steps")
    assert resumed == alone, kills
    again = json.loads(run(program, tmp_path / "2").stdout)
    assert again.pop("steps") == 0, "what is finished is not trained again"
    assert again == alone
    if program == "resume_gan.py":
        assert abs(alone["history"]["val_mean"][-1] - 4) < 1, (
            "the GAN has learnt where the numbers lie"
        )


def counting(folder, epochs, batches=(1.0, 2.0), state=None, **options):
    """Add each batch to a variable, with checkpoints; returns history and the variable."""
    total = tf.Variable(0.0)
    history = quiet(
        lambda x: float(total.assign_add(x)),
        list(batches),
        epochs=epochs,
        checkpoint=folder,
        state=state or {"total": total},
        **options,
    )
    return history, float(total)


def test_more_epochs_go_on_where_it_ended(tmp_path):
    assert counting(tmp_path / "a", 2) == ({"loss": [2.0, 5.0]}, 6.0)
    assert counting(tmp_path / "a", 4) == ({"loss": [2.0, 5.0, 8.0, 11.0]}, 12.0)
    assert counting(tmp_path / "a", 4)[1] == 12.0


def test_an_error_in_a_step_is_resumed_from_the_last_save(tmp_path):
    with pytest.raises(ValueError, match="NoneType"):
        counting(tmp_path, 2, batches=[1.0, 2.0, 4.0, None], save_every=2)
    assert counting(tmp_path, 1, batches=[1.0, 2.0, 4.0, 8.0], save_every=2) == (
        {"loss": [(1 + 3 + 7 + 15) / 4]},
        15.0,
    )


def test_a_stopped_training_stays_stopped(tmp_path):
    options = {"monitor": "loss", "patience": 1}
    assert len(counting(tmp_path, 9, **options)[0]["loss"]) == 2
    assert len(counting(tmp_path, 9, **options)[0]["loss"]) == 2


def test_few_checkpoints_are_kept(tmp_path):
    counting(tmp_path, 5)
    assert len(list(tmp_path.glob("*.index"))) == 2


def test_a_checkpoint_of_something_else_is_refused(tmp_path):
    counting(tmp_path, 1)
    for other in (tf.Variable([1.0, 2.0]), tf.Variable(1.0, dtype=tf.float64)):
        with pytest.raises(ValueError, match="is not of this state"):
            counting(tmp_path, 2, state={"total": other})
    with pytest.raises(ValueError, match="is not of this state"):
        counting(tmp_path, 2, state={"another": tf.Variable(0.0)})


def test_a_damaged_checkpoint_is_refused(tmp_path):
    counting(tmp_path, 1)
    (index,) = tmp_path.glob("*.index")
    index.write_bytes(index.read_bytes()[:20])
    with pytest.raises(ValueError, match="cannot be read"):
        counting(tmp_path, 2)


# ---------------------------------------------------------------- refused


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 0}, "epochs has to be a whole number"),
        ({"epochs": 1.5}, "epochs has to be a whole number"),
        ({"steps_per_epoch": -1}, "steps_per_epoch has to be"),
        ({"steps_per_epoch": 4}, "has 3 batches, and steps_per_epoch=4"),
        ({"patience": 3}, "needs both: monitor"),
        ({"monitor": "accuracy", "patience": 3}, "no metric 'accuracy' to stop by; there are loss"),
        ({"monitor": "loss", "patience": 3, "mode": "best"}, "mode is 'min' or 'max'"),
        ({"checkpoint": "x"}, "needs both: checkpoint"),
        ({"state": {"x": tf.Variable(1.0)}}, "needs both: checkpoint"),
        ({"save_every": 3}, "save_every needs checkpoint"),
        ({"dataset": []}, "Epoch 1 has no batches"),
        ({"dataset": (n for n in range(3))}, "Epoch 2 has no batches.*generator"),
        ({"dataset": tf.data.Dataset.range(3).repeat()}, "say steps_per_epoch"),
        ({"step": lambda x: None}, "step returned nothing"),
        ({"step": lambda x: {}}, "empty dict"),
        ({"step": lambda x: tf.zeros(3)}, r"loss has the shape \(3,\)"),
        ({"step": lambda x: {"ab"[x % 2]: 1.0}}, r"step returned \['b'\], before \['a'\]"),
        ({"step": lambda x: tf.Variable(1.0)}, "returned the variable loss"),
        ({"validate": lambda: None}, "validate returned nothing"),
    ],
)
def test_what_cannot_be_is_refused(change, message):
    arguments = {"step": float, "dataset": [0, 1, 2], "epochs": 2} | change
    with pytest.raises(ValueError, match=message):
        fit(**arguments, progress=False)


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({}, "state is empty"),
        ({"model": 3}, r"state\['model'\] is of int, which has no variables"),
    ],
)
def test_state_that_cannot_be_saved_is_refused(tmp_path, state, message):
    with pytest.raises(ValueError, match=message):
        fit(float, [1], 1, checkpoint=tmp_path, state=state)
    assert list(tmp_path.iterdir()) == []


def test_a_dataset_that_may_shuffle_anew_is_refused_with_checkpoints(tmp_path):
    state = {"x": tf.Variable(0.0)}
    with pytest.raises(ValueError, match="function of the epoch's number"):
        fit(float, tf.data.Dataset.range(3), 1, checkpoint=tmp_path, state=state)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_stops_and_is_not_saved(tmp_path, bad):
    with pytest.raises(FloatingPointError, match="loss is (nan|inf) in step 2 of epoch 1"):
        counting(tmp_path, 1, batches=[1.0, bad, 3.0])
    assert not list(tmp_path.glob("*.index"))
