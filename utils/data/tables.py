"""Loaders of the tabular packs: film ratings, flights, passengers by day.

Every loader returns pandas DataFrames with fixed splits, from the checkout, with no network.
"""

import zipfile
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from utils.data.downloads import fetch_full
from utils.data.packs import load_arrays, pack_path
from utils.data.splits import TrainValidationTest

_MISSING_DELAY = np.iinfo(np.int16).min  # how flights.npz marks a delay that is not known


def read_table(pack: str, file: str, **options: Any) -> pd.DataFrame:
    """One `.csv.gz` file of a pack, checked; other arguments go to `pandas.read_csv`."""
    # keep_default_na: "NA" and "null" are words, only an empty field is missing
    options = {"keep_default_na": False, "na_values": [""], **options}
    return pd.read_csv(pack_path(pack, file), **options)


# ---------------------------------------------------------------- film ratings


class Movies(NamedTuple):
    """Film ratings in two splits, and the films. Columns: see `load_movies`."""

    train: pd.DataFrame
    validation: pd.DataFrame
    films: pd.DataFrame


def load_movies(full: bool = False) -> Movies:
    """Film ratings by the visitors of movielens.org.

    A fifth of the ratings, drawn at random once and for all, is the validation split: as in the
    2017 course, from which the ratings are. So a model may have seen later ratings by the same
    person; split by `time` instead to see what that is worth.

    Args:
        full: fetch MovieLens 1M (6 MB): 1,000,209 whole-star ratings by 6,040 people.

    Returns:
        `train` and `validation`: columns user int32 and film int32 (both numbered from 0 without
        gaps), rating float32 (0.5 to 5.0 stars), time datetime64[s]. 79,877 and 20,127 rows.
        `films`: row k is film k; columns title str, year Int16 (missing for a few), genres str,
        separated by `|` (may be empty). 9,066 rows; 671 users.

    Raises:
        DataError: the pack is missing or damaged, or the download failed.
    """
    if full:
        return _movies_1m()
    arrays = load_arrays("movies", "ratings.npz")
    ratings = pd.DataFrame(
        {
            "user": arrays["user"].astype(np.int32),
            "film": arrays["film"].astype(np.int32),
            "rating": arrays["half_stars"].astype(np.float32) / 2,
            "time": arrays["seconds"].astype("datetime64[s]"),
        }
    )
    films = read_table("movies", "films.csv.gz", dtype={"year": "Int16"})
    films = films.fillna({"title": "", "genres": ""}).drop(columns="movielens_id")
    return _movies(ratings, arrays["valid"], films)


def _movies(ratings, validation, films) -> Movies:
    return Movies(
        ratings[~validation].reset_index(drop=True),
        ratings[validation].reset_index(drop=True),
        films,
    )


def _movies_1m() -> Movies:
    path = fetch_full(
        "https://files.grouplens.org/datasets/movielens/ml-1m.zip",
        "a6898adb50b9ca05aa231689da44c217cb524e7ebd39d264c56e2832f2c54e20",
    )

    def rows(archive, name, columns):
        with archive.open(f"ml-1m/{name}.dat") as stream:
            fields = (line.decode("latin-1").rstrip("\r\n").split("::") for line in stream)
            return pd.DataFrame(fields, columns=columns)

    with zipfile.ZipFile(path) as archive:
        table = rows(archive, "ratings", ["user", "film", "rating", "time"]).astype(np.int64)
        films = rows(archive, "movies", ["id", "title", "genres"]).astype({"id": np.int64})
    ids, film = np.unique(table["film"], return_inverse=True)
    ratings = pd.DataFrame(
        {
            "user": np.unique(table["user"], return_inverse=True)[1].astype(np.int32),
            "film": film.astype(np.int32),
            "rating": table["rating"].astype(np.float32),
            "time": table["time"].to_numpy().astype("datetime64[s]"),
        }
    )
    films = films.set_index("id").loc[ids].reset_index(drop=True)
    name_and_year = films["title"].str.extract(r"^(.*?)\s*\((\d{4})\)$")
    films = pd.DataFrame(
        {
            "title": name_and_year[0],
            "year": pd.to_numeric(name_and_year[1]).astype("Int16"),
            "genres": films["genres"],
        }
    )
    return _movies(ratings, np.random.default_rng(0).random(len(ratings)) < 0.2, films)


# ---------------------------------------------------------------- flights


class Flights(NamedTuple):
    """Flights in three splits, and the airlines' names. Columns: see `load_flights`."""

    train: pd.DataFrame
    validation: pd.DataFrame
    test: pd.DataFrame
    airlines: dict[str, str]


def load_flights() -> Flights:
    """All 336,776 flights that left New York City's three airports in 2013, with the weather.

    Split by time, as a forecast would meet them: January to September for training (252,484),
    October for validation (28,889), November and December for testing (55,403). In time order.

    Returns:
        `train`, `validation`, `test`, with the columns

        - known beforehand: date datetime64, month int8, day_of_week int8 (0 Monday), sched_dep
          and sched_arr int16 (minutes after local midnight), carrier, origin, dest, tailnum
          category (the same categories in each split; tailnum "" where not recorded), flight
          int32, distance float32 (miles);
        - weather at the origin in the hour of the scheduled departure, float32, NaN where not
          recorded: temp and dewp (deg F), humidity (%), wind_dir (degrees), wind_speed and
          wind_gust (mph), precip (inches), pressure (mbar), visibility (miles). Measured, not
          forecast: a planner would know it only with some error;
        - known afterwards: dep_delay and arr_delay, float32 minutes, negative for early. dep_delay
          is NaN for a cancelled flight, arr_delay also for one that was diverted.

        `airlines`: {carrier code: name}.

    Raises:
        DataError: the pack is missing or damaged.
    """
    arrays = load_arrays("flights", "flights.npz")
    names = {name: arrays[f"{name}_names"] for name in ("carrier", "origin", "dest", "tailnum")}
    day = pd.DataFrame({"year": 2013, "month": arrays["month"], "day": arrays["day"]})
    date = pd.to_datetime(day)
    flights = pd.DataFrame(
        {
            "date": date,
            "month": arrays["month"].astype(np.int8),
            "day_of_week": date.dt.day_of_week.astype(np.int8),
            "sched_dep": arrays["sched_dep"].astype(np.int16),
            "sched_arr": arrays["sched_arr"].astype(np.int16),
        }
        | {
            name: pd.Categorical.from_codes(arrays[name].astype(np.int32), categories)
            for name, categories in names.items()
        }
        | {"flight": arrays["flight"].astype(np.int32)}
    )
    miles = read_table("flights", "routes.csv.gz").set_index(["origin", "dest"])["distance"]
    routes = [(origin, dest) for origin in names["origin"] for dest in names["dest"]]
    by_route = miles.reindex(routes).to_numpy(np.float32)
    flights["distance"] = by_route[arrays["origin"] * len(names["dest"]) + arrays["dest"]]

    weather = read_table("flights", "weather.csv.gz")
    hours = ["origin", "month", "day", "hour"]
    measured = weather.columns.drop(hours)
    weather = weather.set_index(hours)[measured].astype(np.float32)
    when = pd.MultiIndex.from_arrays(
        [
            names["origin"][arrays["origin"]],
            arrays["month"],
            arrays["day"],
            arrays["sched_dep"] // 60,
        ]
    )
    flights[measured] = weather.reindex(when).to_numpy()
    for name in ("dep_delay", "arr_delay"):
        minutes = arrays[name].astype(np.float32)
        flights[name] = np.where(arrays[name] == _MISSING_DELAY, np.float32("nan"), minutes)

    airlines = read_table("flights", "airlines.csv.gz")
    parts = (flights["month"] <= 9, flights["month"] == 10, flights["month"] >= 11)
    return Flights(
        *(flights[part].reset_index(drop=True) for part in parts),
        dict(zip(airlines["carrier"], airlines["name"], strict=True)),
    )


# ---------------------------------------------------------------- passengers by day


def load_ridership() -> TrainValidationTest:
    """Passengers entering the L station Clark/Lake in Chicago, by day, without a gap.

    Split by time: 22 January 2001 to 2013 for training (4,727 days), 2014 for validation (365),
    2015 to 28 August 2016 for testing (606).

    Returns:
        `train`, `validation`, `test`, indexed by date (datetime64), with 46 columns: ridership
        float64 (thousands of passengers, the one to forecast); `*_lag14`, twenty stations'
        passengers 14 days before; that day's weather (temp_min, temp, temp_max, temp_change, dew
        in deg F; humidity in %; pressure, pressure_change, precip, precip_max in inches; wind,
        wind_max, gust, gust_max in mph; weather_rain, _snow, _cloud, _storm as shares of the day);
        and blackhawks_, bulls_, bears_away and _home int64, 1 on the day of a game; baseball int64,
        see the data card.

    Raises:
        DataError: the pack is missing or damaged.
    """
    days = read_table("ridership", "days.csv.gz", parse_dates=["date"], index_col="date")
    return TrainValidationTest(days.loc[:"2013"], days.loc["2014":"2014"], days.loc["2015":])
