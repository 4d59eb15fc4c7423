/* Fuzz target: YAML documents.
 * SPDX-License-Identifier: MIT */
#include "document.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    return fuzz_document(pl_meta_parse, pl_meta_write, bytes, size);
}
