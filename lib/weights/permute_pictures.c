/* Pictures and nets for what wm-permute does with data.
 * SPDX-License-Identifier: MIT */
#include "weights/permute_pictures.h"

#include "models/image_stream.h"

enum pl_status pl_permute_open_pictures(struct pl_context *context,
                                        const struct pl_permute *permute, const char *path,
                                        bool labels, struct pl_permute_pictures *pictures)
{
    struct pl_source source;
    enum pl_status status = pl_input_bundle(context, path, NULL, &source, &pictures->bundle);
    if (!status)
        status = pl_pictures_read(context, &pictures->all, &pictures->bundle);
    if (!status && (pictures->all.count == 0 || (labels && !pictures->all.labels)))
        status = pl_fail(context, PL_BAD_DATA, "%s: there are no %s", pictures->bundle.source,
                         pictures->all.count ? "labels" : "pictures");
    const int64_t most = permute->options->samples;
    pictures->count = most < pictures->all.count ? most : pictures->all.count;
    return status;
}

void pl_permute_close_pictures(struct pl_permute_pictures *pictures)
{
    pl_pictures_release(&pictures->all);
    pl_bundle_release(&pictures->bundle);
}

enum pl_status pl_permute_read_net(struct pl_context *context, const struct pl_permute *permute,
                                   size_t model, const struct pl_permute_pictures *pictures,
                                   struct pl_image_net *net)
{
    if (pl_image_read(context, net, &permute->weights[model].bundle))
        return context->status;
    return pl_image_fits(context, net, &pictures->all);
}
