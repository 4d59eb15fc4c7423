/* Fuzz target: a config.json; what is accepted must be written again and mean the same.
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "formats/hf.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct pl_context context = {0};
    struct pl_meta config = {0}, again = {0};
    struct pl_checkpoint model, copy;
    if (!pl_json_parse(&context, &config, "config.json", (const char *)bytes, size) &&
        config.root && config.root->kind == PL_META_MAP &&
        !pl_hf_config_read(&context, config.root, &model)) {
        if (pl_hf_config_write(&context, &model, config.root, &again) ||
            pl_hf_config_read(&context, again.root, &copy) || copy.dim != model.dim ||
            copy.heads != model.heads || copy.kv_heads != model.kv_heads ||
            copy.head_dim != model.head_dim || copy.mlp != model.mlp ||
            copy.layers != model.layers || copy.positions != model.positions) {
            abort();
        }
    }
    pl_meta_release(&again);
    pl_meta_release(&config);
    return 0;
}
