"""The tabular packs: what the loaders return, and that their splits are what they say."""

import zipfile

import numpy as np
import pandas as pd
import pytest

from utils.data import DataError, load_flights, load_movies, load_ridership, tables

# ---------------------------------------------------------------- film ratings


def test_movies():
    movies = load_movies()
    assert len(movies.train) == 79_877 and len(movies.validation) == 20_127
    ratings = pd.concat([movies.train, movies.validation])
    assert [str(dtype) for dtype in ratings.dtypes] == [
        "int32", "int32", "float32", "datetime64[s]",
    ]  # fmt: skip
    assert not ratings.duplicated(["user", "film"]).any()
    assert set(ratings["user"]) == set(range(671))
    assert set(ratings["film"]) == set(range(9066)) == set(movies.films.index)
    assert set(ratings["rating"]) == {k / 2 for k in range(1, 11)}
    assert ratings["time"].min().year == 1995 and ratings["time"].max().year == 2016
    assert list(movies.films.columns) == ["title", "year", "genres"]
    assert not movies.films[["title", "genres"]].isna().any().any()
    film = movies.films.index[movies.films["title"] == "Forrest Gump"]
    # The film with most ratings of this edition of the data set, as the 2017 course found it.
    assert list(film) == [ratings["film"].value_counts().index[0]]


def test_movies_baselines():
    """The figures of the data card: a mean for all, and one bias a person and a film."""
    train, validation, films = load_movies()
    mean = train["rating"].mean()
    assert np.mean((validation["rating"] - mean) ** 2) == pytest.approx(1.124, abs=0.001)
    of_user, of_film = np.zeros(671), np.zeros(len(films))
    for _ in range(20):
        rest = train["rating"] - mean - of_user[train["user"]]
        of_film = _shrunk_means(train["film"], rest, len(films))
        rest = train["rating"] - mean - of_film[train["film"]]
        of_user = _shrunk_means(train["user"], rest, 671)
    guess = mean + of_user[validation["user"]] + of_film[validation["film"]]
    assert np.mean((validation["rating"] - guess) ** 2) == pytest.approx(0.793, abs=0.001)


def _shrunk_means(group, values, count):
    return np.bincount(group, values, count) / (np.bincount(group, minlength=count) + 5)


def test_full_movies(monkeypatch, tmp_path):
    path = tmp_path / "ml-1m.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(
            "ml-1m/ratings.dat", "1::10::5::978300760\n1::7::3::978302109\n4::10::1::978301968\n"
        )
        archive.writestr(
            "ml-1m/movies.dat",
            "7::Les Misérables (1995)::Drama|Musical\n8::Unrated (1990)::Drama\n"
            "10::Seven (a.k.a. Se7en) (1995)::Thriller\n".encode("latin-1"),
        )
    monkeypatch.setattr(tables, "fetch_full", lambda url, sha256: path)
    movies = load_movies(full=True)
    ratings = pd.concat([movies.train, movies.validation]).sort_values("time")
    assert ratings["user"].tolist() == [0, 1, 0] and ratings["film"].tolist() == [1, 1, 0]
    assert ratings["rating"].tolist() == [5, 1, 3] and ratings["rating"].dtype == np.float32
    assert movies.films["title"].tolist() == ["Les Misérables", "Seven (a.k.a. Se7en)"]
    assert movies.films["year"].tolist() == [1995, 1995]
    assert [str(d) for d in movies.films.dtypes] == [str(d) for d in load_movies().films.dtypes]
    assert list(movies.train.dtypes) == list(load_movies().train.dtypes)


# ---------------------------------------------------------------- flights


@pytest.fixture(scope="module")
def flights():
    return load_flights()


def test_flights_are_split_by_time(flights):
    parts = (flights.train, flights.validation, flights.test)
    assert [len(part) for part in parts] == [252_484, 28_889, 55_403]
    ends = [(str(part["date"].min().date()), str(part["date"].max().date())) for part in parts]
    assert ends == [
        ("2013-01-01", "2013-09-30"),
        ("2013-10-01", "2013-10-31"),
        ("2013-11-01", "2013-12-31"),
    ]


def test_flights(flights):
    table = pd.concat(flights[:3], ignore_index=True)
    assert table["dep_delay"].isna().sum() == 8_255 and table["arr_delay"].isna().sum() == 9_430
    assert not (table["dep_delay"].isna() & table["arr_delay"].notna()).any()
    assert table["arr_delay"].mean() == pytest.approx(6.895377)
    assert table["sched_dep"].between(0, 24 * 60 - 1).all()
    assert (table["month"] == table["date"].dt.month).all()
    for name in ("carrier", "origin", "dest", "tailnum"):
        kinds = {part[name].dtype for part in flights[:3]}
        assert len(kinds) == 1 and isinstance(kinds.pop(), pd.CategoricalDtype)
        assert table[name].notna().all()
    assert set(table["carrier"]) == set(flights.airlines) and flights.airlines["UA"]
    assert table["distance"].between(17, 4983).all()
    # The first flight of the source's table.
    first = table[(table["flight"] == 1545) & (table["date"] == "2013-01-01")].iloc[0]
    assert (first["carrier"], first["origin"], first["dest"]) == ("UA", "EWR", "IAH")
    assert (first["sched_dep"], first["sched_arr"]) == (5 * 60 + 15, 8 * 60 + 19)
    assert (first["tailnum"], first["distance"]) == ("N14228", 1400)
    assert (first["dep_delay"], first["arr_delay"]) == (2, 11)


def test_flights_have_the_weather_of_their_hour(flights):
    weather = tables.read_table("flights", "weather.csv.gz")
    hours = weather.sample(200, random_state=0)
    table = flights.train
    hour = table["sched_dep"] // 60
    compared = 0
    for row in hours.itertuples():
        here = table[
            (table["origin"] == row.origin)
            & (table["month"] == row.month)
            & (table["date"].dt.day == row.day)
            & (hour == row.hour)
        ]
        if len(here):
            found = here[["temp", "wind_speed", "visibility"]].to_numpy()
            wanted = [[row.temp, row.wind_speed, row.visibility]] * len(here)
            np.testing.assert_allclose(found, wanted, rtol=1e-6)
            compared += len(here)
    assert compared > 500
    assert table["temp"].isna().mean() < 0.01


# ---------------------------------------------------------------- passengers by day


def test_ridership():
    parts = load_ridership()
    assert [len(part) for part in parts] == [4727, 365, 606]
    days = pd.concat(parts)
    assert days.shape[1] == 46 and not days.isna().any().any()
    assert (days.index == pd.date_range("2001-01-22", "2016-08-28")).all()
    assert parts.validation.index[0] == pd.Timestamp("2014-01-01")
    assert parts.test.index[0] == pd.Timestamp("2015-01-01")
    # What the names `_lag14` promise, for the one station whose own numbers are here.
    lagged, own = days["clark_lake_lag14"].to_numpy(), days["ridership"].to_numpy()
    np.testing.assert_array_equal(lagged[14:], own[:-14])
    assert sum(column.endswith("_lag14") for column in days) == 20
    weekday = days.index.day_of_week < 5
    assert days["ridership"][weekday].mean() > 2 * days["ridership"][~weekday].mean()


@pytest.mark.parametrize(
    "pack, load",
    [("movies", load_movies), ("flights", load_flights), ("ridership", load_ridership)],
)
def test_a_damaged_pack_is_refused(damaged_pack, pack, load):
    damaged_pack(pack)
    with pytest.raises(DataError, match=f"data/{pack}/.*git checkout"):
        load()
