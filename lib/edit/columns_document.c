/* The document `series` for a part of its columns.
 * SPDX-License-Identifier: MIT
 *
 * The document tells where the columns that are not numbers stood in the table that the series came
 * from: its maps `time`, `clock`, `id` and the items of its list `text` have a `column`, counted
 * from 1.  The numbers fill the other places in order.  So that the table can be written again,
 * places are counted anew without the columns that go. */
#include <stdlib.h>
#include <string.h>

#include "edit/columns.h"

/* What rewriting the document needs. */
struct rewriting {
    struct pl_context *context;
    const struct pl_columns *columns;
    struct pl_patterns *patterns;
    const struct pl_renames *renames;
    struct pl_meta *out;
    int64_t *gone; /* [gone_count] ascending places of dropped columns, from 1 */
    int64_t gone_count;
};

static int64_t place_of(const struct pl_meta_node *item)
{
    struct pl_context unused = {0};
    int64_t place = 0;
    return pl_meta_int(&unused, item, "column", &place) == PL_OK ? place : 0;
}

static const char *tensor_of(const struct pl_meta_node *item)
{
    const struct pl_meta_node *tensor = pl_meta_find(item, "tensor");
    return tensor && tensor->kind == PL_META_SCALAR ? tensor->text : "";
}

static int compare_places(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

/* A column with a tensor of its own: is that kept? */
static bool keeps_item(const struct rewriting *rewriting, const struct pl_meta_node *item)
{
    const char *key = item->key;
    const char *tensor = !key ? tensor_of(item) : strcmp(key, "clock") == 0 ? "time" : key;
    return pl_columns_keep(rewriting->columns, rewriting->patterns, tensor);
}

/* Notes the place of such a column, and whether it goes. */
static void take_place(struct rewriting *rewriting, const struct pl_meta_node *item, int64_t *taken,
                       size_t *taken_count)
{
    int64_t place = item ? place_of(item) : 0;
    if (place < 1)
        return;
    taken[(*taken_count)++] = place;
    if (!keeps_item(rewriting, item))
        rewriting->gone[rewriting->gone_count++] = place;
}

/* Lists the places of columns that go: numbers fill the places that the document does not name. */
static enum pl_status find_gone(struct rewriting *rewriting, const struct pl_meta_node *document)
{
    static const char *const singles[] = {"time", "clock", "id"};
    const struct pl_columns *columns = rewriting->columns;
    const struct pl_meta_node *texts = pl_meta_find(document, "text");
    size_t most = 3 + (texts ? texts->count : 0), taken_count = 0;
    int64_t *taken = pl_new(rewriting->context, most, sizeof *taken), next = 0, pick = 0;
    rewriting->gone =
        pl_new(rewriting->context, most + (size_t)columns->names.count, sizeof *taken);
    if (!taken || !rewriting->gone) {
        free(taken);
        return PL_SYSTEM;
    }
    for (size_t i = 0; i < 3; i++)
        take_place(rewriting, pl_meta_find(document, singles[i]), taken, &taken_count);
    for (const struct pl_meta_node *item = texts ? texts->child : NULL; item; item = item->next)
        take_place(rewriting, item, taken, &taken_count);
    qsort(taken, taken_count, sizeof *taken, compare_places);
    size_t t = 0;
    for (int64_t i = 0; i < columns->names.count; i++) {
        for (next++; t < taken_count && taken[t] <= next; t++)
            next += taken[t] == next;
        if (pick < columns->count && columns->picks[pick] == i)
            pick++;
        else
            rewriting->gone[rewriting->gone_count++] = next;
    }
    qsort(rewriting->gone, (size_t)rewriting->gone_count, sizeof *taken, compare_places);
    free(taken);
    return PL_OK;
}

/* A place counted anew: less the dropped columns before it. */
static int64_t new_place(const struct rewriting *rewriting, int64_t place)
{
    int64_t before = 0;
    while (before < rewriting->gone_count && rewriting->gone[before] < place)
        before++;
    return place - before;
}

/* Copies one column's entry with its new place and names. */
static enum pl_status copy_item(struct rewriting *rewriting, struct pl_meta_node *parent,
                                const struct pl_meta_node *item)
{
    struct pl_context *context = rewriting->context;
    struct pl_meta_node *copy = pl_meta_add_map(context, rewriting->out, parent, item->key);
    enum pl_status status = PL_OK;
    bool is_text = !item->key;
    for (const struct pl_meta_node *field = item->child; field && field->key && copy && !status;
         field = field->next) {
        char name[PL_NAME_MAX + 1];
        bool named = strcmp(field->key, "name") == 0 || strcmp(field->key, "tensor") == 0;
        if (strcmp(field->key, "column") == 0) {
            pl_meta_add_int(context, rewriting->out, copy, "column",
                            new_place(rewriting, place_of(item)));
        } else if (is_text && named && field->text && strlen(field->text) <= PL_NAME_MAX) {
            status = pl_renames_apply(context, rewriting->renames, field->text, name);
            if (status == PL_OK)
                pl_meta_add_text(context, rewriting->out, copy, field->key, name);
        } else {
            pl_meta_add_copy(context, rewriting->out, copy, NULL, field);
        }
    }
    return status;
}

static enum pl_status copy_texts(struct rewriting *rewriting, struct pl_meta_node *root,
                                 const struct pl_meta_node *texts)
{
    struct pl_meta_node *list = NULL;
    enum pl_status status = PL_OK;
    for (const struct pl_meta_node *item = texts->child; item && status == PL_OK;
         item = item->next) {
        if (!keeps_item(rewriting, item))
            continue;
        if (!list)
            list = pl_meta_add_list(rewriting->context, rewriting->out, root, "text");
        status = copy_item(rewriting, list, item);
    }
    return status;
}

/* `target` names a column: it goes with it, and is renamed with it. */
static enum pl_status copy_target(struct rewriting *rewriting, struct pl_meta_node *root,
                                  const struct pl_meta_node *target)
{
    const struct pl_columns *columns = rewriting->columns;
    for (int64_t i = 0; i < columns->count; i++) {
        char name[PL_NAME_MAX + 1];
        if (strcmp(columns->names.items[columns->picks[i]], target->text) != 0 ||
            strlen(target->text) > PL_NAME_MAX)
            continue;
        enum pl_status status =
            pl_renames_apply(rewriting->context, rewriting->renames, target->text, name);
        if (status == PL_OK)
            pl_meta_add_text(rewriting->context, rewriting->out, root, "target", name);
        return status;
    }
    return PL_OK;
}

enum pl_status pl_columns_document(struct pl_context *context, const struct pl_columns *columns,
                                   struct pl_patterns *patterns, const struct pl_renames *renames,
                                   const struct pl_meta_node *document, struct pl_meta *out)
{
    struct rewriting rewriting = {.context = context,
                                  .columns = columns,
                                  .patterns = patterns,
                                  .renames = renames,
                                  .out = out};
    *out = (struct pl_meta){0};
    struct pl_meta_node *root = pl_meta_add_map(context, out, NULL, NULL);
    enum pl_status status = find_gone(&rewriting, document);
    for (const struct pl_meta_node *node = document ? document->child : NULL;
         node && node->key && status == PL_OK; node = node->next) {
        if (node->kind == PL_META_MAP && pl_meta_find(node, "column"))
            status = keeps_item(&rewriting, node) ? copy_item(&rewriting, root, node) : PL_OK;
        else if (node->kind == PL_META_LIST && strcmp(node->key, "text") == 0)
            status = copy_texts(&rewriting, root, node);
        else if (node->kind == PL_META_SCALAR && strcmp(node->key, "target") == 0)
            status = copy_target(&rewriting, root, node);
        else
            pl_meta_add_copy(context, out, root, NULL, node);
    }
    free(rewriting.gone);
    if (status == PL_OK && !pl_meta_ok(out, context))
        status = context->status;
    return status;
}
