"""A small GAN in numbers of 16 bits, run by test_tf_training.py like resume.py, and as it.

Two networks and two optimizers whose losses are scaled, of one dimension: the generator has to find a
normal distribution of mean 4 and deviation 1.5.
"""

import json
import os
import signal
import sys

os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from utils.tf import descend, fit, gradient_penalty

folder, kill_at = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else None
keras.utils.set_random_seed(1)
tf.config.experimental.enable_op_determinism()
real = np.random.default_rng(0).normal(4, 1.5, size=(640, 1)).astype("float32")
data = tf.data.Dataset.from_tensor_slices(real)

keras.config.set_dtype_policy("mixed_float16")
generator = keras.Sequential([keras.Input((1,)), layers.Dense(1, dtype="float32")])
critic = keras.Sequential(
    [
        keras.Input((1,)),
        layers.Dense(16, "tanh"),
        layers.Dropout(0.1),
        layers.Dense(1, dtype="float32"),
    ]
)
optimizers = {}
for net, rate in ((generator, 0.06), (critic, 0.03)):
    optimizers[net] = keras.optimizers.LossScaleOptimizer(
        keras.optimizers.Adam(rate, beta_1=0.5), dynamic_growth_steps=5
    )
    optimizers[net].build(net.trainable_variables)
random = tf.random.Generator.from_seed(2)


@tf.function
def step(real):
    made = generator(random.normal(tf.shape(real)), training=True)

    def expert():
        of_real, of_made = critic(real, training=True), critic(made, training=True)
        penalty = gradient_penalty(critic, real, made, target=0.0, seed=random)
        return (tf.nn.softplus(-of_real) + tf.nn.softplus(of_made))[:, 0] + 0.1 * penalty

    def forger():
        made = generator(random.normal(tf.shape(real)), training=True)
        return tf.nn.softplus(-critic(made, training=True))[:, 0]

    return {
        "critic": descend(expert, optimizers[critic], critic.trainable_variables),
        "generator": descend(forger, optimizers[generator], generator.trainable_variables),
    }


steps = 0


def mortal_step(real):
    global steps
    steps += 1
    losses = step(real)
    if steps == kill_at:
        os.kill(os.getpid(), signal.SIGKILL)
    return losses


def validate():
    made = generator(np.linspace(-2, 2, 9, dtype="float32")[:, None]).numpy()
    return {"mean": made.mean(), "deviation": (made[-1, 0] - made[0, 0]) / 4}


history = fit(
    mortal_step,
    lambda epoch: data.shuffle(640, seed=epoch).batch(64),
    epochs=12,
    validate=validate,
    checkpoint=folder,
    state={
        "generator": generator,
        "critic": critic,
        "generator's optimizer": optimizers[generator],
        "critic's optimizer": optimizers[critic],
        "random": random,
    },
    save_every=3,
    progress=False,
)
variables = [*generator.variables, *critic.variables, *optimizers[critic].variables]
print(
    json.dumps(
        {
            "history": history,
            "weights": [variable.numpy().tolist() for variable in variables],
            "steps": steps,
        }
    )
)
