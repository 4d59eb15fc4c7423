/* What the fuzz targets of documents share: what is read and written reads again as the same.
 * SPDX-License-Identifier: MIT */
#ifndef PL_TESTS_FUZZ_DOCUMENT_H
#define PL_TESTS_FUZZ_DOCUMENT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/meta.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

typedef enum pl_status fuzz_parse(struct pl_context *context, struct pl_meta *meta,
                                  const char *name, const char *text, size_t size);
typedef enum pl_status fuzz_write(struct pl_context *context, const struct pl_meta_node *node,
                                  struct pl_buffer *out);

static inline int fuzz_document(fuzz_parse *parse, fuzz_write *write, const uint8_t *bytes,
                                size_t size)
{
    struct pl_context context = {0};
    struct pl_meta first = {0}, second = {0};
    struct pl_buffer once = {0}, twice = {0};
    char *copy = malloc(size ? size : 1);
    if (!copy) {
        abort();
    }
    if (size > 0) {
        memcpy(copy, bytes, size);
    }
    if (parse(&context, &first, "fuzz", copy, size) == PL_OK && first.root &&
        write(&context, first.root, &once) == PL_OK) {
        bool same = parse(&context, &second, "again", once.data, once.size) == PL_OK &&
                    write(&context, second.root, &twice) == PL_OK && once.size == twice.size &&
                    memcmp(once.data, twice.data, once.size) == 0;
        if (!same) {
            fprintf(stderr, "%s\n---\n%s\n---\n%s\n", context.message, once.data, twice.data);
            abort();
        }
    }
    pl_meta_release(&first);
    pl_meta_release(&second);
    pl_buffer_release(&once);
    pl_buffer_release(&twice);
    free(copy);
    return 0;
}

#endif
