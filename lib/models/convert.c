/* A transformer's configuration as that of a linear model.
 * SPDX-License-Identifier: MIT */
#include "models/convert.h"

#include <string.h>

enum { MOST_OPTIONS = 64 };

/* What the type calls an option of transformers; NULL: it has none such. */
static const char *new_name(const struct pl_model_type *type, const char *name)
{
    if (strcmp(name, "window") == 0) /* of softmax: the type has another one */
        return "softmax-window";
    return pl_option_find(type->options, name) ? name : NULL;
}

static const char *setting_of(struct pl_context *context, struct pl_arena *arena, const char *key,
                              const char *value)
{
    const size_t size = strlen(key) + strlen(value) + 2;
    char *text = pl_arena_new(context, arena, size, 1);
    if (text) {
        strcpy(text, key);
        strcat(text, "=");
        strcat(text, value);
    }
    return text;
}

enum pl_status pl_convert_init(struct pl_context *context, struct pl_lm *lm,
                               const struct pl_meta_node *transformer,
                               const struct pl_model_type *type, const char *const *settings,
                               size_t setting_count)
{
    *lm = (struct pl_lm){.type = type};
    struct pl_arena arena = {0};
    const struct pl_meta_node *configuration = pl_meta_find(transformer, "configuration");
    const char *name = "nothing", **all;
    size_t count = 0;
    if (pl_meta_text(context, transformer, "type", &name))
        return context->status;
    if (strcmp(name, "transformer") != 0)
        return pl_fail(context, PL_BAD_DATA,
                       "%s converts causal transformers; this is a model of "
                       "type %s",
                       type->name, name);
    all = pl_arena_new(context, &arena, MOST_OPTIONS + setting_count, sizeof *all);
    enum pl_status status = all ? PL_OK : context->status;
    for (const struct pl_meta_node *node = configuration ? configuration->child : NULL;
         node && !status && count < MOST_OPTIONS; node = node->next) {
        const char *key = node->kind == PL_META_SCALAR ? new_name(type, node->key) : NULL;
        if (!key)
            continue;
        all[count] = setting_of(context, &arena, key, node->text);
        status = all[count++] ? PL_OK : context->status;
    }
    for (size_t i = 0; i < setting_count && !status; i++)
        all[count++] = settings[i];
    if (!status)
        status = pl_lm_init(context, lm, type, all, count, 0);
    if (!status)
        status = pl_meta_int(context, transformer, "sequence", &lm->sequence);
    pl_arena_release(&arena);
    return status;
}
