"""Reads a CSV file with pandas and its fast C parser.

usage: import_pandas.py CSV

Prints seconds to import pandas, seconds to read, and seconds to read with times parsed and every
number rounded correctly, as ts-import reads.
SPDX-License-Identifier: MIT
"""

import sys
import time

started = time.perf_counter()
import pandas  # noqa: E402

imported = time.perf_counter()
pandas.read_csv(sys.argv[1])
read = time.perf_counter()
pandas.read_csv(sys.argv[1], parse_dates=["time"], float_precision="round_trip")
print(imported - started, read - imported, time.perf_counter() - read)
