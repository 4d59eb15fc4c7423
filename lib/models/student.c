/* What the linear models that are made from a pretrained transformer share.
 * SPDX-License-Identifier: MIT */
#include "models/student.h"

#include <string.h>

#include "base/number.h"

struct pl_attention pl_student_shape(const struct pl_student_options *options)
{
    return pl_softmax_shape(&options->lm, &options->softmax);
}

int64_t pl_student_positions(const void *options)
{
    return ((const struct pl_student_options *)options)->softmax.positions;
}

/* The number at the front of a list, which moves on; -1 for what is none. */
static int64_t next_layer(const char **list)
{
    const size_t size = strcspn(*list, ",");
    int64_t layer;
    if (!pl_parse_int64(*list, size, &layer) || layer < 0)
        return -1;
    *list += size + ((*list)[size] == ',');
    return layer;
}

static bool is_none(const char *list)
{
    return strcmp(list, "none") == 0;
}

static enum pl_status check_layers(struct pl_context *context, const char *list, int64_t layers)
{
    for (const char *at = list; !is_none(list) && *at;) {
        const int64_t layer = next_layer(&at);
        if (layer < 0 || layer >= layers)
            return pl_fail(
                context, PL_USAGE,
                "--set softmax-layers='%s': expected layers from 0 to %lld, separated by "
                "commas",
                list, (long long)layers - 1);
    }
    return PL_OK;
}

bool pl_student_keeps(const struct pl_student_options *options, int64_t layer)
{
    const char *list = options->kept;
    while (!is_none(list) && *list) {
        const int64_t next = next_layer(&list);
        if (next == layer || next < 0)
            return next == layer;
    }
    return false;
}

enum pl_status pl_student_check(struct pl_context *context,
                                const struct pl_student_options *options)
{
    enum pl_status status = pl_softmax_check(context, &options->lm, &options->softmax);
    return status ? status : check_layers(context, options->kept, options->lm.layers);
}

void *pl_student_declare(struct pl_context *context, struct pl_parameters *parameters,
                         const struct pl_student_options *options, const char *prefix, size_t size)
{
    void *layer = pl_arena_new(context, &parameters->arena, 1, size);
    if (!layer ||
        pl_softmax_declare(context, parameters, &options->lm, &options->softmax, prefix, layer))
        return NULL;
    return layer;
}
