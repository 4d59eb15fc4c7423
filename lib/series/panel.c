/* Loading a panel: roles, series, the transposition.
 * SPDX-License-Identifier: MIT
 *
 * The order matters.  Columns get their roles first, since only those in use are looked at: a text
 * column or a hole in a column that nobody asked for is no reason to fail.  Then rows are cut into
 * series by id; each series' stamps decide how many rows it has on its grid (absent rows may have
 * to be inserted); the columns are copied there, one contiguous run each; and last the missing
 * cells are settled and the tracks cut into pieces. */
#include "series/panel.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "base/text.h"
#include "series/panel_parts.h"

#define DAY INT64_C(86400000000000)

/* ---- The bundle's tensors ---------------------------------------------------------------- */

static bool ends_in(const char *name, const char *end)
{
    size_t size = strlen(name), end_size = strlen(end);
    return size > end_size && strcmp(name + size - end_size, end) == 0;
}

/* `values`, or the only tensor there is. */
static const struct pl_bundle_tensor *find_values(const struct pl_bundle *bundle)
{
    for (size_t i = 0; i < bundle->tensor_count; i++)
        if (strcmp(bundle->tensors[i].name, "values") == 0)
            return &bundle->tensors[i];
    return bundle->tensor_count == 1 ? &bundle->tensors[0] : NULL;
}

static enum pl_status take_values(struct pl_context *context, const struct pl_bundle *bundle,
                                  struct pl_panel_source *source)
{
    const char *kind = pl_bundle_kind(bundle);
    const struct pl_bundle_tensor *found = find_values(bundle);
    if ((strcmp(kind, "series") != 0 && strcmp(kind, "tensors") != 0) || !found)
        return pl_fail(context, PL_BAD_DATA, "expected a series, got a stream of kind '%s'%s", kind,
                       found ? "" : " without a tensor 'values'");
    const struct pl_tensor *tensor = &found->tensor;
    if (tensor->rank < 1 || tensor->rank > 2)
        return pl_fail(context, PL_BAD_DATA, "'%s' has rank %d; a series is [rows, columns]",
                       found->name, tensor->rank);
    source->rows = tensor->dims[0];
    source->columns = tensor->rank == 2 ? tensor->dims[1] : 1;
    if (tensor->dtype != PL_F64) {
        if (pl_tensor_convert(context, tensor, PL_F64, &source->held))
            return pl_fail_at(context, "'%s'", found->name);
        tensor = &source->held;
    }
    source->values = tensor->data;
    return PL_OK;
}

static enum pl_status take_names(struct pl_context *context, struct pl_arena *arena,
                                 const struct pl_bundle *bundle, struct pl_panel_source *source)
{
    const struct pl_tensor *names = pl_bundle_tensor(bundle, "series.names");
    if (names) {
        if (pl_names_unpack(context, arena, names, "series.names", &source->names))
            return context->status;
        if (source->names.count != source->columns)
            return pl_fail(context, PL_BAD_DATA,
                           "'series.names' has %" PRId64 " names for %" PRId64 " columns",
                           source->names.count, source->columns);
        return PL_OK;
    }
    const char **items = pl_arena_new(context, arena, (size_t)source->columns, sizeof *items);
    for (int64_t i = 0; items && i < source->columns; i++) {
        char name[32];
        int size = snprintf(name, sizeof name, "column_%" PRId64, i + 1);
        items[i] = pl_arena_text(context, arena, name, (size_t)size);
        if (!items[i])
            return context->status;
    }
    source->names = (struct pl_names){items, source->columns};
    return items ? PL_OK : context->status;
}

static enum pl_status take_rows_tensor(struct pl_context *context, const struct pl_bundle *bundle,
                                       const char *name, enum pl_dtype dtype, int64_t rows,
                                       const void **data)
{
    const struct pl_tensor *tensor = pl_bundle_tensor(bundle, name);
    if (!tensor)
        return PL_OK;
    *data = tensor->data;
    return pl_tensor_expect(context, tensor, name, dtype, 1, &rows);
}

static enum pl_status take_source(struct pl_context *context, struct pl_arena *arena,
                                  const struct pl_bundle *bundle, struct pl_panel_source *source)
{
    const void *time = NULL, *id = NULL;
    if (take_values(context, bundle, source) || take_names(context, arena, bundle, source) ||
        take_rows_tensor(context, bundle, "time", PL_I64, source->rows, &time) ||
        take_rows_tensor(context, bundle, "id", PL_I32, source->rows, &id))
        return context->status;
    source->time = time;
    source->id = id;
    if (source->rows == 0)
        return pl_fail(context, PL_BAD_DATA, "the series has no rows");
    if (source->columns == 0)
        return pl_fail(context, PL_BAD_DATA, "the series has no numeric columns");
    for (int64_t i = 0; source->time && i < source->rows; i++)
        if (source->time[i] < PL_STAMP_FIRST || source->time[i] > PL_STAMP_LAST)
            return pl_fail(context, PL_BAD_DATA,
                           "row %" PRId64 ": the time lies outside of 1678 "
                           "to 2261; is the unit of its column right?",
                           i + 1);
    if (!source->id)
        return PL_OK;
    const struct pl_tensor *levels = pl_bundle_tensor(bundle, "id.levels");
    if (!levels)
        return pl_fail(context, PL_BAD_DATA, "'id' without 'id.levels'");
    return pl_names_unpack(context, arena, levels, "id.levels", &source->levels);
}

/* ---- Roles ------------------------------------------------------------------------------- */

static bool is_text_column(const struct pl_bundle *bundle, const char *name)
{
    char levels[PL_NAME_MAX + 8];
    return strlen(name) <= PL_NAME_MAX && snprintf(levels, sizeof levels, "%s.levels", name) > 0 &&
           pl_bundle_tensor(bundle, levels) && pl_bundle_tensor(bundle, name);
}

/* Whether the first word of a text column is a number with a decimal comma. */
static bool is_comma_number(const struct pl_bundle *bundle, const char *name)
{
    char levels[PL_NAME_MAX + 8], word[PL_NUMBER_SIZE];
    double value;
    snprintf(levels, sizeof levels, "%s.levels", name);
    const struct pl_tensor *tensor = pl_bundle_tensor(bundle, levels);
    size_t size = pl_tensor_bytes(tensor), length = size ? strnlen(tensor->data, size) : 0;
    if (length == 0 || length >= sizeof word)
        return false;
    memcpy(word, tensor->data, length);
    char *comma = memchr(word, ',', length);
    if (!comma)
        return false;
    *comma = '.';
    return pl_parse_double(word, length, &value);
}

static void warn_of_text(struct pl_context *context, const struct pl_panel *panel,
                         const struct pl_bundle *bundle)
{
    for (size_t i = 0; i < bundle->tensor_count; i++) {
        const char *name = bundle->tensors[i].name;
        if (strcmp(name, "id") != 0 && !ends_in(name, ".levels") && is_text_column(bundle, name))
            pl_warn(context, "%s: column '%s' is text and is left out%s", panel->source, name,
                    is_comma_number(bundle, name) ? " (--decimal-comma reads it as numbers)" : "");
    }
}

/* "no column 'x'; there are: a, b, c". */
static enum pl_status no_column(struct pl_context *context, const struct pl_bundle *bundle,
                                const struct pl_panel_source *source, const char *name)
{
    if (is_text_column(bundle, name))
        return pl_fail(context, PL_BAD_DATA, "column '%s' is text, not numbers", name);
    char list[PL_PLACE_SIZE];
    size_t used = 0;
    int64_t i = 0;
    for (; i < source->columns && used + strlen(source->names.items[i]) + 30 < sizeof list; i++)
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "",
                                 source->names.items[i]);
    if (i < source->columns)
        snprintf(list + used, sizeof list - used, " and %" PRId64 " more", source->columns - i);
    return pl_fail(context, PL_BAD_DATA, "no column '%s'; there are: %s", name, list);
}

struct roles {
    struct pl_name_index index; /* of the input's columns */
    bool *taken;                /* [input columns] has a role */
};

/* Why the column of names[i] is taken already. */
static enum pl_status taken_twice(struct pl_context *context, const struct pl_panel_source *source,
                                  const struct pl_names *names, int64_t i)
{
    const char *name = names->items[i];
    int64_t columns = 0;
    for (int64_t j = 0; j < i; j++)
        if (strcmp(names->items[j], name) == 0)
            return pl_fail(context, PL_BAD_DATA, "column '%s' is named twice", name);
    for (int64_t c = 0; c < source->columns; c++)
        columns += strcmp(source->names.items[c], name) == 0;
    return pl_fail(context, PL_BAD_DATA,
                   columns > 1 ? "two columns have the name '%s'" : "column '%s' has two roles",
                   name);
}

/* Appends named columns to the panel's. */
static enum pl_status take_columns(struct pl_context *context, struct pl_panel *panel,
                                   const struct pl_bundle *bundle, struct pl_panel_source *source,
                                   struct roles *roles, const struct pl_names *names)
{
    for (int64_t i = 0; i < names->count; i++) {
        int64_t column = pl_name_find(&roles->index, names->items[i]);
        if (column < 0)
            return no_column(context, bundle, source, names->items[i]);
        if (roles->taken[column])
            return taken_twice(context, source, names, i);
        roles->taken[column] = true;
        source->wanted[panel->column_count] = column;
        panel->columns[panel->column_count++] = source->names.items[column];
    }
    return PL_OK;
}

/* Targets that were not named: all columns without a role, or the last of them alone. */
static enum pl_status take_the_rest(struct pl_context *context, struct pl_panel *panel,
                                    const struct pl_bundle *bundle, struct pl_panel_source *source,
                                    const struct roles *others, bool last_only)
{
    struct roles roles = {.index = others->index};
    roles.taken = pl_arena_new(context, &panel->arena, (size_t)source->columns, sizeof(bool));
    if (!roles.taken)
        return context->status;
    for (int64_t i = source->columns - 1; i >= 0 && last_only; i--)
        if (!others->taken[i])
            return take_columns(context, panel, bundle, source, &roles,
                                &(struct pl_names){source->names.items + i, 1});
    for (int64_t i = 0; i < source->columns; i++)
        if (!others->taken[i] && take_columns(context, panel, bundle, source, &roles,
                                              &(struct pl_names){source->names.items + i, 1}))
            return context->status;
    if (panel->column_count == 0)
        return pl_fail(context, PL_BAD_DATA, "no column is left to forecast");
    return PL_OK;
}

static enum pl_status give_roles(struct pl_context *context, struct pl_panel *panel,
                                 const struct pl_bundle *bundle, struct pl_panel_source *source,
                                 const struct pl_panel_options *options)
{
    struct roles roles = {0};
    size_t columns = (size_t)source->columns;
    roles.taken = pl_arena_new(context, &panel->arena, columns, sizeof *roles.taken);
    panel->columns = pl_arena_new(context, &panel->arena, columns, sizeof *panel->columns);
    source->wanted = pl_arena_new(context, &panel->arena, columns, sizeof *source->wanted);
    if (!roles.taken || !panel->columns || !source->wanted ||
        pl_name_index_make(context, &panel->arena, &source->names, &roles.index))
        return context->status;

    /* Regressors are looked up first, so that they are not among the rest, but stand last. */
    if (options->targets.count == 0) {
        if (take_columns(context, panel, bundle, source, &roles, &options->past) ||
            take_columns(context, panel, bundle, source, &roles, &options->future))
            return context->status;
        panel->column_count = 0;
        if (take_the_rest(context, panel, bundle, source, &roles, options->target_only))
            return context->status;
        memset(roles.taken, 0, columns * sizeof *roles.taken);
    } else if (take_columns(context, panel, bundle, source, &roles, &options->targets)) {
        return context->status;
    }
    panel->target_count = panel->column_count;
    panel->past_count = options->past.count;
    panel->future_count = options->future.count;
    if (take_columns(context, panel, bundle, source, &roles, &options->past))
        return context->status;
    return take_columns(context, panel, bundle, source, &roles, &options->future);
}

/* ---- Series ------------------------------------------------------------------------------ */

/* Rows of each level; *grouped: they lie one level after the other already. */
static enum pl_status count_levels(struct pl_context *context, const struct pl_panel_source *source,
                                   int64_t *counts, bool *grouped)
{
    *grouped = true;
    for (int64_t row = 0; row < source->rows; row++) {
        int32_t id = source->id[row];
        if (id < 0 || id >= source->levels.count)
            return pl_fail(context, PL_BAD_DATA, "row %" PRId64 " has no series id", row + 1);
        counts[id]++;
        *grouped &= row == 0 || id >= source->id[row - 1];
    }
    return PL_OK;
}

/* The rows of every series in a run, in the order in which they came (a counting sort). */
static enum pl_status group_rows(struct pl_context *context, struct pl_panel *panel,
                                 struct pl_panel_source *source, int64_t *next)
{
    size_t rows = (size_t)source->rows;
    int64_t *order = pl_arena_new(context, &panel->arena, rows, sizeof *order);
    int64_t *time = pl_arena_new(context, &panel->arena, source->time ? rows : 0, sizeof *time);
    if (!order || !time)
        return context->status;
    for (int64_t row = 0; row < source->rows; row++) {
        int64_t to = next[source->id[row]]++;
        order[to] = row;
        if (source->time)
            time[to] = source->time[row];
    }
    source->order = order;
    source->time = source->time ? time : NULL;
    return PL_OK;
}

static enum pl_status cut_series(struct pl_context *context, struct pl_panel *panel,
                                 struct pl_panel_source *source)
{
    size_t most = source->id ? (size_t)source->levels.count : 1;
    int64_t *counts = pl_arena_new(context, &panel->arena, most, sizeof *counts);
    panel->series = pl_arena_new(context, &panel->arena, most, sizeof *panel->series);
    if (!counts || !panel->series)
        return context->status;
    if (!source->id) {
        panel->series[panel->series_count++] =
            (struct pl_panel_series){.name = "", .source = {0, source->rows}};
        return PL_OK;
    }
    bool grouped;
    if (count_levels(context, source, counts, &grouped))
        return context->status;
    int64_t begin = 0;
    for (int64_t level = 0; level < source->levels.count; level++) {
        int64_t count = counts[level];
        counts[level] = begin;
        if (count > 0)
            panel->series[panel->series_count++] = (struct pl_panel_series){
                .name = source->levels.items[level], .source = {begin, begin + count}};
        begin += count;
    }
    return grouped ? PL_OK : group_rows(context, panel, source, counts);
}

/* Copies the columns in use of one series out of the row-major input, 64 rows at a time so that
 * their cache lines are used whole. */
static void transpose(const struct pl_panel *panel, const struct pl_panel_source *source,
                      const struct pl_panel_series *series, int64_t stride, const int64_t *place)
{
    for (int64_t begin = series->source.begin; begin < series->source.end; begin += 64) {
        int64_t end = begin + 64 < series->source.end ? begin + 64 : series->source.end;
        for (int64_t column = 0; column < panel->column_count; column++) {
            const double *in = source->values + source->wanted[column];
            double *out = series->values + column * stride;
            for (int64_t row = begin; row < end; row++) {
                int64_t to = row - series->source.begin;
                int64_t from = source->order ? source->order[row] : row;
                out[place ? place[to] : to] = in[from * source->columns];
            }
        }
    }
}

static enum pl_status fill_series(struct pl_context *context, struct pl_panel *panel,
                                  const struct pl_panel_source *source,
                                  const struct pl_panel_options *options, int64_t index)
{
    struct pl_panel_series *series = &panel->series[index];
    int64_t *place, rows;
    size_t cells;
    if (pl_panel_settle_stamps(context, panel, source, options, index, &rows, &place))
        return context->status;
    if (!pl_mul_size((size_t)rows, (size_t)panel->column_count, &cells))
        return pl_fail(context, PL_SYSTEM, "the series is too large");
    series->values = pl_arena_new(context, &panel->arena, cells, sizeof(double));
    if (!series->values)
        return context->status;
    for (size_t i = 0; place && i < cells; i++)
        series->values[i] = NAN;
    transpose(panel, source, series, rows, place);
    series->rows = rows;
    /* Rows at the end that know nothing but the future columns are the future. */
    for (bool known = panel->future_count == 0; !known && series->rows > 0;) {
        for (int64_t target = 0; target < panel->target_count; target++)
            known |= !isnan(series->values[target * rows + series->rows - 1]);
        series->rows -= !known;
    }
    series->future_rows = rows - series->rows;
    panel->rows += series->rows;
    return PL_OK;
}

static bool all_midnight(const struct pl_panel *panel)
{
    for (int64_t s = 0; s < panel->series_count; s++) {
        const struct pl_panel_series *series = &panel->series[s];
        if (series->start % DAY != 0)
            return false;
        for (int64_t i = 0; series->stamps && i < series->rows; i++)
            if (series->stamps[i] % DAY != 0)
                return false;
    }
    return panel->step.months > 0 || panel->step.nanoseconds % DAY == 0;
}

static enum pl_status load(struct pl_context *context, struct pl_panel *panel,
                           const struct pl_bundle *bundle, const struct pl_panel_options *options,
                           struct pl_panel_source *source)
{
    if (take_source(context, &panel->arena, bundle, source) ||
        give_roles(context, panel, bundle, source, options) || cut_series(context, panel, source))
        return context->status;
    warn_of_text(context, panel, bundle);
    panel->long_format = source->id != NULL;
    panel->stamped = source->time != NULL;
    if (panel->stamped && pl_panel_find_step(context, panel, source, options))
        return context->status;
    for (int64_t s = 0; s < panel->series_count; s++)
        if (fill_series(context, panel, source, options, s))
            return context->status;
    panel->dates_only = panel->stamped && all_midnight(panel);
    if (pl_panel_settle_missing(context, panel, options))
        return context->status;
    return pl_panel_cut(context, panel, options);
}

enum pl_status pl_panel_load(struct pl_context *context, struct pl_panel *panel,
                             const struct pl_bundle *bundle, const struct pl_panel_options *options)
{
    struct pl_panel_source source = {0};
    *panel = (struct pl_panel){0};
    panel->source = pl_arena_text(context, &panel->arena, bundle->source, strlen(bundle->source));
    enum pl_status status =
        panel->source ? load(context, panel, bundle, options, &source) : context->status;
    pl_tensor_release(&source.held);
    if (status && panel->source)
        pl_fail_at(context, "%s", panel->source);
    if (status)
        pl_panel_release(panel);
    return status;
}

void pl_panel_release(struct pl_panel *panel)
{
    pl_arena_release(&panel->arena);
    *panel = (struct pl_panel){0};
}

/* ---- Looking at a panel ------------------------------------------------------------------ */

double *pl_panel_column(const struct pl_panel *panel, int64_t series, int64_t column)
{
    const struct pl_panel_series *s = &panel->series[series];
    return s->values + column * (s->rows + s->future_rows);
}

const double *pl_panel_track(const struct pl_panel *panel, int64_t track)
{
    return pl_panel_column(panel, panel->tracks[track].series, panel->tracks[track].target);
}

int64_t pl_panel_stamp(const struct pl_panel *panel, int64_t series, int64_t row)
{
    const struct pl_panel_series *s = &panel->series[series];
    int64_t last = s->rows + s->future_rows - 1;
    if (!panel->stamped)
        return 0;
    if (!s->stamps || row < 0)
        return pl_step_from(&panel->step, s->start, row);
    return row <= last ? s->stamps[row] : pl_step_from(&panel->step, s->stamps[last], row - last);
}

void pl_panel_place(const struct pl_panel *panel, int64_t series, int64_t row,
                    char out[PL_PLACE_SIZE])
{
    char stamp[PL_TIME_SIZE + 4] = "", id[PL_PLACE_SIZE / 2] = "";
    if (panel->stamped) {
        char text[PL_TIME_SIZE];
        pl_time_format(text, pl_panel_stamp(panel, series, row), panel->dates_only);
        snprintf(stamp, sizeof stamp, " (%s)", text);
    }
    if (panel->long_format)
        snprintf(id, sizeof id, "series '%.150s', ", panel->series[series].name);
    snprintf(out, PL_PLACE_SIZE, "%srow %" PRId64 "%s", id, row + 1, stamp);
}

void pl_panel_track_name(const struct pl_panel *panel, int64_t track, char out[PL_PLACE_SIZE])
{
    const char *series = panel->series[panel->tracks[track].series].name;
    const char *column = panel->columns[panel->tracks[track].target];
    if (!panel->long_format)
        snprintf(out, PL_PLACE_SIZE, "column '%.300s'", column);
    else if (panel->target_count == 1)
        snprintf(out, PL_PLACE_SIZE, "series '%.300s'", series);
    else
        snprintf(out, PL_PLACE_SIZE, "series '%.150s', column '%.150s'", series, column);
}
