"""The nearest of many codes by SciPy.

usage: vq_scipy.py CODES WIDTH VECTORS

Prints vectors a second, on normal numbers in single precision.
SPDX-License-Identifier: MIT
"""

import sys
import time

import numpy as np
from scipy.cluster.vq import vq

codes, width, vectors = map(int, sys.argv[1:])
random = np.random.default_rng(1)
codebook = random.standard_normal((codes, width), dtype=np.float32)
data = random.standard_normal((vectors, width), dtype=np.float32)
started = time.perf_counter()
vq(data, codebook)
print(vectors / (time.perf_counter() - started))
