/* Language models at work, in double precision.
 * SPDX-License-Identifier: MIT */
#define TOLERANCE 1e-10
#include "lm_cases.h"
