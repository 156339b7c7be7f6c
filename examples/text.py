"""Is a sentence about a film favourable? A transformer block, written as layers, learns it from nothing."""

import keras_theano  # noqa: F401 - selects the engine

import keras  # isort: skip
from keras import layers, ops

from utils.data import Vocabulary, load_reviews

WORDS, LENGTH, WIDTH = 8000, 40, 32


class WordsInPlaces(layers.Layer):
    """Numbers of words `(n, LENGTH)` to vectors `(n, LENGTH, WIDTH)`: one of the word plus one of its place."""

    def __init__(self, **options):
        super().__init__(**options)
        self.words = layers.Embedding(WORDS, WIDTH, mask_zero=True)
        self.places = layers.Embedding(LENGTH, WIDTH)

    def call(self, numbers):
        return self.words(numbers) + self.places(ops.arange(LENGTH))

    def compute_mask(self, numbers, mask=None):
        return self.words.compute_mask(numbers)


class Block(layers.Layer):
    """Attention, then two dense layers on each word; both are added to what they got, and normalized."""

    def __init__(self, heads, units, **options):
        super().__init__(**options)
        self.supports_masking = True
        self.attention = layers.MultiHeadAttention(heads, WIDTH // heads, dropout=0.2)
        self.dense = keras.Sequential(
            [layers.Dense(units, activation="relu"), layers.Dense(WIDTH), layers.Dropout(0.2)]
        )
        self.first, self.second = layers.LayerNormalization(), layers.LayerNormalization()

    def call(self, x, training=None):
        x = self.first(x + self.attention(x, x, training=training))
        return self.second(x + self.dense(x, training=training))


def build():
    numbers = keras.Input((LENGTH,), dtype="int32")
    x = Block(heads=2, units=64)(WordsInPlaces()(numbers))
    x = layers.Dropout(0.3)(layers.GlobalAveragePooling1D()(x))
    return keras.Model(numbers, layers.Dense(1, activation="sigmoid")(x))


def main(few=False):
    """Train and test; return what is measured, and the figure. few: a moment's work, to try it."""
    train, test = load_reviews()
    count = 300 if few else None
    vocabulary = Vocabulary(max_tokens=WORDS, output_sequence_length=LENGTH)
    vocabulary.adapt(train.x)
    keras.utils.set_random_seed(1)
    net = build()
    net.compile(keras.optimizers.Adam(1e-3), "binary_crossentropy", metrics=["accuracy"])
    numbers = vocabulary(train.x[:count])
    net.fit(numbers, train.y[:count], batch_size=64, epochs=1 if few else 3, verbose=0)
    loss, accuracy = net.evaluate(vocabulary(test.x[:count]), test.y[:count], verbose=0)
    return "test accuracy", accuracy
