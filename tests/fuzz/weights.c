/* Fuzz target: permutation specifications and the documents of signatures.
 * SPDX-License-Identifier: MIT */
#include "document.h"

#include "weights/permutation_spec.h"
#include "weights/signature_stream.h"

/* What was read is written, and read again. */
static void check_spec(struct pl_context *context, const struct pl_meta_node *root)
{
    struct pl_permutation_spec spec = {0}, again = {0};
    struct pl_meta written = {0};
    if (pl_spec_read(context, &spec, root) == PL_OK &&
        (pl_spec_write(context, &spec, &written) != PL_OK ||
         pl_spec_read(context, &again, written.root) != PL_OK ||
         again.tensor_count != spec.tensor_count || again.group_count != spec.group_count))
        abort();
    pl_meta_release(&written);
    pl_spec_release(&spec);
    pl_spec_release(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct pl_context context = {0};
    struct pl_meta meta = {0};
    struct pl_signature signature = {0};
    if (pl_meta_parse(&context, &meta, "fuzz", (const char *)bytes, size) == PL_OK && meta.root) {
        check_spec(&context, meta.root);
        if (pl_signature_read(&context, meta.root, &signature) == PL_OK)
            pl_signature_release(&signature);
    }
    pl_meta_release(&meta);
    return 0;
}
