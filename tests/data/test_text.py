"""The text packs: what the loaders return, that splits do not leak, and the vocabulary."""

import os
import random
import re
import subprocess
import sys
import unicodedata

import numpy as np
import pandas as pd
import pytest

from utils.data import (
    DataError,
    Vocabulary,
    WordVectors,
    join_punctuation,
    load_emoji,
    load_english_french,
    load_glove,
    load_photos,
    load_pronunciations,
    load_prose,
    load_reviews,
    photo_classes,
    picture_names,
    separate_punctuation,
)
from utils.data.packs import COURSE_ROOT


def bag(text):
    """Set of plain lower-case words: written apart from what prepared the packs."""
    plain = unicodedata.normalize("NFKD", text.casefold()).encode("ascii", "ignore").decode()
    return frozenset(re.findall(r"[a-z0-9]+", plain))


def largest_similarity(left, right):
    """Largest word-set Jaccard similarity between a text of `left` and one of `right`."""
    right = [bag(text) for text in right]
    holders = {}
    for i, words in enumerate(right):
        for word in words:
            holders.setdefault(word, []).append(i)
    largest = 0.0
    for words in map(bag, left):
        shared = np.zeros(len(right), int)
        for word in words:
            shared[holders.get(word, [])] += 1
        for i in np.flatnonzero(shared >= len(words) / 2):
            largest = max(largest, shared[i] / len(words | right[i]))
    return largest


# ---------------------------------------------------------------- reviews


def test_reviews():
    (x_train, y_train), (x_test, y_test) = load_reviews()
    assert len(x_train) == len(y_train) == 8453 and len(x_test) == len(y_test) == 2113
    assert y_train.dtype == np.int64 and set(y_train) == {0, 1}
    assert abs(y_train.mean() - y_test.mean()) < 0.001
    assert all(isinstance(text, str) and text == text.strip() for text in x_train)
    text = " ".join([*x_train, *x_test])
    # Text read in the wrong encoding shows as these pairs; entities as &...;
    assert not re.search("Ã.|â€|&[a-z]+;|\ufffd|[\x00-\x1f\x7f-\x9f]", text)
    assert "Amélie" in text


def test_reviews_ratings_agree_with_labels():
    labels, ratings = load_reviews(), load_reviews("rating")
    for label, rating in zip(labels, ratings, strict=True):
        assert rating.y.dtype == np.float32 and np.abs(rating.y).max() <= 4
        assert list(label.x) == list(rating.x)
        np.testing.assert_array_equal(label.y, rating.y > 0)


def test_reviews_votes_agree_with_ratings():
    """Each sentence has the votes of 15 to 29 people, and their mean is its rating."""
    for votes, rating in zip(load_reviews("votes"), load_reviews("rating"), strict=True):
        assert votes.y.dtype == np.int64 and votes.y.shape == (len(rating.y), 9)
        people = votes.y.sum(axis=1)
        assert people.min() >= 15 and people.max() <= 29
        np.testing.assert_allclose(votes.y @ np.arange(-4, 5) / people, rating.y, atol=1e-4)


def test_no_review_is_nearly_in_both_splits():
    reviews = load_reviews()
    texts = [*reviews.train.x, *reviews.test.x]
    keys = [" ".join(re.findall(r"\w+", text.lower())) for text in texts]
    assert len(set(keys)) == len(texts)
    assert largest_similarity(reviews.test.x, reviews.train.x) < 0.7


def test_reviews_beat_chance_by_their_words():
    """The stated baseline, which also shows that texts and labels belong together."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    (x_train, y_train), (x_test, y_test) = load_reviews()
    words = TfidfVectorizer(ngram_range=(1, 2)).fit(x_train)
    model = LogisticRegression(C=10, max_iter=1000).fit(words.transform(x_train), y_train)
    assert 0.765 < model.score(words.transform(x_test), y_test) < 0.785


def test_reviews_refuse_what_there_is_not():
    with pytest.raises(ValueError, match='"label", "rating" or "votes"'):
        load_reviews("stars")
    with pytest.raises(ValueError, match="no ratings"):
        load_reviews("rating", full=True)


def test_full_reviews(monkeypatch):
    from keras.datasets import imdb

    parts = [np.array([[1, 3], [2]], dtype=object), np.array([1, 0])]

    def load_data(num_words, start_char, index_from):
        assert num_words > 100_000 and start_char is None and index_from == 0
        return parts, parts

    monkeypatch.setattr(imdb, "load_data", load_data)
    monkeypatch.setattr(imdb, "get_word_index", lambda: {"a": 2, "the": 1, "film": 3})
    (x_train, y_train), (x_test, _) = load_reviews(full=True)
    assert list(x_train) == ["the film", "a"] == list(x_test)
    assert y_train.dtype == np.int64 and list(y_train) == [1, 0]


def test_full_reviews_without_network(tmp_path):
    script = (
        "import urllib.request, keras\n"
        "def cut(*a, **k): raise OSError('no route to host')\n"
        "urllib.request.OpenerDirector.open = cut\n"
        "from utils.data import load_reviews, DataError\n"
        "try: load_reviews(full=True)\n"
        "except DataError as error: print('DataError:', error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "KERAS_HOME": str(tmp_path), "KERAS_BACKEND": "tensorflow"},
        cwd=COURSE_ROOT,
        capture_output=True,
        text=True,
    )
    assert "DataError: Could not load the IMDB reviews" in done.stdout, done.stderr
    assert "Without full=True" in done.stdout
    assert not list(tmp_path.rglob("*.npz"))


# ---------------------------------------------------------------- prose


@pytest.mark.parametrize(
    "name, length, start",
    [
        ("moby-dick", 1_191_395, "CHAPTER 1. Loomings.\n\nCall me Ishmael."),
        ("state-of-the-union", 2_580_879, "1950\n\nMr. President, Mr. Speaker"),
    ],
)
def test_prose(name, length, start):
    prose = load_prose(name)
    text = prose.train + prose.validation
    assert len(text) == length and text.startswith(start)
    assert text.isascii() and len(set(text)) == 80 and "\r" not in text
    assert 0.09 < len(prose.validation) / len(text) < 0.1
    assert prose.train.endswith("\n\n")


def test_prose_refuses_an_unknown_text():
    with pytest.raises(ValueError, match="moby-dick"):
        load_prose("nietzsche")


# ---------------------------------------------------------------- word vectors


def test_glove():
    glove = load_glove()
    assert len(glove) == 45_288 and glove.vectors.shape == (45_288, 50)
    assert glove.vectors.dtype == np.float32 and np.isfinite(glove.vectors).all()
    assert len(set(glove.words)) == len(glove)
    assert glove.words[:4] == ["the", ",", ".", "of"]
    # The first components as published, to half precision.
    np.testing.assert_allclose(glove["the"][:3], [0.418, 0.24968, -0.41242], atol=3e-4)
    assert glove.nearest(glove["paris"] - glove["france"] + glove["italy"], 1)[0][0] == "rome"
    found = glove.nearest("frog", 5)
    assert "toad" in dict(found) and "frog" not in dict(found)
    assert all(a[1] >= b[1] for a, b in zip(found, found[1:], strict=False))


def test_glove_limit_and_missing_words():
    glove = load_glove(limit=100)
    assert len(glove) == 100 and "the" in glove and "frog" not in glove
    with pytest.raises(KeyError, match="'Frog'"):
        glove["Frog"]


def test_nearest_among_some_words():
    glove = load_glove()
    found = glove.nearest("frog", among=["toad", "bank", "frog", "toad", "lizard"])
    assert [word for word, _ in found] == ["toad", "lizard", "bank"]
    everywhere = dict(glove.nearest("frog", len(glove)))
    assert len(everywhere) == len(glove) - 1
    assert dict(found) == pytest.approx({word: everywhere[word] for word, _ in found}, abs=1e-6)
    assert glove.nearest(glove["frog"], among=["bank", "frog"])[0][0] == "frog"
    assert [word for word, _ in glove.nearest("frog", 1, among=["bank", "toad"])] == ["toad"]
    assert glove.nearest("frog", among=[]) == glove.nearest("frog", among=["frog"]) == []
    with pytest.raises(KeyError, match="'blorp'"):
        glove.nearest("frog", among=["toad", "blorp"])


@pytest.mark.parametrize("value", [0, np.nan, np.inf])
def test_a_vector_that_points_nowhere_has_no_neighbours(value):
    with pytest.raises(ValueError, match="points nowhere"):
        load_glove(limit=10).nearest(np.full(50, value))


def test_glove_has_the_words_of_the_courses_pictures():
    glove, missing = load_glove(), set()
    named = [load_photos(tuple(photo_classes()), size=8), load_emoji()]
    for names in [*(pictures.names for pictures in named), picture_names()]:
        missing |= {
            w for name in names for w in re.findall(r"[^\W\d_]+", name.lower()) if w not in glove
        }
    assert {"giraffe", "seahorse", "daffodil", "yak", "marigold", "croissant"} <= set(glove.words)
    assert len(missing) < 30, sorted(missing)


def test_glove_has_the_words_of_the_course():
    glove = load_glove()
    words = Vocabulary()
    words.adapt(separate_punctuation(text) for text in load_reviews().train.x)
    known = [word in glove for word in words.get_vocabulary()[2:]]
    assert np.mean(known) > 0.9


def test_embedding_matrix():
    glove = WordVectors(["sea", "whale"], np.array([[1, 2], [3, 4]], np.float32))
    matrix = glove.matrix(["", "[UNK]", "whale", "ahab", "sea"])
    assert matrix.dtype == np.float32
    np.testing.assert_array_equal(matrix, [[0, 0], [0, 0], [3, 4], [0, 0], [1, 2]])


# ---------------------------------------------------------------- pronunciations


def test_pronunciations():
    parts = load_pronunciations()
    assert [len(part) for part in parts] == [99_468, 5_858, 5_842, 5_842]
    table = pd.concat(parts)
    assert list(table.columns) == ["word", "sounds"]
    assert table["word"].str.fullmatch("[a-z]{3,15}").all() and table["word"].is_unique
    assert {"null", "nan"} <= set(table["word"]), "words that pandas takes for missing values"
    sounds = {sound for line in table["sounds"] for sound in line.split(" ")}
    assert len({sound.rstrip("012") for sound in sounds}) == 39
    said = dict(zip(table["word"], table["sounds"], strict=True))
    assert said["king"] == "K IH1 NG"


def test_words_of_the_test_split_have_no_relatives_in_training():
    parts = load_pronunciations()
    known = set(parts.train["word"])
    sounds = set(parts.train["sounds"].str.replace(r"\d", "", regex=True))

    def leaking(words):
        endings = ("s", "es", "ed", "ing", "er", "ly", "ness")
        return np.mean([any(word + end in known for end in endings) for word in words])

    for name in ("validation", "test"):
        part = getattr(parts, name)
        # Not none: a rule of spelling misses a few, such as guise and guises.
        assert leaking(part["word"]) < 0.001
        assert not part["sounds"].str.replace(r"\d", "", regex=True).isin(sounds).any()
    assert leaking(parts.relatives["word"]) > 0.1


# ---------------------------------------------------------------- sentence pairs


def test_english_french():
    pairs = load_english_french()
    assert [len(part) for part in pairs] == [12_928, 776, 678]
    table = pd.concat(pairs)
    assert list(table.columns) == ["english", "french", "source"]
    assert table["source"].value_counts().to_dict() == {"wesnoth": 13_060, "gnome": 1_322}
    for side in ("english", "french"):
        assert table[side].map(lambda t: len(re.findall(r"[^\W\d_]+", t))).between(3, 24).all()
        assert not table[side].str.contains(r"[<>{}$%&|\\_~\xa0\n]").any()
        assert table[side].str.lower().is_unique
        assert table[side].str.contains(r"[.!?][\"')]*$").all()
    assert (table["english"].str.endswith("?") == table["french"].str.endswith("?")).all()
    assert (table["english"] != table["french"]).all()


@pytest.mark.parametrize("side", ["english", "french"])
def test_no_sentence_is_nearly_in_two_splits(side):
    pairs = load_english_french()
    for part in (pairs.validation, pairs.test):
        assert largest_similarity(part[side], pairs.train[side]) < 0.6
    assert largest_similarity(pairs.validation[side], pairs.test[side]) < 0.6


def test_one_source_only():
    pairs = load_english_french("gnome")
    assert [len(part) for part in pairs] == [1174, 73, 75]
    both = load_english_french()
    assert set(pairs.test["english"]) <= set(both.test["english"])
    with pytest.raises(ValueError, match="wesnoth"):
        load_english_french("tatoeba")


# ---------------------------------------------------------------- vocabulary

TEXTS = [
    "The whale! The white whale.",
    "It's the sea, the SEA: don't ask...",
    "  tabs\tand\nlines, a hard\u00a0space ",
    "É è œ œ Ñ can't",
    "",
    "?!",
]


@pytest.mark.parametrize("standardize", ["lower_and_strip_punctuation", "lower", None])
@pytest.mark.parametrize("split", ["whitespace", "character"])
@pytest.mark.parametrize("max_tokens", [None, 40])
@pytest.mark.parametrize("length", [None, 6])
def test_same_ids_as_text_vectorization(standardize, split, max_tokens, length):
    import keras

    sample = random.Random(0)
    pairs = load_english_french().train
    texts = [*TEXTS, *sample.sample(list(pairs["french"]), 200), *pairs["english"][:200]]
    vocabulary = Vocabulary(max_tokens, standardize, split, length)
    vocabulary.adapt(texts)
    layer = keras.layers.TextVectorization(
        max_tokens=max_tokens,
        standardize=standardize,
        split=split,
        output_sequence_length=length,
    )
    layer.adapt(texts)
    assert vocabulary.get_vocabulary() == [str(word) for word in layer.get_vocabulary()]
    new = [*TEXTS, "unseen w\u00f6rds 123", *pairs["french"][200:230]]
    np.testing.assert_array_equal(vocabulary(new), np.asarray(layer(new)))
    np.testing.assert_array_equal(vocabulary(new), np.asarray(vocabulary.layer()(new)))


def test_vocabulary_by_hand():
    vocabulary = Vocabulary()
    vocabulary.adapt(["The whale! The sea."])
    assert vocabulary.get_vocabulary() == ["", "[UNK]", "the", "whale", "sea"]
    numbers = vocabulary(["the white whale", "sea"])
    assert numbers.dtype == np.int64
    np.testing.assert_array_equal(numbers, [[2, 1, 3], [4, 0, 0]])
    assert vocabulary.decode(numbers[0]) == "the [UNK] whale"
    assert vocabulary.decode(numbers[1]) == "sea"
    vocabulary.set_vocabulary(["sea", "land"])
    np.testing.assert_array_equal(vocabulary(["land whale"]), [[3, 1]])


@pytest.mark.parametrize("standardize", ["lower_and_strip_punctuation", None])
@pytest.mark.parametrize("max_tokens", [None, 40])
def test_same_counts_as_text_vectorization(standardize, max_tokens):
    import keras

    texts = [*TEXTS, *load_english_french().train["english"][:200]]
    vocabulary = Vocabulary(max_tokens, standardize, output_sequence_length=2)
    vocabulary.adapt(texts)
    layer = keras.layers.TextVectorization(standardize=standardize, output_mode="count")
    layer.set_vocabulary(vocabulary.get_vocabulary()[1:])  # counts know no padding
    new = [*TEXTS, "unseen words, unseen", *load_english_french().test["english"][:30]]
    counts = vocabulary.counts(new)
    assert counts.shape == (len(new), vocabulary.vocabulary_size())
    assert counts.dtype == np.float32 and not counts[:, 0].any()
    np.testing.assert_array_equal(counts[:, 1:], np.asarray(layer(new)))


def test_vocabulary_of_characters_goes_there_and_back():
    text = load_prose().train[:5000]
    vocabulary = Vocabulary(standardize=None, split="character")
    vocabulary.adapt([text])
    assert vocabulary.decode(vocabulary([text])[0]) == text


def test_vocabulary_refuses_misuse():
    vocabulary = Vocabulary()
    with pytest.raises(ValueError, match="call adapt"):
        vocabulary(["a"])
    with pytest.raises(ValueError, match="call adapt"):
        vocabulary.counts(["a"])
    with pytest.raises(TypeError, match=r"\[text\]"):
        vocabulary.adapt("one text")
    with pytest.raises(ValueError, match="twice"):
        vocabulary.set_vocabulary(["a", "a"])
    with pytest.raises(ValueError, match="standardize"):
        Vocabulary(standardize="upper")
    with pytest.raises(ValueError, match="split"):
        Vocabulary(split="words")
    with pytest.raises(ValueError, match="at least 3"):
        Vocabulary(max_tokens=2)


def test_loading_text_imports_no_engine():
    script = (
        "import sys; from utils.data import *\n"
        "load_reviews(); load_prose(); load_glove(10); load_english_french()\n"
        "load_movies(); load_flights(); load_ridership(); make_stories(5)\n"
        "v = Vocabulary(); v.adapt(['a b']); v(['a'])\n"
        "print(sorted({'keras', 'tensorflow', 'torch', 'jax', 'pytensor'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=COURSE_ROOT, capture_output=True, text=True
    )
    assert done.stdout.strip() == "[]", done.stderr


# ---------------------------------------------------------------- punctuation


@pytest.mark.parametrize(
    "language, text, separated",
    [
        ("english", "Don't move, Konrad!", "Do n't move , Konrad !"),
        ("english", "They're Li'sar's half-elves...", "They 're Li'sar 's half-elves ..."),
        ("french", "L'eau d'aujourd'hui, c'est-à-dire?", "L' eau d' aujourd'hui , c' est-à-dire ?"),
    ],
)
def test_separate_punctuation(language, text, separated):
    assert separate_punctuation(text, language) == separated
    assert join_punctuation(separated) == text


@pytest.mark.parametrize("language", ["english", "french"])
def test_joining_undoes_separating(language):
    sentences = load_english_french().train[language]
    back = [join_punctuation(separate_punctuation(text, language)) for text in sentences]
    assert np.mean([a == b for a, b in zip(sentences, back, strict=True)]) > 0.97
    # Nothing but spaces may ever change.
    for a, b in zip(sentences, back, strict=True):
        assert a.replace(" ", "") == b.replace(" ", "")


def test_separate_punctuation_knows_two_languages():
    with pytest.raises(ValueError, match="german"):
        separate_punctuation("Ja.", "german")


# ---------------------------------------------------------------- damaged files


@pytest.mark.parametrize(
    "pack, load",
    [
        ("reviews", load_reviews),
        ("prose", lambda: load_prose("state-of-the-union")),
        ("glove", load_glove),
        ("pronunciations", load_pronunciations),
        ("english_french", load_english_french),
    ],
)
def test_a_damaged_pack_is_refused(damaged_pack, pack, load):
    damaged_pack(pack)
    with pytest.raises(DataError, match=f"data/{pack}/.*git checkout"):
        load()
