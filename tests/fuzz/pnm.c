/* Fuzz target: a PGM or PPM picture.
 * SPDX-License-Identifier: MIT */
#include "import.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    return fuzz_file(pl_pnm_import, bytes, size);
}
