/* Robust weight signatures against their reference: projection, layers, quantisation, patches.
 * SPDX-License-Identifier: MIT */
#include "vectors.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "weights/layers.h"
#include "weights/signature.h"

enum { MOST_TENSORS = 256, NAME_SIZE = 160 };

/* The network whose weights the file holds several times. */
struct net {
    struct pl_directory_entry tensors[MOST_TENSORS];
    size_t count;
    struct pl_layer_list layers;
};

static void read_net(struct vectors *vectors, struct net *net)
{
    static const char prefix[] = "clean.";
    const struct pl_bundle *bundle = &vectors->file->bundle;
    for (size_t i = 0; i < bundle->tensor_count && net->count < MOST_TENSORS; i++) {
        if (strncmp(bundle->tensors[i].name, prefix, sizeof prefix - 1) != 0)
            continue;
        struct pl_directory_entry *entry = &net->tensors[net->count++];
        entry->name = bundle->tensors[i].name + sizeof prefix - 1;
        entry->rank = bundle->tensors[i].tensor.rank;
        entry->dtype = bundle->tensors[i].tensor.dtype;
        entry->dims[0] = pl_tensor_count(&bundle->tensors[i].tensor);
    }
    vectors_ok(vectors, pl_layers_number(&vectors->context, &vectors->arena, net->tensors,
                                         net->count, &net->layers));
}

static bool is_convolution(const struct net *net, size_t tensor)
{
    return net->layers.layer[tensor] >= 0 && net->layers.layer[tensor] < net->layers.convolutions;
}

/* r of one tensor for one corruption. */
static double *project(struct vectors *vectors, const struct pl_directory_entry *tensor,
                       int corruption)
{
    const int64_t count = tensor->dims[0];
    const double *start = vectors_doubles(vectors, count, "pretrained.%s", tensor->name);
    const double *clean = vectors_doubles(vectors, count, "clean.%s", tensor->name);
    const double *robust =
        vectors_doubles(vectors, count, "corrupt%d.%s", corruption, tensor->name);
    double *r = vectors_new(vectors, count, sizeof *r);
    struct pl_projection projection = {0};
    if (start && clean && robust) {
        pl_projection_add(&projection, start, clean, robust, count);
        pl_projection_apply(&projection, start, clean, robust, count, r);
    }
    return r;
}

static void check_signature(struct vectors *vectors, const struct pl_directory_entry *tensor)
{
    const int64_t count = tensor->dims[0];
    double *r = project(vectors, tensor, 0), dot = 0, rr = 0, aa = 0;
    const double *start = vectors_doubles(vectors, count, "pretrained.%s", tensor->name);
    const double *clean = vectors_doubles(vectors, count, "clean.%s", tensor->name);
    for (int64_t i = 0; start && clean && i < count; i++) {
        dot += r[i] * (clean[i] - start[i]);
        rr += r[i] * r[i];
        aa += (clean[i] - start[i]) * (clean[i] - start[i]);
    }
    vectors_compare(vectors, r, count, 1e-12, 1e-10, "signature0.%s", tensor->name);
    vectors_compare(vectors, &dot, 1, 1e-10 * sqrt(rr * aa) + 1e-14, 0, "dot_with_clean_vector.%s",
                    tensor->name);
}

/* What a patch of the first `keep` layers is made of. */
struct patch {
    const char *name;
    int keep, first, last; /* corruptions first..last-1 */
    double scale;
    int64_t levels; /* 0: not quantised */
    enum pl_quantise kind;
};

static void quantise(const struct patch *patch, double *r, int64_t count)
{
    struct pl_quantiser quantiser = pl_quantiser_open(patch->kind, patch->levels);
    pl_quantiser_widen(&quantiser, r, count);
    pl_quantiser_close(&quantiser, false);
    int bits = pl_quantiser_bits(&quantiser);
    uint8_t packed[8] = {0}; /* through its packed form, one by one */
    for (int64_t i = 0; i < count; i++) {
        memset(packed, 0, sizeof packed);
        pl_bits_put(packed, i % 3, bits, pl_quantiser_code(&quantiser, r[i]));
        r[i] = pl_quantiser_value(&quantiser, pl_bits_get(packed, i % 3, bits));
    }
}

static void check_patch(struct vectors *vectors, const struct net *net, const struct patch *patch)
{
    for (size_t t = 0; t < net->count; t++) {
        const struct pl_directory_entry *tensor = &net->tensors[t];
        const int64_t count = tensor->dims[0];
        const double *clean = vectors_doubles(vectors, count, "clean.%s", tensor->name);
        double *sum = vectors_new(vectors, count, sizeof *sum);
        if (!is_convolution(net, t) || !clean)
            continue;
        memcpy(sum, clean, (size_t)count * sizeof *sum);
        for (int c = patch->first; c < patch->last && net->layers.layer[t] < patch->keep; c++) {
            double *r = project(vectors, tensor, c);
            if (patch->levels)
                quantise(patch, r, count);
            for (int64_t i = 0; i < count; i++)
                sum[i] += patch->scale * r[i];
        }
        vectors_compare(vectors, sum, count, 1e-12, patch->levels ? 1e-9 : 1e-10, "%s.%s",
                        patch->name, tensor->name);
    }
}

/* Weights of other layers are there for their order alone. */
static void take_rest(struct vectors *vectors, const struct net *net)
{
    for (size_t t = 0; t < net->count; t++)
        for (int c = 0; c < 3; c++)
            project(vectors, &net->tensors[t], c);
}

void check_rws(struct vectors *vectors)
{
    /* The reference multiplies the strength in twice: 0.5 is 0.25, 1/3 is 1/9. */
    static const struct patch patches[] = {
        {"patched_k2", 2, 0, 1, 1, 0, 0},
        {"patched_k3", 3, 0, 1, 1, 0, 0},
        {"patched_k2_alpha0.5", 2, 0, 1, 0.25, 0, 0},
        {"patched_k3_three_avg", 3, 0, 3, 1.0 / 9, 0, 0},
        {"patched_k3_linear4", 3, 1, 2, 1, 4, PL_QUANTISE_LINEAR},
        {"patched_k3_linear16", 3, 1, 2, 1, 16, PL_QUANTISE_LINEAR},
        {"patched_k3_linear256", 3, 1, 2, 1, 256, PL_QUANTISE_LINEAR},
        {"patched_k3_tanh16", 3, 1, 2, 1, 16, PL_QUANTISE_TANH},
        {"patched_k3_log16", 3, 1, 2, 1, 16, PL_QUANTISE_LOG},
    };
    struct net *net = vectors_new(vectors, 1, sizeof *net);
    read_net(vectors, net);
    if (!net->layers.layer)
        return;
    for (size_t t = 0; t < net->count; t++)
        if (is_convolution(net, t))
            check_signature(vectors, &net->tensors[t]);
    for (size_t i = 0; i < sizeof patches / sizeof *patches; i++)
        check_patch(vectors, net, &patches[i]);
    take_rest(vectors, net);
}
