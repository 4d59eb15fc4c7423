/* The state of a language model as a stream: see lm_state.h.
 * SPDX-License-Identifier: MIT */
#include "models/lm_state.h"

#include <stdio.h>
#include <string.h>

#include "models/lm_decode.h"

enum { SUM_SIZE = 10 }; /* "x01234567" */

static void format_sum(uint32_t sum, char out[SUM_SIZE])
{
    snprintf(out, SUM_SIZE, "x%08x", (unsigned)sum);
}

/* ---- Writing ------------------------------------------------------------------------------ */

/* Of one text the rows of a growing item stand together, whatever room there is behind them. */
static struct pl_tensor view_item(const struct pl_state_item *item)
{
    const struct pl_variable *variable = &item->variable;
    return pl_tensor_view(PL_REAL_DTYPE, variable->rank, variable->dims, variable->value);
}

static enum pl_status write_document(struct pl_context *context, const struct pl_lm *lm,
                                     uint32_t sum, const struct pl_state *state, int32_t pending,
                                     struct pl_writer *writer)
{
    struct pl_meta meta = {0};
    char text[SUM_SIZE];
    struct pl_meta_node *root = pl_meta_add_map(context, &meta, NULL, NULL);
    format_sum(sum, text);
    pl_meta_add_text(context, &meta, root, "type", lm->type->name);
    pl_meta_add_text(context, &meta, root, "sum", text);
    pl_meta_add_int(context, &meta, root, "position", state->position);
    pl_meta_add_int(context, &meta, root, "pending", pending);
    struct pl_meta_node *node = pl_meta_add_map(context, &meta, root, "configuration");
    for (const struct pl_option *option = lm->type->options; option->name; option++)
        pl_option_write(context, option, lm->options, &meta, node);
    enum pl_status status = pl_meta_ok(&meta, context)
                                ? pl_writer_meta(context, writer, "state", meta.root)
                                : context->status;
    pl_meta_release(&meta);
    return status;
}

enum pl_status pl_lm_state_write(struct pl_context *context, const struct pl_lm *lm, uint32_t sum,
                                 const struct pl_state *state, int32_t pending,
                                 struct pl_writer *writer)
{
    if (pl_writer_kind(context, writer, "state") ||
        write_document(context, lm, sum, state, pending, writer))
        return context->status;
    for (size_t i = 0; i < state->count; i++) {
        struct pl_tensor view = view_item(&state->items[i]);
        if (pl_writer_tensor(context, writer, state->items[i].name, &view, PL_CODEC_RAW))
            return context->status;
    }
    return PL_OK;
}

/* ---- Reading ------------------------------------------------------------------------------ */

/* The option's value in the state must be the model's. */
static enum pl_status compare_option(struct pl_context *context, const struct pl_lm *lm,
                                     const struct pl_option *option,
                                     const struct pl_meta_node *configuration)
{
    struct pl_meta meta = {0};
    struct pl_meta_node *own = pl_meta_add_map(context, &meta, NULL, NULL);
    const char *text = "not told";
    pl_option_write(context, option, lm->options, &meta, own);
    enum pl_status status = pl_meta_ok(&meta, context) ? PL_OK : context->status;
    if (!status)
        status = pl_meta_text(context, configuration, option->name, &text);
    if (!status && strcmp(text, own->child->text) != 0)
        status =
            pl_fail(context, PL_BAD_DATA, "the state of another model: %s is %s, the model's %s",
                    option->name, text, own->child->text);
    pl_meta_release(&meta);
    return status;
}

static enum pl_status read_document(struct pl_context *context, const struct pl_lm *lm,
                                    uint32_t sum, const struct pl_bundle *bundle, int64_t *position,
                                    int32_t *pending)
{
    const struct pl_meta_node *root = pl_bundle_document(bundle, "state");
    const char *type = "", *text = "";
    char own[SUM_SIZE];
    int64_t last = -1;
    *position = -1;
    if (strcmp(pl_bundle_kind(bundle), "state") != 0)
        return pl_fail(context, PL_BAD_DATA, "expected a state, found %s", pl_bundle_kind(bundle));
    if (!root)
        return pl_fail(context, PL_BAD_DATA, "the state has no document 'state'");
    if (pl_meta_text(context, root, "type", &type) || pl_meta_text(context, root, "sum", &text) ||
        pl_meta_int(context, root, "position", position) ||
        pl_meta_int(context, root, "pending", &last))
        return context->status;
    if (strcmp(type, lm->type->name) != 0)
        return pl_fail(context, PL_BAD_DATA,
                       "the state of another model: type is %s, the model's %s", type,
                       lm->type->name);
    for (const struct pl_option *option = lm->type->options; option->name; option++)
        if (compare_option(context, lm, option, pl_meta_find(root, "configuration")))
            return context->status;
    if (*position < 0 || last < 0 || last >= pl_lm_options(lm)->vocabulary)
        return pl_fail(context, PL_BAD_DATA, "position %lld and pending token %lld make no sense",
                       (long long)*position, (long long)last);
    *pending = (int32_t)last;
    format_sum(sum, own);
    if (strcmp(text, own) != 0)
        pl_warn(context, "%s: the state of other weights: their sum is %s, the model's %s",
                bundle->source, text, own);
    return PL_OK;
}

/* What is wrong with the tensor of an item that is to be like one of another text; NULL: nothing.
 */
static const char *find_fault(const struct pl_tensor *tensor, const struct pl_state_item *like,
                              int64_t position)
{
    const struct pl_variable *variable = &like->variable;
    int64_t dims[PL_MAX_RANK];
    memcpy(dims, variable->dims, sizeof dims);
    if (like->room > 0)
        dims[1] = position;
    if (!tensor)
        return "missing";
    if (tensor->rank != variable->rank ||
        memcmp(tensor->dims, dims, (size_t)tensor->rank * sizeof *dims) != 0)
        return "wrong shape of";
    return pl_dtype_is_float(tensor->dtype) ? NULL : "no float numbers in";
}

/* Makes the item that the tensor holds. */
static enum pl_status read_item(struct pl_context *context, struct pl_state *state,
                                const char *name, const struct pl_tensor *tensor, bool grows)
{
    int64_t dims[PL_MAX_RANK + 1] = {0}, room;
    memcpy(dims, tensor->dims, sizeof tensor->dims);
    struct pl_variable *variable =
        grows ? pl_state_grow(context, state, dims[1], dims[2], &room, "%s", name)
              : pl_state_get(context, state, dims, "%s", name);
    if (!variable)
        return context->status;
    if (pl_convert(context, tensor->data, tensor->dtype, variable->value, PL_REAL_DTYPE,
                   variable->count))
        return pl_fail_at(context, "'%s'", name);
    for (int64_t i = 0; i < variable->count; i++)
        if (!isfinite(variable->value[i]))
            return pl_fail(context, PL_BAD_DATA, "'%s': element %lld is %g: the state is damaged",
                           name, (long long)i, (double)variable->value[i]);
    return PL_OK;
}

/* The items of a state that has taken in a token are those that there are to be. */
static enum pl_status read_items(struct pl_context *context, const struct pl_bundle *bundle,
                                 const struct pl_state *like, int64_t position,
                                 struct pl_state *state)
{
    struct pl_buffer list = {0};
    enum pl_status status = PL_OK;
    for (size_t i = 0; i < like->count && !status; i++) {
        const struct pl_state_item *item = &like->items[i];
        const struct pl_tensor *tensor = pl_bundle_tensor(bundle, item->name);
        const char *fault = find_fault(tensor, item, position);
        if (fault)
            status = pl_buffer_printf(context, &list, "%s%s '%s'", list.size ? ", " : "", fault,
                                      item->name);
        else
            status = read_item(context, state, item->name, tensor, item->room > 0);
    }
    if (!status && !list.size && bundle->tensor_count > like->count)
        status = pl_buffer_printf(context, &list, "%zu tensors instead of %zu",
                                  bundle->tensor_count, like->count);
    if (!status && list.size)
        status = pl_fail(context, PL_BAD_DATA, "not a state of this model: %s", list.data);
    pl_buffer_release(&list);
    state->position = position;
    return status;
}

enum pl_status pl_lm_state_read(struct pl_context *context, const struct pl_lm *lm, uint32_t sum,
                                const struct pl_bundle *bundle, struct pl_state *state,
                                int32_t *pending)
{
    struct pl_lm_decoder like;
    int64_t position;
    pl_lm_decoder_init(&like, lm);
    enum pl_status status = read_document(context, lm, sum, bundle, &position, pending);
    if (!status && position > 0)
        status = pl_lm_decoder_take(context, &like, (const int32_t[]){0}, 1);
    if (!status)
        status = read_items(context, bundle, &like.state, position, state);
    pl_lm_decoder_release(&like);
    return status ? pl_fail_at(context, "%s", bundle->source) : PL_OK;
}
