/* Fuzz target: a safetensors file.
 * SPDX-License-Identifier: MIT */
#include "import.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    return fuzz_file(pl_safetensors_import, bytes, size);
}
