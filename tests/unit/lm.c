/* Language models at work, in single precision.
 * SPDX-License-Identifier: MIT */
#define TOLERANCE 1e-4
#include "lm_cases.h"
