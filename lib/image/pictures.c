/* Pictures with their classes: see pictures.h.
 * SPDX-License-Identifier: MIT */
#include "image/pictures.h"

#include <stdlib.h>
#include <string.h>

static enum pl_status read_pixels(struct pl_context *context, struct pl_pictures *pictures,
                                  const struct pl_bundle *bundle)
{
    const struct pl_tensor *images = pl_bundle_tensor(bundle, "images");
    if (!images)
        return pl_fail(context, PL_BAD_DATA,
                       "expected pictures, found a stream of kind %s without a tensor 'images' "
                       "(ts-import --images makes one)",
                       pl_bundle_kind(bundle));
    if (images->dtype != PL_U8 || images->rank != 4)
        return pl_fail(context, PL_BAD_DATA,
                       "'images' has rank %d and type %s instead of u8 [count, height, width, "
                       "channels]",
                       images->rank, pl_dtype_name(images->dtype));
    pictures->count = images->dims[0];
    pictures->height = images->dims[1];
    pictures->width = images->dims[2];
    pictures->channels = images->dims[3];
    pictures->pixels = images->data;
    if (pl_tensor_count(images) == 0)
        return pl_fail(context, PL_BAD_DATA, "'images' is empty");
    return PL_OK;
}

static enum pl_status read_labels(struct pl_context *context, struct pl_pictures *pictures,
                                  const struct pl_tensor *labels)
{
    if ((labels->dtype != PL_U8 && labels->dtype != PL_I32) || labels->rank != 1 ||
        labels->dims[0] != pictures->count)
        return pl_fail(context, PL_BAD_DATA, "'labels' must be u8 or i32 [%lld], one a picture",
                       (long long)pictures->count);
    pictures->labels = pl_new(context, (size_t)pictures->count, sizeof *pictures->labels);
    if (!pictures->labels)
        return context->status;
    for (int64_t i = 0; i < pictures->count; i++) {
        int32_t label = labels->dtype == PL_U8 ? ((const uint8_t *)labels->data)[i]
                                               : ((const int32_t *)labels->data)[i];
        if (label < 0 || label >= PL_CLASSES_MOST)
            return pl_fail(context, PL_BAD_DATA,
                           "'labels': element %lld is %d, no class from 0 to "
                           "%d",
                           (long long)i, label, PL_CLASSES_MOST - 1);
        pictures->labels[i] = label;
        pictures->classes = label >= pictures->classes ? label + 1 : pictures->classes;
    }
    return PL_OK;
}

enum pl_status pl_pictures_read(struct pl_context *context, struct pl_pictures *pictures,
                                const struct pl_bundle *bundle)
{
    const struct pl_tensor *labels = pl_bundle_tensor(bundle, "labels");
    *pictures = (struct pl_pictures){.source = bundle->source};
    enum pl_status status = read_pixels(context, pictures, bundle);
    if (!status && labels)
        status = read_labels(context, pictures, labels);
    return status ? pl_fail_at(context, "%s", bundle->source) : PL_OK;
}

void pl_pictures_release(struct pl_pictures *pictures)
{
    free(pictures->labels);
    *pictures = (struct pl_pictures){0};
}
