/* Fuzz target: a PyTorch file in any of its formats.
 * SPDX-License-Identifier: MIT */
#include "import.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    return fuzz_file(pl_pytorch_import, bytes, size);
}
