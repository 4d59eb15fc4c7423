"""One epoch of NLinear in PyTorch: Adam on shuffled minibatches of 32 windows of all channels.

usage: fit_torch.py CSV LOOKBACK HORIZON        (split of the ETT hourly files)

Prints seconds to import, seconds to load the data, and seconds of one epoch over the training part.
The papers train up to ten such epochs, each followed by a pass over the validation part.
SPDX-License-Identifier: MIT
"""

import sys
import time

started = time.perf_counter()
import numpy as np  # noqa: E402
import torch  # noqa: E402
from pandas import read_csv  # noqa: E402

imported = time.perf_counter()

TRAIN = 12 * 30 * 24


class Windows(torch.utils.data.Dataset):
    def __init__(self, rows, lookback, horizon):
        self.rows, self.lookback, self.horizon = rows, lookback, horizon

    def __len__(self):
        return len(self.rows) - self.lookback - self.horizon + 1

    def __getitem__(self, start):
        middle = start + self.lookback
        return self.rows[start:middle], self.rows[middle : middle + self.horizon]


class NLinear(torch.nn.Module):
    """One map from past to future that all channels share, around the last value."""

    def __init__(self, lookback, horizon):
        super().__init__()
        self.linear = torch.nn.Linear(lookback, horizon)

    def forward(self, past):
        last = past[:, -1:, :]
        return self.linear((past - last).permute(0, 2, 1)).permute(0, 2, 1) + last


def main():
    path, lookback, horizon = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    torch.manual_seed(1)
    rows = read_csv(path).iloc[:, 1:].to_numpy()
    rows = (rows - rows[:TRAIN].mean(axis=0)) / rows[:TRAIN].std(axis=0)
    windows = Windows(torch.tensor(rows[:TRAIN], dtype=torch.float32), lookback, horizon)
    model = NLinear(lookback, horizon)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.005)
    loaded = time.perf_counter()
    batches = torch.utils.data.DataLoader(windows, batch_size=32, shuffle=True, drop_last=True)
    for past, future in batches:
        optimiser.zero_grad()
        torch.nn.functional.mse_loss(model(past), future).backward()
        optimiser.step()
    return loaded - imported, time.perf_counter() - loaded


print(imported - started, *main())
