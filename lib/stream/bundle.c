/* One segment of a stream held in memory.
 * SPDX-License-Identifier: MIT */
#include "stream/bundle.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum { LIST_LEAST = 16 };

/* Chunked tensors of which more rows may come. */
struct joins {
    struct {
        size_t tensor; /* index in the bundle */
        struct pl_buffer rows;
    } open[PL_OPEN_MAX];
    int count;
};

static int find_join(const struct joins *joins, const struct pl_bundle *bundle, const char *name)
{
    int i = joins->count - 1;
    while (i >= 0 && strcmp(bundle->tensors[joins->open[i].tensor].name, name) != 0)
        i--;
    return i; /* the reader lets no chunk pass that has none */
}

/* Room for one more item of a list that holds count; lists double at powers of two. */
static enum pl_status grow(struct pl_context *context, void **list, size_t count, size_t size)
{
    if (count & (count - 1) || (count > 0 && count < LIST_LEAST))
        return PL_OK;
    void *larger = pl_resize(context, *list, count ? 2 * count : LIST_LEAST, size);
    if (!larger)
        return context->status;
    *list = larger;
    return PL_OK;
}

static enum pl_status add_tensor(struct pl_context *context, struct pl_bundle *bundle,
                                 struct pl_reader *reader, const struct pl_header *header,
                                 struct joins *joins)
{
    void *list = bundle->tensors;
    enum pl_status status = grow(context, &list, bundle->tensor_count, sizeof *bundle->tensors);
    if (status)
        return status;
    bundle->tensors = list;
    struct pl_bundle_tensor *added = &bundle->tensors[bundle->tensor_count];
    added->name = pl_copy_text(context, header->name);
    if (!added->name)
        return context->status;
    added->tensor = pl_tensor_view(header->dtype, header->rank, header->dims, NULL);
    bundle->tensor_count++;
    if (!header->chunked)
        return pl_reader_tensor(context, reader, &added->tensor);
    joins->open[joins->count].tensor = bundle->tensor_count - 1;
    joins->open[joins->count].rows = (struct pl_buffer){0};
    joins->count++;
    return PL_OK;
}

static enum pl_status add_rows(struct pl_context *context, const struct pl_bundle *bundle,
                               struct pl_reader *reader, const struct pl_header *header,
                               struct joins *joins)
{
    struct pl_buffer *rows = &joins->open[find_join(joins, bundle, header->name)].rows;
    for (;;) {
        const void *elements;
        int64_t count;
        enum pl_status status = pl_reader_elements(context, reader, &elements, &count);
        if (status || count == 0)
            return status;
        status =
            pl_buffer_append(context, rows, elements, (size_t)count * pl_dtype_size(header->dtype));
        if (status)
            return status;
    }
}

/* Makes the rows of a closed tensor its data. */
static enum pl_status close_tensor(struct pl_context *context, struct pl_bundle *bundle,
                                   const struct pl_header *header, struct joins *joins)
{
    int at = find_join(joins, bundle, header->name);
    struct pl_buffer *rows = &joins->open[at].rows;
    struct pl_tensor *tensor = &bundle->tensors[joins->open[at].tensor].tensor;
    enum pl_status status = pl_buffer_reserve(context, rows, 0); /* data even for no rows */
    if (status)
        return status;
    tensor->dims[0] = header->rows;
    tensor->data = rows->data;
    tensor->owned = true;
    joins->open[at] = joins->open[--joins->count];
    return PL_OK;
}

static enum pl_status add_document(struct pl_context *context, struct pl_bundle *bundle,
                                   struct pl_reader *reader, const char *name)
{
    void *list = bundle->documents;
    enum pl_status status = grow(context, &list, bundle->document_count, sizeof *bundle->documents);
    if (status)
        return status;
    bundle->documents = list;
    struct pl_bundle_document *added = &bundle->documents[bundle->document_count];
    *added = (struct pl_bundle_document){.name = pl_copy_text(context, name)};
    if (!added->name)
        return context->status;
    bundle->document_count++;
    return pl_reader_meta(context, reader, &added->meta);
}

static enum pl_status add_record(struct pl_context *context, struct pl_bundle *bundle,
                                 struct pl_reader *reader, const struct pl_header *header,
                                 struct joins *joins)
{
    switch (header->kind) {
    case PL_RECORD_TENSOR:
        return add_tensor(context, bundle, reader, header, joins);
    case PL_RECORD_CHUNK:
        return add_rows(context, bundle, reader, header, joins);
    case PL_RECORD_CLOSE:
        return close_tensor(context, bundle, header, joins);
    case PL_RECORD_META:
        return add_document(context, bundle, reader, header->name);
    case PL_RECORD_END:
    case PL_RECORD_ERROR:
    case PL_RECORD_PRIVATE:
        break;
    }
    return PL_OK;
}

enum pl_status pl_bundle_read(struct pl_context *context, struct pl_bundle *bundle,
                              struct pl_reader *reader, bool *found)
{
    struct joins joins = {.count = 0};
    const struct pl_record *record = NULL;
    *found = false;
    pl_reader_keep_views(reader);
    *bundle = (struct pl_bundle){.source = pl_copy_text(context, pl_reader_name(reader))};
    enum pl_status status = bundle->source ? PL_OK : context->status;
    bool over = false;
    while (status == PL_OK && !over) {
        status = pl_reader_next(context, reader, &record);
        if (status == PL_OK && record)
            status = add_record(context, bundle, reader, &record->header, &joins);
        over = !record || record->header.kind == PL_RECORD_END;
    }
    for (int i = 0; i < joins.count; i++)
        pl_buffer_release(&joins.open[i].rows);
    *found = status == PL_OK && record;
    bundle->sum = *found ? pl_reader_sum(reader) : 0;
    if (!*found)
        pl_bundle_release(bundle);
    return status;
}

void pl_bundle_release(struct pl_bundle *bundle)
{
    for (size_t i = 0; i < bundle->tensor_count; i++) {
        free(bundle->tensors[i].name);
        pl_tensor_release(&bundle->tensors[i].tensor);
    }
    for (size_t i = 0; i < bundle->document_count; i++) {
        free(bundle->documents[i].name);
        pl_meta_release(&bundle->documents[i].meta);
    }
    free(bundle->tensors);
    free(bundle->documents);
    free(bundle->source);
    pl_reader_close(bundle->reader);
    memset(bundle, 0, sizeof *bundle);
}

const struct pl_tensor *pl_bundle_tensor(const struct pl_bundle *bundle, const char *name)
{
    for (size_t i = 0; i < bundle->tensor_count; i++)
        if (strcmp(bundle->tensors[i].name, name) == 0)
            return &bundle->tensors[i].tensor;
    return NULL;
}

const struct pl_meta_node *pl_bundle_document(const struct pl_bundle *bundle, const char *name)
{
    for (size_t i = bundle->document_count; i > 0; i--) /* of several the last one counts */
        if (strcmp(bundle->documents[i - 1].name, name) == 0)
            return bundle->documents[i - 1].meta.root;
    return NULL;
}

bool pl_kind_is_series(const char *kind)
{
    return strcmp(kind, "series") == 0 || strcmp(kind, "forecast") == 0;
}

const char *pl_bundle_kind(const struct pl_bundle *bundle)
{
    const struct pl_meta_node *kind = pl_meta_find(pl_bundle_document(bundle, "stream"), "kind");
    return kind && kind->kind == PL_META_SCALAR ? kind->text : "tensors";
}
