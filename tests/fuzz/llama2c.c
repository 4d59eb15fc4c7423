/* Fuzz target: a checkpoint of llama2.c.
 * SPDX-License-Identifier: MIT */
#include "import.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    return fuzz_file(pl_llama2c_import, bytes, size);
}
