/* The layers of a network in the order of its file.
 * SPDX-License-Identifier: MIT
 *
 * A tensor's layer is named by what stands before the last dot: conv0.weight and conv0.bias are
 * `conv0`, to which norm0 (or bn0) belongs, too.  A residual block, layer1.0 with all that is below
 * it, is one layer. */
#include "weights/layers.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* Length of the name of a residual block, "layer1.0"; 0 when the name does not begin with one. */
static size_t block_name(const char *name)
{
    int size = 0;
    if (sscanf(name, "layer%*u.%*u%n", &size) < 0 || size == 0 || name[size] != '.')
        return 0;
    return (size_t)size;
}

/* The name of the layer that a tensor belongs to. */
static void layer_name(const char *name, char out[PL_NAME_MAX + 1])
{
    const char *dot = strrchr(name, '.');
    size_t block = block_name(name), size = block ? block
                                            : dot ? (size_t)(dot - name)
                                                  : strlen(name);
    size_t norm = strncmp(name, "norm", 4) == 0 ? 4 : strncmp(name, "bn", 2) == 0 ? 2 : 0;
    if (norm && norm < size && isdigit((unsigned char)name[norm]))
        snprintf(out, PL_NAME_MAX + 1, "conv%.*s", (int)(size - norm), name + norm);
    else
        snprintf(out, PL_NAME_MAX + 1, "%.*s", (int)size, name);
}

static bool same_layer(const char *a, const char *b)
{
    char of_a[PL_NAME_MAX + 1], of_b[PL_NAME_MAX + 1];
    layer_name(a, of_a);
    layer_name(b, of_b);
    return strcmp(of_a, of_b) == 0;
}

/* Numbers all layers that have a tensor of this rank and no number yet. */
static void number_rank(const struct pl_directory_entry *tensors, size_t count, int rank,
                        struct pl_layer_list *layers)
{
    for (size_t i = 0; i < count; i++) {
        if (tensors[i].rank != rank || layers->layer[i] >= 0 ||
            !pl_dtype_is_float(tensors[i].dtype))
            continue;
        for (size_t j = 0; j < count; j++)
            if (same_layer(tensors[i].name, tensors[j].name))
                layers->layer[j] = layers->count;
        layers->count++;
    }
}

enum pl_status pl_layers_number(struct pl_context *context, struct pl_arena *arena,
                                const struct pl_directory_entry *tensors, size_t count,
                                struct pl_layer_list *layers)
{
    *layers =
        (struct pl_layer_list){.layer = pl_arena_new(context, arena, count, sizeof *layers->layer)};
    if (!layers->layer)
        return context->status;
    for (size_t i = 0; i < count; i++)
        layers->layer[i] = -1;
    number_rank(tensors, count, 4, layers);
    layers->convolutions = layers->count;
    number_rank(tensors, count, 2, layers);
    return PL_OK;
}

int pl_layers_compare(const char *a, const char *b)
{
    while (*a && *b) {
        if (isdigit((unsigned char)*a) && isdigit((unsigned char)*b)) {
            size_t size_a = strspn(a, "0123456789"), size_b = strspn(b, "0123456789");
            int order = size_a == size_b ? strncmp(a, b, size_a) : size_a < size_b ? -1 : 1;
            if (order)
                return order;
            a += size_a, b += size_b;
        } else if (*a != *b) {
            break;
        } else {
            a++, b++;
        }
    }
    return (unsigned char)*a - (unsigned char)*b;
}

/* Whether two names are the same but for a number in the same place. */
static bool differ_by_number(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    if (!isdigit((unsigned char)*a) || !isdigit((unsigned char)*b))
        return false;
    a += strspn(a, "0123456789"), b += strspn(b, "0123456789");
    return strcmp(a, b) == 0;
}

bool pl_layers_in_order(const struct pl_directory_entry *tensors, size_t count, const char **before,
                        const char **after)
{
    for (size_t i = 0; i < count; i++)
        for (size_t j = i + 1; j < count; j++)
            if (differ_by_number(tensors[i].name, tensors[j].name) &&
                pl_layers_compare(tensors[i].name, tensors[j].name) > 0) {
                *before = tensors[i].name;
                *after = tensors[j].name;
                return false;
            }
    return true;
}
