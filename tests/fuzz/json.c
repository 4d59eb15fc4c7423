/* Fuzz target: JSON documents.
 * SPDX-License-Identifier: MIT */
#include "document.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    return fuzz_document(pl_json_parse, pl_json_write, bytes, size);
}
