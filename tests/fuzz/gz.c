/* Fuzz target: gzip data, and what the sniffer makes of the bytes inside and out.
 * SPDX-License-Identifier: MIT */
#include "import.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct pl_context context = {0};
    struct pl_bytes input;
    const uint8_t *data;
    size_t count = 1, total = 0;
    const char *refusal;
    char *copy = fuzz_copy(bytes, size);
    pl_format_sniff(copy, size, &refusal);
    pl_bytes_memory(&input, "fuzz", copy, size);
    while (pl_bytes_peek(&context, &input, 1, &data, &count) == PL_OK && count > 0 &&
           total < (64 << 20)) { /* a bomb is inflated no further */
        pl_format_sniff(data, count, &refusal);
        pl_bytes_skip(&input, count);
        total += count;
    }
    pl_bytes_close(&input);
    free(copy);
    return 0;
}
