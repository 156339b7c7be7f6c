"""What the scripts of the text and table packs share: writing tables, near-duplicates, splits."""

import re
import unicodedata
from collections.abc import Hashable, Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse


def write_csv(path: Path, frame: pd.DataFrame) -> None:
    """Write a table as UTF-8 `.csv.gz`, the same bytes every time (no time stamp inside)."""
    frame.to_csv(
        path,
        index=False,
        lineterminator="\n",
        compression={"method": "gzip", "compresslevel": 9, "mtime": 0},
    )


def words(text: str) -> list[str]:
    """Lower-case words without accents or punctuation: the form in which texts are compared."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return re.findall(r"[a-z0-9]+", "".join(c for c in plain if not unicodedata.combining(c)))


def jaccard_rows(left: Sequence[str], right: Sequence[str], rows: int = 500):
    """Yield `(start, block)`: word-set Jaccard similarity of `left[start:start+rows]` to `right`.

    Exact (every pair is looked at, no hashing); a block is a float32 array (rows, len(right)).
    """
    vocabulary: dict[str, int] = {}
    sets = [{vocabulary.setdefault(w, len(vocabulary)) for w in words(t)} for t in [*left, *right]]
    indptr = np.cumsum([0, *map(len, sets)])
    indices = np.fromiter((w for s in sets for w in s), np.int64, indptr[-1])
    table = sparse.csr_array(
        (np.ones(len(indices), np.float32), indices, indptr), shape=(len(sets), len(vocabulary))
    )
    a, b = table[: len(left)], table[len(left) :].T.tocsc()
    size_a, size_b = np.diff(indptr)[: len(left)], np.diff(indptr)[len(left) :]
    for start in range(0, len(left), rows):
        both = (a[start : start + rows] @ b).toarray()
        either = size_a[start : start + rows, None] + size_b[None] - both
        yield start, both / np.maximum(either, 1).astype(np.float32)


def similar_pairs(texts: Sequence[str], threshold: float) -> list[tuple[int, int]]:
    """Index pairs i < j of texts whose word-set Jaccard similarity is at least `threshold`."""
    pairs = []
    for start, block in jaccard_rows(texts, texts):
        i, j = np.nonzero(block >= threshold)
        i = i + start
        pairs += [(int(a), int(b)) for a, b in zip(i[i < j], j[i < j], strict=True)]
    return pairs


def nearest(left: Sequence[str], right: Sequence[str]) -> np.ndarray:
    """For each text of `left`, its similarity to the most similar text of `right` (float32)."""
    return np.concatenate([block.max(axis=1) for _, block in jaccard_rows(left, right)])


def connected(count: int, pairs: Iterable[tuple[int, int]]) -> np.ndarray:
    """Group number (int) of each of `count` items when the items of each pair belong together."""
    pairs = np.array(list(pairs), dtype=np.int64).reshape(-1, 2)
    links = sparse.coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), (count, count))
    return sparse.csgraph.connected_components(links, directed=False)[1]


def same_key(keys: Sequence[Hashable]) -> list[tuple[int, int]]:
    """Pairs (first, later) of items that have the same key."""
    first: dict[Hashable, int] = {}
    return [(first.setdefault(key, i), i) for i, key in enumerate(keys)]


def split_by_group(
    groups: np.ndarray, shares: dict[str, float], seed: int, strata: np.ndarray | None = None
) -> np.ndarray:
    """A split name for each item: whole groups are drawn at random, within each stratum.

    A group belongs to the stratum of its first item. `shares` sum to 1 and are met to within
    the size of a group.
    """
    rng = np.random.default_rng(seed)
    strata = np.zeros(len(groups), int) if strata is None else np.asarray(strata)
    ids, first, sizes = np.unique(groups, return_index=True, return_counts=True)
    names, edges = list(shares), np.cumsum(list(shares.values()))
    chosen = np.empty(ids.max() + 1, dtype=object)
    for stratum in np.unique(strata):
        mine = rng.permutation(np.flatnonzero(strata[first] == stratum))
        middle = (np.cumsum(sizes[mine]) - sizes[mine] / 2) / sizes[mine].sum()
        where = np.minimum(np.searchsorted(edges, middle), len(names) - 1)
        chosen[ids[mine]] = [names[k] for k in where]
    return chosen[groups].astype(str)
