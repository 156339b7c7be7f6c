"""Loaders of the text packs, and words to numbers and back.

Every loader returns Python strings, NumPy arrays or pandas DataFrames with fixed splits, from the
checkout, with no network.
"""

import gzip
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from utils.data.downloads import INSTEAD
from utils.data.packs import DataError, load_arrays, pack_path
from utils.data.splits import Samples, TrainTest, TrainValidationTest
from utils.data.tables import read_table

if TYPE_CHECKING:
    import keras

# ---------------------------------------------------------------- reviews


def load_reviews(target: str = "label", full: bool = False) -> TrainTest:
    """Sentences from film reviews and whether they are favourable.

    Args:
        target: "label" for 0 (negative) and 1 (positive), "rating" for the mean of what 15 to 29
            people thought, or "votes" for how many of them gave -4, -3, ... 4.
        full: fetch IMDB's 25,000 + 25,000 whole reviews instead, by `keras.datasets.imdb` (19 MB,
            kept in Keras's own cache). Labels only; words are in lower case without punctuation.
            Imports Keras, so choose its engine before.

    Returns:
        `train` and `test`, 8,453 + 2,113 sentences in random order: x object array `(n,)` of str;
        y int64 `(n,)` of 0 and 1, or float32 `(n,)` from -4 to 4, or int64 `(n, 9)`.

    Raises:
        ValueError: another target, or ratings of the full set, which has none.
        DataError: the pack is missing or damaged, or the download failed.
    """
    if target not in ("label", "rating", "votes"):
        raise ValueError(f'target is "label", "rating" or "votes", not {target!r}')
    if full:
        if target != "label":
            raise ValueError('the full set has no ratings: ask for target="label"')
        return _imdb()
    parts = (read_table("reviews", f"{name}.csv.gz") for name in TrainTest._fields)
    return TrainTest(*(Samples(p["text"].to_numpy(object), _target(p[target])) for p in parts))


def _target(column):
    if column.name == "votes":
        return np.array([line.split() for line in column]).astype(np.int64)
    return column.to_numpy({"label": np.int64, "rating": np.float32}[column.name])


def _imdb() -> TrainTest:
    from keras.datasets import imdb

    try:
        # The ids as they are in the word index: nothing reserved, no word left out.
        parts = imdb.load_data(num_words=10**9, start_char=None, index_from=0)
        words = {number: word for word, number in imdb.get_word_index().items()}
    except Exception as error:  # Keras raises a bare Exception when a download fails
        raise DataError(
            f"Could not load the IMDB reviews: {error}. Is there a network? {INSTEAD}"
        ) from error
    splits = []
    for sequences, labels in parts:
        x = np.empty(len(sequences), dtype=object)
        x[:] = [" ".join(words[i] for i in sequence) for sequence in sequences]
        splits.append(Samples(x, labels.astype(np.int64)))
    return TrainTest(*splits)


# ---------------------------------------------------------------- prose


class Prose(NamedTuple):
    """One long text in two splits: its beginning, and its end."""

    train: str
    validation: str


def load_prose(name: str = "moby-dick") -> Prose:
    """A long English text in 80 different characters, for models of characters.

    Args:
        name: "moby-dick" (Melville's novel, 1.19 million characters, lines as printed) or
            "state-of-the-union" (addresses of the presidents of the United States from 1950 to
            2021, 2.58 million characters, one line an address under a line with its year).

    Returns:
        `train`, the first nine tenths, and `validation`, the rest, cut between paragraphs:
        `train + validation` is the whole text.

    Raises:
        ValueError: there is no such text.
        DataError: the pack is missing or damaged.
    """
    if name not in ("moby-dick", "state-of-the-union"):
        raise ValueError(f'the texts are "moby-dick" and "state-of-the-union", not {name!r}')
    text = _unzipped("prose", f"{name}.txt.gz")
    cut = text.index("\n\n", len(text) * 9 // 10) + 2
    return Prose(text[:cut], text[cut:])


def _unzipped(pack: str, file: str) -> str:
    with gzip.open(pack_path(pack, file), "rt", encoding="utf-8", newline="\n") as stream:
        return stream.read()


# ---------------------------------------------------------------- word vectors


class WordVectors:
    """Words and their vectors, commonest word first.

    Attributes:
        words: list of str, in lower case.
        vectors: float32 `(len(words), dimensions)`; row k belongs to `words[k]`.

    `glove["king"]` is a word's vector (`KeyError` if it has none), `"king" in glove` says whether
    it has one.
    """

    def __init__(self, words: Sequence[str], vectors: np.ndarray):
        self.words = list(words)
        self.vectors = vectors
        self._row = {word: row for row, word in enumerate(self.words)}

    def __len__(self) -> int:
        return len(self.words)

    def __contains__(self, word: str) -> bool:
        return word in self._row

    def __getitem__(self, word: str) -> np.ndarray:
        return self.vectors[self._number(word)]

    def _number(self, word):
        try:
            return self._row[word]
        except KeyError:
            raise KeyError(f"there is no vector for {word!r} (words are in lower case)") from None

    def matrix(self, vocabulary: Sequence[str]) -> np.ndarray:
        """Initial weights for an `Embedding` over a vocabulary.

        Args:
            vocabulary: words in the order of their numbers, as from `get_vocabulary()`.

        Returns:
            float32 `(len(vocabulary), dimensions)`; zeros for words without a vector.
        """
        found = np.zeros((len(vocabulary), self.vectors.shape[1]), np.float32)
        for number, word in enumerate(vocabulary):
            if word in self._row:
                found[number] = self.vectors[self._row[word]]
        return found

    def nearest(
        self, what: str | np.ndarray, count: int = 10, among: Iterable[str] | None = None
    ) -> list[tuple[str, float]]:
        """Words whose vectors point most nearly the same way.

        Args:
            what: a word (left out of the answer) or a vector `(dimensions,)`.
            count: how many words to give.
            among: the words to choose from; default: all.

        Returns:
            `(word, cosine)` pairs, nearest first.

        Raises:
            KeyError: a word without a vector.
            ValueError: a vector of zeros, which points nowhere, or one that is not a number.
        """
        vector = self[what] if isinstance(what, str) else np.asarray(what, np.float32)
        length = np.linalg.norm(vector)
        if not 0 < length < np.inf:
            raise ValueError(
                f"A vector of length {length} points nowhere, so nothing is near it. Is it the mean "
                "of no words, or the row of `matrix` for a word without a vector?"
            )
        words = self.words if among is None else list(dict.fromkeys(among))
        vectors = self.vectors if among is None else self.vectors[[*map(self._number, words)], :]
        lengths = np.linalg.norm(vectors, axis=1) * length
        # Not `@`: it wakes BLAS's threads, which go on spinning for longer than this takes.
        cosine = np.einsum("ij,j->i", vectors, vector) / np.maximum(lengths, 1e-12)
        if isinstance(what, str) and what in words:
            cosine[words.index(what)] = -np.inf
            count = min(count, len(words) - 1)
        return [(words[i], float(cosine[i])) for i in np.argsort(-cosine)[:count]]


def load_glove(limit: int | None = None) -> WordVectors:
    """GloVe word vectors of 50 dimensions, learnt from Wikipedia and newspapers (2014).

    The 40,000 commonest words and signs, and 5,288 rarer ones that the course's reviews, classes and
    names of pictures hold. Stored in half precision, which moves no component by more than 0.002.

    Args:
        limit: only the so many commonest.

    Raises:
        DataError: the pack is missing or damaged.

    Source: Pennington, Socher and Manning, "GloVe: Global Vectors for Word Representation",
    EMNLP 2014.
    """
    words = _unzipped("glove", "words.txt.gz").split("\n")[:-1]
    vectors = load_arrays("glove", "vectors.npz")["vectors"]
    return WordVectors(words[:limit], vectors[:limit].astype(np.float32))


# ---------------------------------------------------------------- pronunciations


class Pronunciations(NamedTuple):
    """Words and their sounds in four parts. See `load_pronunciations`."""

    train: pd.DataFrame
    validation: pd.DataFrame
    test: pd.DataFrame
    relatives: pd.DataFrame


def load_pronunciations() -> Pronunciations:
    """117,010 English words and names of 3 to 15 letters, and how each is said (American English).

    Returns:
        Four DataFrames in random order, with the columns word (str, a to z) and sounds (str:
        ARPAbet phonemes separated by spaces; the digit after a vowel is its stress, as in
        "K IH1 NG"). `train` 99,468 words; `validation` 5,858 and `test` 5,842, none of which has
        a relative (same stem) or a twin (same sounds) in `train`; `relatives` 5,842 words drawn at
        random, as the 2017 course drew its test words: half of them have a relative in `train`.

    Raises:
        DataError: the pack is missing or damaged.
    """
    table = read_table("pronunciations", "words.csv.gz")
    return Pronunciations(*_parts(table, Pronunciations._fields))


def _parts(table: pd.DataFrame, names: Iterable[str]) -> Iterable[pd.DataFrame]:
    """One table for each name in the column `split`, without that column."""
    for name in names:
        yield table[table["split"] == name].drop(columns="split").reset_index(drop=True)


# ---------------------------------------------------------------- sentence pairs


def load_english_french(source: str | None = None) -> TrainValidationTest:
    """14,382 English sentences of 3 to 20 words with their French translations.

    Args:
        source: "wesnoth" (a fantasy game's dialogues and help, 13,060 pairs) or "gnome" (a
            computer's user guide, 1,322 pairs); default: both. Their licences differ: see the
            data card before passing the sentences on.

    Returns:
        `train` 12,928, `validation` 776 and `test` 678 rows in random order, with the columns
        english, french and source (str). Sentences alike in either language are in one split.

    Raises:
        ValueError: there is no such source.
        DataError: the pack is missing or damaged.
    """
    sources = ("wesnoth", "gnome")
    if source is not None and source not in sources:
        raise ValueError(f'the sources are "wesnoth" and "gnome", not {source!r}')
    tables = [
        read_table("english_french", f"{name}.csv.gz").assign(source=name)
        for name in sources
        if source in (None, name)
    ]
    table = pd.concat(tables, ignore_index=True)
    table = table.iloc[np.random.default_rng(0).permutation(len(table))]
    return TrainValidationTest(*_parts(table, TrainValidationTest._fields))


# ---------------------------------------------------------------- words to numbers


_PUNCTUATION = re.compile(r"""[!"#$%&()*+,\-./:;<=>?@\[\\\]^_`{|}~']""")
_ASCII_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}
_ASCII_SPACE = re.compile(r"[ \t\n\v\f\r]+")


class Vocabulary:
    """Words and their numbers, the same as `keras.layers.TextVectorization` gives them.

    That layer, and `StringLookup` under it, compute with TensorFlow whichever engine Keras runs
    on. Part 1 does without TensorFlow, so it uses this class: a few lines of Python, arguments and
    methods named as in Keras, tested to give equal ids. In Part 2, `layer()` makes the Keras layer.

    Number 0 is padding, 1 any word outside the vocabulary; then the commonest word first, among
    equally common ones the last in the alphabet first.

    Args:
        max_tokens: most numbers to give out, padding and unknown included; default: no limit.
        standardize: "lower_and_strip_punctuation", "lower" (both only touch ASCII letters, as in
            Keras) or None.
        split: "whitespace" or "character".
        output_sequence_length: cut or pad each text to so many numbers; default: as many as the
            longest text of a call has.

    Example:
        >>> vocabulary = Vocabulary()
        >>> vocabulary.adapt(["The whale! The sea."])
        >>> vocabulary.get_vocabulary()
        ['', '[UNK]', 'the', 'whale', 'sea']
        >>> vocabulary(["the white whale"])
        array([[2, 1, 3]])
    """

    def __init__(
        self,
        max_tokens: int | None = None,
        standardize: str | None = "lower_and_strip_punctuation",
        split: str = "whitespace",
        output_sequence_length: int | None = None,
    ):
        if standardize not in ("lower_and_strip_punctuation", "lower", None):
            raise ValueError(
                'standardize is "lower_and_strip_punctuation", "lower" or None, '
                f"not {standardize!r}"
            )
        if split not in ("whitespace", "character"):
            raise ValueError(f'split is "whitespace" or "character", not {split!r}')
        if max_tokens is not None and max_tokens < 3:
            raise ValueError("max_tokens is at least 3: padding, unknown and one word")
        self.max_tokens = max_tokens
        self.standardize = standardize
        self.split = split
        self.output_sequence_length = output_sequence_length
        self._number: dict[str, int] = {}
        self._words: list[str] = []

    def tokens(self, text: str) -> list[str]:
        """The words (or characters) of a text, standardized, before they become numbers."""
        if self.standardize is not None:
            text = text.translate(_ASCII_LOWER)
        if self.standardize == "lower_and_strip_punctuation":
            text = _PUNCTUATION.sub("", text)
        if self.split == "character":
            return list(text)
        return [word for word in _ASCII_SPACE.split(text) if word]

    def adapt(self, texts: Iterable[str]) -> None:
        """Learn the words of `texts` (and forget those learnt before)."""
        counts = Counter(token for text in _several(texts) for token in self.tokens(text))
        # Bytes, not characters: that is the order in which TensorFlow compares strings.
        ordered = sorted(counts, key=lambda w: (counts[w], w.encode()), reverse=True)
        # The empty string is the padding's own name.
        self._set([word for word in ordered if word])

    def set_vocabulary(self, words: Sequence[str]) -> None:
        """Take these words, in this order, the first as number 2."""
        if len(set(words)) != len(words):
            raise ValueError("a word is twice in the vocabulary")
        self._set(words)

    def _set(self, words):
        if self.max_tokens is not None:
            words = words[: self.max_tokens - 2]
        self._words = ["", "[UNK]", *words]
        self._number = {word: number for number, word in enumerate(self._words) if number > 1}

    def get_vocabulary(self) -> list[str]:
        """The words in the order of their numbers; `""` (padding) and `"[UNK]"` come first."""
        self._check_adapted()
        return list(self._words)

    def vocabulary_size(self) -> int:
        """How many numbers there are, padding and unknown included."""
        return len(self.get_vocabulary())

    def __call__(self, texts: Iterable[str]) -> np.ndarray:
        """Numbers of the texts' words: int64 `(len(texts), length)`, filled up with 0 at the end."""
        self._check_adapted()
        rows = [[self._number.get(t, 1) for t in self.tokens(text)] for text in _several(texts)]
        length = self.output_sequence_length
        if length is None:
            length = max(map(len, rows), default=0)
        numbers = np.zeros((len(rows), length), np.int64)
        for row, line in zip(numbers, rows, strict=True):
            row[: len(line)] = line[:length]
        return numbers

    def counts(self, texts: Iterable[str]) -> np.ndarray:
        """How often each text has each word: float32 `(len(texts), vocabulary_size())`.

        Column k counts the word of number k, column 1 all unknown ones; column 0 stays 0. Every
        word counts, whatever `output_sequence_length` is.
        """
        self._check_adapted()
        texts = list(_several(texts))
        table = np.zeros((len(texts), len(self._words)), np.float32)
        for row, text in zip(table, texts, strict=True):
            for word, count in Counter(self.tokens(text)).items():
                row[self._number.get(word, 1)] += count
        return table

    def decode(self, numbers: Iterable[int]) -> str:
        """The text of one row of numbers, without the padding."""
        self._check_adapted()
        between = "" if self.split == "character" else " "
        return between.join(self._words[number] for number in numbers if number != 0)

    def layer(self) -> "keras.layers.TextVectorization":
        """The Keras layer with this vocabulary. Imports TensorFlow."""
        import keras

        layer = keras.layers.TextVectorization(
            max_tokens=self.max_tokens,
            standardize=self.standardize,
            split=self.split,
            output_sequence_length=self.output_sequence_length,
        )
        layer.set_vocabulary(self.get_vocabulary())
        return layer

    def _check_adapted(self):
        if not self._words:
            raise ValueError("the vocabulary is empty: call adapt(texts) first")


def _several(texts):
    if isinstance(texts, str):
        raise TypeError("give a list of texts, not one text: [text]")
    return texts


# ---------------------------------------------------------------- punctuation as words


_SPLITS = {
    # they're -> they 're, don't -> do n't: as GloVe's own words were cut
    "english": re.compile(
        r"\w+(?=n't\b)|n't\b|'(?:s|m|d|ll|re|ve)\b"
        r"|\w+(?:-\w+|'(?!(?:s|m|d|ll|re|ve)\b)\w+)*|\.{3}|[^\w\s]",
        re.IGNORECASE,
    ),
    # l'eau -> l' eau; but aujourd'hui is one word
    "french": re.compile(r"aujourd'hui|\w+'(?=\w)|\w+(?:-\w+)*|\.{3}|[^\w\s]", re.IGNORECASE),
}
_NO_SPACE_BEFORE = re.compile(r" (?=(?:[.,!?:;)\]]|\.{3}|'(?:s|m|d|ll|re|ve)\b|n't\b))")


def separate_punctuation(text: str, language: str = "english") -> str:
    """Put spaces round punctuation, so that splitting at spaces makes signs words of their own.

    For use before a `Vocabulary` (or `TextVectorization`) with `standardize="lower"`.

    Args:
        text: a sentence.
        language: "english" (don't -> do n't) or "french" (l'eau -> l' eau).

    Example:
        >>> separate_punctuation("Don't move, Konrad!")
        "Do n't move , Konrad !"
    """
    if language not in _SPLITS:
        raise ValueError(f'language is "english" or "french", not {language!r}')
    return " ".join(_SPLITS[language].findall(text))


def join_punctuation(text: str) -> str:
    """Undo `separate_punctuation` for reading, in either language (quotation marks stay apart)."""
    text = _NO_SPACE_BEFORE.sub("", text)
    return re.sub(r"(?<=\w') (?=\w)|(?<=[(\[]) ", "", text)
