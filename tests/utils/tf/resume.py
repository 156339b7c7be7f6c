"""A small training, run by test_tf_training.py in processes of its own, some of which are killed.

`python resume.py FOLDER [STEP]` trains with checkpoints in FOLDER and prints history and weights as
JSON; with STEP the process kills itself, as a power cut would, in the middle of its STEPth step.
"""

import json
import os
import signal
import sys

os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import numpy as np
import tensorflow as tf

from utils.tf import fit

keras.utils.set_random_seed(5)
tf.config.experimental.enable_op_determinism()
folder, kill_at = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else None

random = np.random.RandomState(0)
x = random.normal(size=(200, 8)).astype("float32")
y = (x[:, 0] > x[:, 1]).astype("int64")
data = tf.data.Dataset.from_tensor_slices((x, y))

model = keras.Sequential(
    [
        keras.Input((8,)),
        keras.layers.Dense(16, "relu", kernel_initializer=keras.initializers.GlorotUniform(1)),
        keras.layers.BatchNormalization(),
        keras.layers.Dropout(0.3),
        keras.layers.Dense(2, kernel_initializer=keras.initializers.GlorotUniform(3)),
    ]
)
optimizer = keras.optimizers.Adam(0.01)
optimizer.build(model.trainable_variables)
noise = tf.random.Generator.from_seed(4)
loss_of = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
steps = 0


@tf.function
def step(x, y):
    with tf.GradientTape() as tape:
        loss = loss_of(y, model(x + 0.1 * noise.normal(tf.shape(x)), training=True))
    optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)
    return {"loss": loss}


def mortal_step(x, y):
    global steps
    steps += 1
    metrics = step(x, y)
    if steps == kill_at:
        os.kill(os.getpid(), signal.SIGKILL)
    return metrics


history = fit(
    mortal_step,
    lambda epoch: data.shuffle(200, seed=epoch).batch(32),  # 7 steps, the last one smaller
    epochs=4,
    validate=lambda: loss_of(y, model(x)),
    checkpoint=folder,
    state={"model": model, "optimizer": optimizer, "noise": noise},
    save_every=3,
    progress=False,
)
weights = [weight.numpy().tolist() for weight in model.weights]
print(json.dumps({"history": history, "weights": weights, "steps": steps}))
