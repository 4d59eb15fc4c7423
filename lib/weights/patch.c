/* Adding signatures to a model, and taking them off again.
 * SPDX-License-Identifier: MIT
 *
 * The model is read in one pass and written in the same order, except that what a tensor was before
 * stands in front of it.  Elements go by in pieces; only the codes of the signatures of one tensor
 * are in memory. */
#include "weights/patch.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc32.h"
#include "models/model_stream.h"
#include "stream/pattern.h"

static const char undo_prefix[] = "rws.undo.";

enum { LONG_NAME = PL_NAME_MAX + 16 };

/* ---- What is in the model ---------------------------------------------------------------- */

void pl_patching_release(struct pl_patching *patching)
{
    for (size_t i = 0; i < patching->count; i++)
        pl_signature_release(&patching->patches[i].signature);
    for (size_t i = 0; i < patching->file_count; i++)
        pl_element_source_close(&patching->files[i]);
    pl_element_source_close(&patching->model);
    pl_arena_release(&patching->arena);
}

static enum pl_status read_patch(struct pl_context *context, struct pl_patching *patching,
                                 const struct pl_meta_node *node)
{
    struct pl_patch *patch = &patching->patches[patching->count];
    *patch = (struct pl_patch){.scale = 1, .source = &patching->model};
    if (pl_meta_real(context, node, "scale", &patch->scale) ||
        pl_meta_bool(context, node, "undo", &patch->undo) ||
        pl_signature_read(context, node, &patch->signature))
        return context->status;
    patching->count++;
    return PL_OK;
}

enum pl_status pl_patching_open(struct pl_context *context, struct pl_patching *patching,
                                const char *path, size_t more)
{
    struct pl_meta meta = {0};
    enum pl_status status = pl_element_source_open(context, &patching->model, path);
    if (!status)
        status = pl_element_source_document(context, &patching->model, "rws", &meta);
    const struct pl_meta_node *list = meta.root ? pl_meta_find(meta.root, "signatures") : NULL;
    if (list && list->kind != PL_META_LIST)
        list = NULL;
    patching->room = more + (list ? list->count : 0);
    if (!status) {
        patching->patches =
            pl_arena_new(context, &patching->arena, patching->room, sizeof *patching->patches);
        patching->files =
            pl_arena_new(context, &patching->arena, patching->room, sizeof *patching->files);
        status = patching->patches && patching->files ? PL_OK : context->status;
    }
    for (const struct pl_meta_node *node = list ? list->child : NULL; node && !status;
         node = node->next)
        if ((status = read_patch(context, patching, node)))
            pl_fail_at(context, "%s: meta rws", pl_element_source_name(&patching->model));
    pl_meta_release(&meta);
    return status;
}

static struct pl_patch *find_patch(const struct pl_patching *patching, const char *name)
{
    for (size_t i = 0; i < patching->count; i++)
        if (strcmp(patching->patches[i].signature.name, name) == 0)
            return &patching->patches[i];
    return NULL;
}

enum pl_status pl_patching_add(struct pl_context *context, struct pl_patching *patching,
                               const char *path, double scale)
{
    struct pl_element_source *file = &patching->files[patching->file_count++];
    struct pl_patch *patch = &patching->patches[patching->count];
    struct pl_meta meta = {0};
    *patch =
        (struct pl_patch){.scale = scale, .undo = patching->undo, .fresh = true, .source = file};
    enum pl_status status = pl_element_source_open(context, file, path);
    if (!status)
        status = pl_element_source_document(context, file, "signature", &meta);
    if (!status && !meta.root)
        status = pl_fail(context, PL_BAD_DATA, "%s: expected a signature; rws-extract makes one",
                         pl_element_source_name(file));
    if (!status && (status = pl_signature_read(context, meta.root, &patch->signature)))
        pl_fail_at(context, "%s: meta signature", pl_element_source_name(file));
    pl_meta_release(&meta);
    if (status)
        return status;
    if (find_patch(patching, patch->signature.name))
        status = pl_fail(context, PL_BAD_DATA,
                         "%s: the signature '%s' is in the model already; remove it first",
                         pl_element_source_name(file), patch->signature.name);
    if (status)
        pl_signature_release(&patch->signature);
    else
        patching->count++;
    return status;
}

static enum pl_status no_such_patch(struct pl_context *context, const struct pl_patching *patching,
                                    const char *name)
{
    struct pl_name_list list = {0};
    enum pl_status status = PL_OK;
    const char *model = pl_element_source_name(&patching->model);
    if (patching->count == 0)
        return pl_fail(context, PL_BAD_DATA, "%s: no signature '%s' to remove; there is none",
                       model, name);
    for (size_t i = 0; i < patching->count && !status; i++)
        status = pl_name_list_add(context, &list, patching->patches[i].signature.name);
    if (!status)
        status = pl_fail(context, PL_BAD_DATA, "%s: no signature '%s' to remove; there is %s",
                         model, name, pl_name_list_text(context, &list));
    pl_name_list_release(&list);
    return status;
}

enum pl_status pl_patching_remove(struct pl_context *context, struct pl_patching *patching,
                                  const char *name)
{
    const bool all = strcmp(name, "all") == 0 && patching->count > 0;
    size_t kept = 0;
    if (!all && !find_patch(patching, name))
        return no_such_patch(context, patching, name);
    for (size_t i = 0; i < patching->count; i++) {
        struct pl_patch *patch = &patching->patches[i];
        const bool wanted = all || strcmp(patch->signature.name, name) == 0;
        if (wanted && !patch->undo)
            return pl_fail(context, PL_BAD_DATA,
                           "%s: the signature '%s' cannot be removed: it was put in with --no-undo",
                           pl_element_source_name(&patching->model), patch->signature.name);
        if (wanted)
            pl_signature_release(&patch->signature);
        else
            patching->patches[kept++] = *patch;
    }
    patching->count = kept;
    return PL_OK;
}

/* ---- Names of records -------------------------------------------------------------------- */

/* "rws.undo.TENSOR"; PL_BAD_DATA when that is too long for a name. */
static enum pl_status undo_name(struct pl_context *context, const char *tensor,
                                char name[LONG_NAME])
{
    if (snprintf(name, LONG_NAME, "%s%s", undo_prefix, tensor) > PL_NAME_MAX)
        return pl_fail(context, PL_BAD_DATA, "'%s' is too long a name to keep for later", name);
    return PL_OK;
}

/* The delta record of a signature in the stream that it comes from, or as it travels along. */
static enum pl_status delta_name(struct pl_context *context, const struct pl_patch *patch,
                                 const char *tensor, bool fresh, char name[LONG_NAME])
{
    if (fresh) {
        snprintf(name, LONG_NAME, "delta.%s", tensor);
        return PL_OK;
    }
    char inner[PL_NAME_MAX + 1];
    if (snprintf(inner, sizeof inner, "signature:%s:%s", patch->signature.name, tensor) >
        PL_NAME_MAX)
        return pl_fail(context, PL_BAD_DATA, "'%s' and '%s' are too long names to keep for later",
                       patch->signature.name, tensor);
    return undo_name(context, inner, name);
}

/* The tensor before any patch: under rws.undo if it was replaced before. */
static enum pl_status find_base(struct pl_context *context, struct pl_patching *patching,
                                const char *tensor, const struct pl_directory_entry **base)
{
    char name[LONG_NAME];
    if (undo_name(context, tensor, name))
        return context->status;
    *base = pl_element_source_find(context, &patching->model, name);
    if (!*base)
        *base = pl_element_source_find(context, &patching->model, tensor);
    return PL_OK;
}

/* ---- Checking ---------------------------------------------------------------------------- */

static enum pl_status check_delta(struct pl_context *context, const struct pl_patch *patch,
                                  const struct pl_signature_tensor *tensor, struct pl_buffer *list)
{
    char name[LONG_NAME];
    if (delta_name(context, patch, tensor->name, patch->fresh, name))
        return context->status;
    const struct pl_directory_entry *entry = pl_element_source_find(context, patch->source, name);
    const enum pl_dtype dtype = tensor->quantiser.levels ? PL_U8 : PL_F32;
    if (entry && entry->dtype == dtype && pl_directory_bytes(entry) == pl_signature_bytes(tensor))
        return PL_OK;
    return pl_buffer_printf(context, list, "%s'%s' of %s is %s", list->size ? ", " : "", name,
                            pl_element_source_name(patch->source), entry ? "damaged" : "missing");
}

static enum pl_status check_tensor(struct pl_context *context, struct pl_patching *patching,
                                   const struct pl_signature_tensor *tensor, struct pl_buffer *list)
{
    const struct pl_directory_entry *entry =
        pl_element_source_find(context, &patching->model, tensor->name);
    struct pl_buffer a = {0}, b = {0};
    enum pl_status status = PL_OK;
    const char *separator = list->size ? ", " : "";
    if (!entry) {
        status = pl_buffer_printf(context, list, "%sno '%s'", separator, tensor->name);
    } else if (!pl_dtype_is_float(entry->dtype)) {
        status = pl_buffer_printf(context, list, "%s'%s' holds no float numbers", separator,
                                  tensor->name);
    } else if (entry->rank != tensor->rank ||
               memcmp(entry->dims, tensor->dims, (size_t)entry->rank * sizeof *entry->dims) != 0) {
        status = pl_shape_text(context, &a, entry->rank, entry->dims);
        if (!status)
            status = pl_shape_text(context, &b, tensor->rank, tensor->dims);
        if (!status)
            status = pl_buffer_printf(context, list, "%s'%s' is %s, not %s", separator,
                                      tensor->name, a.data, b.data);
    }
    pl_buffer_release(&a);
    pl_buffer_release(&b);
    return status;
}

/* Whether the clean tensors are those beside which the signature was made. */
static enum pl_status check_base(struct pl_context *context, struct pl_patching *patching,
                                 const struct pl_patch *patch)
{
    uint32_t sum = 0;
    for (size_t t = 0; t < patch->signature.count; t++) {
        const struct pl_directory_entry *base = NULL;
        struct pl_elements elements;
        const void *piece;
        int64_t count = 1;
        if (find_base(context, patching, patch->signature.tensors[t].name, &base) ||
            pl_elements_start(context, &elements, patching->model.store.reader, base))
            return context->status;
        while (count > 0) {
            if (pl_elements_next(context, &elements, &piece, &count))
                return context->status;
            sum = pl_crc32(sum, piece, (size_t)count * pl_dtype_size(base->dtype));
        }
    }
    if (sum == patch->signature.base)
        return PL_OK;
    if (patching->strict)
        return pl_fail(context, PL_BAD_DATA,
                       "%s: the signature '%s' was made beside another clean model",
                       pl_element_source_name(&patching->model), patch->signature.name);
    pl_warn(context, "the signature '%s' was made beside another clean model: it is transferred",
            patch->signature.name);
    return PL_OK;
}

static bool is_fresh(const struct pl_patching *patching)
{
    for (size_t i = 0; i < patching->count; i++)
        if (patching->patches[i].fresh)
            return true;
    return false;
}

/* Means and variances were counted with other weights. */
static void warn_of_norms(struct pl_context *context, const struct pl_patching *patching)
{
    const struct pl_directory *directory = &patching->model.store.directory;
    for (size_t i = 0; i < directory->count; i++)
        if (pl_model_is_statistic(directory->entries[i].name) && is_fresh(patching)) {
            pl_warn(context, "running statistics of norms stay as they are; accuracy may suffer");
            return;
        }
}

enum pl_status pl_patching_check(struct pl_context *context, struct pl_patching *patching)
{
    struct pl_buffer list = {0};
    enum pl_status status = PL_OK;
    for (size_t i = 0; i < patching->count && !status; i++) {
        struct pl_patch *patch = &patching->patches[i];
        const size_t before = list.size;
        if (!patch->fresh && !patch->undo) /* part of the model for good */
            continue;
        for (size_t t = 0; t < patch->signature.count && !status; t++) {
            status = check_tensor(context, patching, &patch->signature.tensors[t], &list);
            if (!status)
                status = check_delta(context, patch, &patch->signature.tensors[t], &list);
        }
        if (!status && list.size > before)
            status = pl_buffer_printf(context, &list, " (signature '%s')", patch->signature.name);
    }
    if (!status && list.size)
        status = pl_fail(context, PL_BAD_DATA, "%s: not the model of this signature: %s",
                         pl_element_source_name(&patching->model), list.data);
    pl_buffer_release(&list);
    for (size_t i = 0; i < patching->count && !status; i++)
        if (patching->patches[i].fresh)
            status = check_base(context, patching, &patching->patches[i]);
    if (!status)
        warn_of_norms(context, patching);
    return status;
}

/* ---- Writing ----------------------------------------------------------------------------- */

/* The signatures that have a say in one tensor, with their codes. */
struct change {
    const struct pl_patch *patch;
    const struct pl_signature_tensor *tensor;
    void *delta;
};

struct changes {
    struct change *items; /* [patches] */
    size_t count;
};

static void release_changes(struct changes *changes)
{
    for (size_t i = 0; i < changes->count; i++)
        free(changes->items[i].delta);
    free(changes->items);
}

static enum pl_status load_changes(struct pl_context *context, struct pl_patching *patching,
                                   const char *tensor, struct changes *changes)
{
    *changes = (struct changes){.items = pl_new(context, patching->count, sizeof *changes->items)};
    if (!changes->items)
        return context->status;
    for (size_t i = 0; i < patching->count; i++) {
        const struct pl_patch *patch = &patching->patches[i];
        const struct pl_signature_tensor *found = pl_signature_find(&patch->signature, tensor);
        char name[LONG_NAME];
        if (!found || (!patch->fresh && !patch->undo))
            continue;
        if (delta_name(context, patch, tensor, patch->fresh, name))
            return context->status;
        struct change *change = &changes->items[changes->count++];
        *change = (struct change){patch, found, NULL};
        if (pl_element_source_load(context, patch->source,
                                   pl_element_source_find(context, patch->source, name),
                                   &change->delta))
            return context->status;
    }
    return PL_OK;
}

/* base + sum of scale delta, rounded once, piece by piece. */
static enum pl_status add_changes(struct pl_context *context, struct pl_patching *patching,
                                  const struct pl_directory_entry *base, const char *name,
                                  const struct changes *changes, struct pl_writer *writer)
{
    struct pl_elements elements;
    const void *piece;
    int64_t count, first = 0;
    enum pl_status status =
        pl_elements_start(context, &elements, patching->model.store.reader, base);
    if (!status)
        status = pl_writer_begin(context, writer, name, base->dtype, base->rank, base->dims);
    while (!status && !(status = pl_elements_next(context, &elements, &piece, &count)) &&
           count > 0) {
        const size_t size = pl_dtype_size(base->dtype);
        double *values = pl_new(context, (size_t)count, sizeof *values);
        void *rounded = pl_new(context, (size_t)count, size);
        status = values && rounded ? PL_OK : PL_SYSTEM;
        if (!status)
            status = pl_convert(context, piece, base->dtype, values, PL_F64, count);
        for (size_t i = 0; i < changes->count && !status; i++)
            pl_signature_add(changes->items[i].tensor, changes->items[i].delta,
                             changes->items[i].patch->scale, first, count, values);
        for (int64_t i = 0; i < count && !status; i++)
            if (!isfinite(values[i]))
                status = pl_fail(context, PL_BAD_DATA, "'%s': element %lld becomes %g", name,
                                 (long long)(first + i), values[i]);
        if (!status)
            status = pl_convert(context, values, PL_F64, rounded, base->dtype, count);
        if (!status)
            status = pl_writer_bytes(context, writer, changes->count ? rounded : piece,
                                     (size_t)count * size);
        free(values);
        free(rounded);
        first += count;
    }
    return status ? status : pl_writer_finish(context, writer);
}

/* The tensor as it was, and the codes, for whoever removes a signature later. */
static enum pl_status write_undo(struct pl_context *context, struct pl_patching *patching,
                                 const struct pl_directory_entry *base, const char *tensor,
                                 const struct changes *changes, struct pl_writer *writer)
{
    static const struct changes none = {NULL, 0};
    char name[LONG_NAME];
    enum pl_status status = undo_name(context, tensor, name);
    if (!status)
        status = add_changes(context, patching, base, name, &none, writer);
    for (size_t i = 0; i < changes->count && !status; i++) {
        const struct change *change = &changes->items[i];
        const int64_t size = (int64_t)pl_signature_bytes(change->tensor);
        struct pl_tensor delta = pl_tensor_view(PL_U8, 1, &size, change->delta);
        if (change->tensor->quantiser.levels == 0)
            delta =
                pl_tensor_view(PL_F32, change->tensor->rank, change->tensor->dims, change->delta);
        status = delta_name(context, change->patch, tensor, false, name);
        if (!status)
            status = pl_writer_tensor(context, writer, name, &delta, PL_CODEC_RAW);
    }
    return status;
}

/* A tensor that has been replaced, is now, or both. */
static enum pl_status write_tensor(struct pl_context *context, struct pl_patching *patching,
                                   const char *name, struct pl_writer *writer)
{
    const struct pl_directory_entry *base = NULL;
    struct changes changes;
    if (find_base(context, patching, name, &base))
        return context->status;
    enum pl_status status = load_changes(context, patching, name, &changes);
    if (!status && changes.count > 0 && patching->undo)
        status = write_undo(context, patching, base, name, &changes, writer);
    if (!status)
        status = add_changes(context, patching, base, name, &changes, writer);
    patching->replaced += changes.count > 0;
    release_changes(&changes);
    return status;
}

static enum pl_status write_document(struct pl_context *context, const struct pl_patching *patching,
                                     struct pl_writer *writer)
{
    struct pl_meta meta = {.name = "rws"};
    struct pl_meta_node *root = pl_meta_add_map(context, &meta, NULL, NULL);
    struct pl_meta_node *list = pl_meta_add_list(context, &meta, root, "signatures");
    for (size_t i = 0; i < patching->count; i++) {
        const struct pl_patch *patch = &patching->patches[i];
        struct pl_meta_node *map = pl_meta_add_map(context, &meta, list, NULL);
        pl_meta_add_real(context, &meta, map, "scale", patch->scale);
        pl_meta_add_bool(context, &meta, map, "undo", patch->undo && patching->undo);
        pl_signature_write(context, &patch->signature, &meta, map);
    }
    enum pl_status status = pl_meta_ok(&meta, context) ? PL_OK : context->status;
    if (!status)
        status = pl_writer_meta(context, writer, "rws", root);
    pl_meta_release(&meta);
    return status;
}

/* Whether some signature has a say in the tensor, or had. */
static bool is_touched(struct pl_context *context, struct pl_patching *patching, const char *name)
{
    char undo[LONG_NAME];
    for (size_t i = 0; i < patching->count; i++)
        if ((patching->patches[i].fresh || patching->patches[i].undo) &&
            pl_signature_find(&patching->patches[i].signature, name))
            return true;
    snprintf(undo, sizeof undo, "%s%s", undo_prefix, name);
    return pl_element_source_find(context, &patching->model, undo) != NULL;
}

static enum pl_status write_record(struct pl_context *context, struct pl_patching *patching,
                                   const struct pl_header *header, struct pl_writer *writer)
{
    const bool meta = header->kind == PL_RECORD_META;
    const bool part = header->kind == PL_RECORD_CHUNK || header->kind == PL_RECORD_CLOSE;
    if (meta && (strcmp(header->name, "history") == 0 || strcmp(header->name, "rws") == 0))
        return PL_OK;
    if (header->kind == PL_RECORD_TENSOR || part) {
        if (strncmp(header->name, undo_prefix, sizeof undo_prefix - 1) == 0)
            return PL_OK;
        if (is_touched(context, patching, header->name))
            return part ? PL_OK : write_tensor(context, patching, header->name, writer);
    }
    return pl_writer_copy(context, writer, patching->model.store.reader, NULL);
}

enum pl_status pl_patching_write(struct pl_context *context, struct pl_patching *patching,
                                 struct pl_writer *writer)
{
    struct pl_reader *reader = patching->model.store.reader;
    const struct pl_record *record;
    bool listed = patching->count == 0;
    enum pl_status status = pl_reader_seek(context, reader, patching->model.store.directory.begin);
    while (!status && !(status = pl_reader_next(context, reader, &record)) && record &&
           record->header.kind != PL_RECORD_END) {
        const struct pl_header header = record->header;
        const uint64_t at = record->offset;
        const bool kind = header.kind == PL_RECORD_META && strcmp(header.name, "stream") == 0;
        if (!listed && !kind) {
            status = write_document(context, patching, writer);
            listed = true;
        }
        if (!status)
            status = write_record(context, patching, &header, writer);
        /* The reader was elsewhere for a tensor that was replaced: on from here. */
        if (!status && header.kind == PL_RECORD_TENSOR)
            status = pl_reader_seek(context, reader, at);
        if (!status && header.kind == PL_RECORD_TENSOR)
            status = pl_reader_next(context, reader, &record);
    }
    return status;
}
