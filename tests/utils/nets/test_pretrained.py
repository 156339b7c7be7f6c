"""SqueezeNet on both engines: known answers, the photos' accuracy, and clear refusals.

An engine is chosen once per process, so each check runs in a process of its own.
"""

import json
import os
import subprocess
import sys

import pytest

from utils.data.packs import COURSE_ROOT

CODE = """
import json
import numpy as np
from PIL import Image
from utils import data
from utils.nets import decode_predictions, preprocess, squeezenet

network, body = squeezenet(), squeezenet(include_top=False)
pictures = [
    np.asarray(Image.fromarray(data.load_picture(name)).resize((227, 227)))
    for name in ("chelsea", "coffee")
]
images = preprocess(np.stack(pictures))
probabilities = network.predict(images, verbose=0)

# The head's evidence for each of the 13x13 places, averaged, is the logit (lesson 01 shows it).
kernel, bias = network.get_layer("conv10").get_weights()
features = body.predict(images, verbose=0)
logits = (features @ kernel[0, 0] + bias).mean((1, 2))
by_hand = np.exp(logits - logits.max(1, keepdims=True))
by_hand /= by_hand.sum(1, keepdims=True)

def refusal(call):
    try:
        call()
    except ValueError as error:
        return str(error)
    return "nothing was refused"

print(json.dumps({
    "best": decode_predictions(probabilities, top=1),
    "weights": network.count_params(),
    "feature_shape": features.shape,
    "by_hand": float(np.abs(by_hand - probabilities).max()),
    "untrained": squeezenet(weights=None, classes=7).output_shape,
    "larger": squeezenet(include_top=False, input_shape=(None, None, 3)).predict(
        np.zeros((1, 259, 291, 3), "float32"), verbose=0).shape,
    "refusals": [
        refusal(lambda: squeezenet(weights="cats")),
        refusal(lambda: squeezenet(classes=4)),
        refusal(lambda: preprocess(np.zeros((227, 227)))),
        refusal(lambda: preprocess(np.full((227, 227, 3), 0.5))),
        refusal(lambda: decode_predictions(np.zeros((2, 10)))),
    ],
}))
"""

FEATURES = """
import json
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits
from utils import data
from utils.nets import preprocess, squeezenet

photos = data.load_photos()
body = squeezenet(include_top=False)
features = body.predict(preprocess(photos.images), batch_size=16, verbose=0).mean((1, 2))
pixels = photos.images[:, ::7, ::7].reshape(len(photos), -1)
test = photos.splits == "test"

def accuracy(x):
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=2000))
    return model.fit(x[~test], photos.labels[~test]).score(x[test], photos.labels[test])

with threadpool_limits(1):  # several threads hinder one another in sums this small
    print(json.dumps([accuracy(features), accuracy(pixels)]))
"""


def run(code, engine="tensorflow"):
    first = "import keras_theano\n" if engine == "theano" else ""
    environment = {key: value for key, value in os.environ.items() if key != "KERAS_BACKEND"}
    environment |= {"PYTHONPATH": str(COURSE_ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    if engine == "tensorflow":
        environment["KERAS_BACKEND"] = "tensorflow"
    done = subprocess.run(
        [sys.executable, "-c", first + code], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("engine", ["tensorflow", "theano"])
def test_squeezenet(engine):
    found = run(CODE, engine)
    (cat,), (cup,) = found["best"]
    assert cat[:2] == ["n02124075", "Egyptian cat"] and cat[2] == pytest.approx(0.42, abs=0.01)
    assert cup[:2] == ["n07920052", "espresso"] and cup[2] > 0.995
    assert found["weights"] == 1_235_496
    assert found["feature_shape"] == [2, 13, 13, 512]
    assert found["by_hand"] < 1e-4
    assert found["untrained"] == [None, 7]
    assert found["larger"] == [1, 15, 17, 512]
    for message, words in zip(
        found["refusals"],
        ["not 'cats'", "include_top=False", "must have the shape", "from 0 to 255", "(n, 1000)"],
        strict=True,
    ):
        assert words in message


def test_features_tell_photos_apart_where_pixels_do_not():
    features, pixels = run(FEATURES)
    assert features >= 0.90
    assert pixels <= 0.65
