/* Fuzz target: the document of a stream of codes.
 * SPDX-License-Identifier: MIT */
#include "document.h"

#include "quantize/codes.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct pl_context context = {0};
    struct pl_meta meta = {0};
    struct pl_codes codes;
    char *copy = malloc(size + 1);
    if (!copy) {
        abort();
    }
    memcpy(copy, bytes, size);
    if (pl_meta_parse(&context, &meta, "fuzz", copy, size) == PL_OK && meta.root &&
        pl_codes_read(&context, &codes, meta.root, "fuzz") == PL_OK) {
        pl_codes_release(&codes);
    }
    pl_meta_release(&meta);
    free(copy);
    return 0;
}
