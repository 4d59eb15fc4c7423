/* Fuzz target: an NPY file.
 * SPDX-License-Identifier: MIT */
#include "import.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    return fuzz_file(pl_npy_import, bytes, size);
}
