/* How well a codebook is used.
 * SPDX-License-Identifier: MIT */
#include "quantize/usage.h"

#include <math.h>

struct pl_usage pl_usage_of(const int64_t *counts, int64_t codes)
{
    struct pl_usage usage = {0};
    double total = 0, entropy = 0;
    for (int64_t j = 0; j < codes; j++)
        total += (double)counts[j];
    for (int64_t j = 0; j < codes; j++) {
        double share = (double)counts[j] / total;
        usage.used += counts[j] > 0;
        entropy -= counts[j] > 0 ? share * log(share) : 0;
    }
    usage.share = codes > 0 ? (double)usage.used / (double)codes : 0;
    usage.perplexity = usage.used > 0 ? exp(entropy) : 0;
    usage.bits = usage.used > 0 ? entropy / log(2) : 0;
    return usage;
}
