/* Fuzz target: a file of CIFAR-10.
 * SPDX-License-Identifier: MIT */
#include "import.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    return fuzz_file(pl_cifar_import, bytes, size);
}
