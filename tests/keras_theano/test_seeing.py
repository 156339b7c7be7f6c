"""Graphs of real models, seen whole and true."""

import keras
import matplotlib
import numpy as np
import pytensor
import pytest
from keras import layers
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from keras_theano.seeing import forward_graph, training_graph

rng = np.random.default_rng(5)


def mlp():
    model = keras.Sequential(
        [
            keras.Input((20,)),
            layers.Dense(16, "relu", name="hidden"),
            layers.Dropout(0.5, name="forget"),
            layers.Dense(3, "softmax", name="classes"),
        ],
        name="mlp",
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, rng.normal(size=(8, 20)), rng.integers(0, 3, 8)


def conv():
    model = keras.Sequential(
        [
            keras.Input((12, 12, 1)),
            layers.Conv2D(4, 3, use_bias=False, name="conv"),
            layers.BatchNormalization(name="bn"),
            layers.ReLU(name="relu"),
            layers.MaxPooling2D(name="pool"),
            layers.Flatten(name="flat"),
            layers.Dense(3, "softmax", name="classes"),
        ],
        name="conv_net",
    )
    model.compile("sgd", "categorical_crossentropy")
    return model, rng.normal(size=(4, 12, 12, 1)), np.eye(3)[rng.integers(0, 3, 4)]


def lstm():
    model = keras.Sequential(
        [
            keras.Input((None,), dtype="int32"),
            layers.Embedding(30, 8, name="words", mask_zero=True),
            layers.LSTM(6, name="memory"),
            layers.Dense(1, "sigmoid", name="verdict"),
        ],
        name="reader",
    )
    model.compile("rmsprop", "binary_crossentropy")
    return model, rng.integers(0, 30, (5, 7)), rng.integers(0, 2, (5, 1))


def two_inputs():
    photo, words = keras.Input((10,), name="photo"), keras.Input((6,), name="words")
    see = layers.Dense(5, "relu", name="see")(photo)
    read = layers.Dense(5, "tanh", name="read")(words)
    both = layers.Concatenate(name="both")([see, read])
    near = layers.Add(name="near")([layers.Dense(5, "tanh", name="mix")(both), see])
    model = keras.Model([photo, words], layers.Dense(1, name="price")(near), name="two")
    model.compile("adam", "mse")
    return model, [rng.normal(size=(4, 10)), rng.normal(size=(4, 6))], rng.normal(size=(4, 1))


MODELS = [mlp, conv, lstm, two_inputs]
# The rows of a training graph, in order, and those whose weights an optimizer changes.
ROWS = {
    mlp: (["hidden", "forget", "classes", "loss"], {"hidden", "classes"}),
    conv: (["conv", "bn", "relu", "pool", "flat", "classes", "loss"], {"conv", "bn", "classes"}),
    lstm: (["words", "memory", "verdict", "loss"], {"words", "memory", "verdict"}),
    two_inputs: (
        ["see", "read", "both", "mix", "near", "price", "loss"],
        {"see", "read", "mix", "price"},
    ),
}


@pytest.fixture(autouse=True)
def matplotlib_as_it_comes():
    """Other tests set the lessons' style, with a larger type, in the same process."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        yield


@pytest.fixture(scope="module", params=MODELS, ids=lambda make: make.__name__)
def seen(request):
    keras.utils.set_random_seed(3)
    model, x, y = request.param()
    return request.param, model, x, y, training_graph(model, x, y)


# --- Graphs --------------------------------------------------------------------------------------


def test_every_layer_has_its_operations(seen):
    make, model, x, y, graph = seen
    rows, learn = ROWS[make]
    assert len(graph.nodes) == len(graph.function.maker.fgraph.apply_nodes)
    by_row = {row: {n.part for n in graph.nodes if n.row == row} for row in rows}
    for row in rows:
        assert "forward" in by_row[row], row
    for row in learn | {"loss"}:
        assert "gradient" in by_row[row], row
    changed = {n.row: set() for n in graph.nodes}
    for node in graph.nodes:
        changed[node.row] |= set(node.changes)
    for row in learn:
        names = {weight.name for weight in model.get_layer(row).trainable_weights}
        assert names <= changed[row] | {"lstm_cell"}, row
    known = {*rows, "metrics", model.optimizer.name}
    assert {n.row for n in graph.nodes} <= known


def test_making_the_graph_changes_nothing(seen):
    _, model, x, y, _ = seen
    before = model.get_weights() + [np.array(v) for v in model.optimizer.variables]
    training_graph(model, x, y)
    after = model.get_weights() + [np.array(v) for v in model.optimizer.variables]
    for a, b in zip(before, after, strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_text_names_every_operation_once(seen):
    make, model, x, y, graph = seen
    lines = str(graph).splitlines()
    operations = [line for line in lines if line.startswith("  #")]
    assert len(operations) == len(graph.nodes)
    numbers = sorted(int(line.split()[0][1:]) for line in operations)
    assert numbers == list(range(1, len(graph.nodes) + 1))
    headings = [line for line in lines if not line.startswith("  ")]
    for row in ROWS[make][0]:
        assert any(heading.split(" (")[0].split(":")[0] == row for heading in headings), row
    forward = [h.split(" (")[0].split(":")[0] for h in headings if h.endswith(": forward")]
    assert [row for row in forward if row in ROWS[make][0]] == ROWS[make][0]


def test_the_function_of_a_forward_graph_is_predict(seen):
    _, model, x, y, _ = seen
    graph = forward_graph(model, x)
    arrays = keras.tree.flatten(keras.tree.map_structure(np.asarray, x))
    arrays = [a.astype("float32") if a.dtype.kind == "f" else a for a in arrays]
    np.testing.assert_allclose(
        graph.function(*arrays)[0], model.predict(x, verbose=0), rtol=1e-5, atol=1e-6
    )
    assert {n.part for n in graph.nodes} == {"forward"}


def test_a_forward_graph_needs_no_data_where_shapes_are_known(seen):
    _, model, x, y, _ = seen
    with_data, without = forward_graph(model, x), forward_graph(model)
    assert {n.row for n in with_data.nodes} == {n.row for n in without.nodes}
    assert without.figure().alt == with_data.figure().alt


def test_pytensor_prints_the_function(seen, capsys):
    pytensor.dprint(seen[4].function)
    printed = capsys.readouterr().out
    assert all(kind in printed for kind in ("[id A]", "CrossEntropy" if seen[0] is mlp else "Dot"))


# --- The picture ---------------------------------------------------------------------------------


def overlaps(a, b):
    return a.x0 < b.x1 and b.x0 < a.x1 and a.y0 < b.y1 and b.y0 < a.y1


def test_the_picture_is_legible(seen):
    make, model, x, y, whole = seen
    for graph in (whole, forward_graph(model, x)):
        figure = graph.figure()
        axes = figure.axes[0]
        renderer = FigureCanvasAgg(figure).get_renderer()
        page = figure.bbox
        boxes = [patch.get_window_extent(renderer) for patch in axes.patches]
        for i, box in enumerate(boxes):
            assert page.x0 <= box.x0 and box.x1 <= page.x1
            assert page.y0 <= box.y0 and box.y1 <= page.y1
            assert not any(overlaps(box, other) for other in boxes[:i])
        texts = [t for t in axes.texts if type(t) is Text and t.get_text()]
        extents = [t.get_window_extent(renderer) for t in texts]
        for i, extent in enumerate(extents):
            assert not any(overlaps(extent, other) for other in extents[:i]), texts[i]
            inside = [b for b in boxes if overlaps(b, extent)]
            for box in inside:
                assert box.x0 <= extent.x0 and extent.x1 <= box.x1, texts[i]
                assert box.y0 <= extent.y0 and extent.y1 <= box.y1, texts[i]
        for row in {n.row for n in graph.nodes}:
            assert row in figure.alt


def test_a_deep_model_still_fits_a_page():
    model = keras.Sequential(
        [keras.Input((4,)), *(layers.Dense(4, "relu", name=f"d{i}") for i in range(60))]
    )
    figure = forward_graph(model).figure()
    assert figure.get_size_inches()[1] < 24
    boxes = len(figure.axes[0].patches)
    assert 20 <= boxes <= 24
    assert "d0 ... d2" in figure.alt
    assert "d59" in figure.alt


# --- The profile ---------------------------------------------------------------------------------


def test_a_profile_accounts_for_the_time_and_leaves_the_model_alone(seen):
    _, model, x, y, graph = seen
    before = [np.array(v) for v in [*model.variables, *model.optimizer.variables]]
    profile = graph.profile(x, y, steps=3)
    after = [np.array(v) for v in [*model.variables, *model.optimizer.variables]]
    for a, b in zip(before, after, strict=True):
        np.testing.assert_array_equal(a, b)
    assert len(profile.nodes) == len(graph.nodes)
    spent = sum(taken for _, taken in profile.nodes)
    assert 0 < spent < profile.milliseconds
    for what in ("operation", "layer", "part"):
        rows = profile.by(what)
        assert sum(taken for _, taken, _ in rows) == pytest.approx(spent)
        assert sum(count for *_, count in rows) == len(graph.nodes)
        assert rows[0][0][:20] in str(profile)


def test_the_slow_layer_is_found():
    model = keras.Sequential(
        [
            keras.Input((300,)),
            layers.Dense(2, name="small"),
            layers.Dense(1200, name="wide"),
            layers.Dense(1200, name="slow"),
        ]
    )
    profile = forward_graph(model).profile(np.ones((256, 300)))
    assert profile.by("layer")[0][0] == "slow"


def test_a_batch_of_another_kind_is_refused():
    model, x, y = mlp()
    graph = training_graph(model, x, y)
    with pytest.raises(ValueError, match="other parts"):
        graph.profile(x)
    with pytest.raises(ValueError, match="steps must be 1"):
        graph.profile(x, y, steps=0)
    with pytest.raises(ValueError, match="but not 'op'"):
        graph.profile(x, y, steps=1).by("op")


def test_models_without_loss_or_shapes_are_refused_in_words():
    model = keras.Sequential([layers.Dense(2)], name="vague")
    with pytest.raises(ValueError, match="'vague' does not know its inputs' shapes"):
        forward_graph(model)
    with pytest.raises(ValueError, match="no loss and no optimizer"):
        training_graph(model, np.ones((2, 2)), np.ones(2))
    assert forward_graph(model, np.ones((2, 3))).nodes[-1].row.startswith("dense")
