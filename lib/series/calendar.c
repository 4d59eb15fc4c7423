/* Regressors made from the clock.
 * SPDX-License-Identifier: MIT */
#include "series/calendar.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/number.h"
#include "base/text.h"

#define DAY            INT64_C(86400000000000)
#define YEAR_DAYS      365.2425
#define YEAR_PAIRS     3
#define HOLIDAYS_MOST  10000
#define HOLIDAYS_BYTES (1 << 20)

/* What a field is called and how many columns it makes: one less than its levels. */
static const struct {
    const char *name;
    int columns;
} fields[PL_CALENDAR_FIELDS] = {
    [PL_CALENDAR_MINUTE] = {"minute", 11},     [PL_CALENDAR_HOUR] = {"hour", 23},
    [PL_CALENDAR_WEEKDAY] = {"weekday", 6},    [PL_CALENDAR_WEEKEND] = {"weekend", 1},
    [PL_CALENDAR_MONTHDAY] = {"monthday", 30}, [PL_CALENDAR_MONTH] = {"month", 11},
    [PL_CALENDAR_QUARTER] = {"quarter", 3},    [PL_CALENDAR_YEARDAY] = {"yearday", 2 * YEAR_PAIRS},
    [PL_CALENDAR_HOLIDAY] = {"holiday", 1},
};

/* ---- Options ----------------------------------------------------------------------------- */

enum pl_status pl_calendar_parse_fields(struct pl_context *context, struct pl_calendar_terms *terms,
                                        const char *text)
{
    while (*text) {
        size_t size = strcspn(text, ",");
        int field = 0;
        while (field < PL_CALENDAR_HOLIDAY &&
               (strlen(fields[field].name) != size || strncmp(fields[field].name, text, size) != 0))
            field++;
        if (field == PL_CALENDAR_HOLIDAY)
            return pl_fail(context, PL_USAGE,
                           "--calendar '%.*s': not one of minute, hour, weekday, weekend, "
                           "monthday, month, quarter, yearday",
                           (int)size, text);
        terms->fields[field] = true;
        text += size + (text[size] == ',');
    }
    return PL_OK;
}

enum pl_status pl_calendar_parse_seasons(struct pl_context *context,
                                         struct pl_calendar_terms *terms, const char *text)
{
    while (*text) {
        size_t size = strcspn(text, ","), colon = strcspn(text, ":,");
        struct pl_season season = {.pairs = 1};
        bool good =
            pl_parse_double(text, colon, &season.period) &&
            (colon == size || pl_parse_int64(text + colon + 1, size - colon - 1, &season.pairs)) &&
            season.period > 1 && season.period <= 1e9 && season.pairs >= 1 &&
            (double)season.pairs <= fmax(1, season.period / 2) && season.pairs <= 1000;
        if (!good)
            return pl_fail(context, PL_USAGE,
                           "--season '%.*s': not PERIOD:PAIRS (24:3) with a period over 1 and at "
                           "most half as many pairs",
                           (int)size, text);
        if (terms->season_count == PL_SEASON_MAX)
            return pl_fail(context, PL_USAGE, "--season: more than %d seasons", PL_SEASON_MAX);
        terms->seasons[terms->season_count++] = season;
        text += size + (text[size] == ',');
    }
    return PL_OK;
}

static int compare_days(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static int64_t day_of(int64_t stamp)
{
    return stamp / DAY - (stamp % DAY < 0);
}

static enum pl_status add_holiday(struct pl_context *context, struct pl_calendar_terms *terms,
                                  const char *text, size_t size)
{
    int64_t stamp;
    bool zone;
    if (!pl_time_parse(text, size, &stamp, &zone))
        return pl_fail(context, PL_BAD_DATA, "not a date: '%.*s'", (int)(size < 40 ? size : 40),
                       text);
    if (terms->holiday_count == HOLIDAYS_MOST)
        return pl_fail(context, PL_BAD_DATA, "more than %d holidays", HOLIDAYS_MOST);
    if (terms->holiday_count % 64 == 0) {
        int64_t *more =
            pl_resize(context, terms->holidays, (size_t)terms->holiday_count + 64, sizeof *more);
        if (!more)
            return context->status;
        terms->holidays = more;
    }
    terms->holidays[terms->holiday_count++] = day_of(stamp);
    terms->fields[PL_CALENDAR_HOLIDAY] = true;
    return PL_OK;
}

enum pl_status pl_calendar_read_holidays(struct pl_context *context,
                                         struct pl_calendar_terms *terms, const char *path)
{
    char *bytes;
    size_t size;
    if (pl_file_load(context, path, HOLIDAYS_BYTES, &bytes, &size))
        return context->status;
    int64_t line = 1;
    enum pl_status status = PL_OK;
    for (char *text = bytes; *text && !status; line++) {
        size_t length = strcspn(text, "\n"), date = strcspn(text, " \t\r,;#\n");
        if (date > 0) {
            status = add_holiday(context, terms, text, date);
            if (status)
                pl_fail_at(context, "%s:%" PRId64, path, line);
        }
        text += length + (text[length] == '\n');
    }
    free(bytes);
    if (!status && terms->holiday_count == 0)
        return pl_fail(context, PL_BAD_DATA, "%s: no dates in it", path);
    if (!status)
        qsort(terms->holidays, (size_t)terms->holiday_count, sizeof *terms->holidays, compare_days);
    return status;
}

void pl_calendar_release(struct pl_calendar_terms *terms)
{
    free(terms->holidays);
    *terms = (struct pl_calendar_terms){0};
}

enum pl_status pl_calendar_copy(struct pl_context *context, const struct pl_calendar_terms *from,
                                struct pl_calendar_terms *to)
{
    *to = *from;
    to->holidays = NULL;
    if (from->holiday_count == 0)
        return PL_OK;
    size_t count = (size_t)from->holiday_count;
    to->holidays = pl_new(context, count, sizeof *to->holidays);
    if (!to->holidays)
        return context->status;
    memcpy(to->holidays, from->holidays, count * sizeof *to->holidays);
    return PL_OK;
}

bool pl_calendar_equal(const struct pl_calendar_terms *a, const struct pl_calendar_terms *b)
{
    if (memcmp(a->fields, b->fields, sizeof a->fields) != 0 || a->season_count != b->season_count ||
        a->holiday_count != b->holiday_count)
        return false;
    for (int64_t i = 0; i < a->season_count; i++)
        if (a->seasons[i].period != b->seasons[i].period ||
            a->seasons[i].pairs != b->seasons[i].pairs)
            return false;
    for (int64_t i = 0; i < a->holiday_count; i++)
        if (a->holidays[i] != b->holidays[i])
            return false;
    return true;
}

/* ---- Columns ----------------------------------------------------------------------------- */

/* Columns of a season: no sine at half the period, where it is zero on every row. */
static int64_t season_columns(const struct pl_season *season)
{
    return 2 * season->pairs - (2 * (double)season->pairs == season->period);
}

int64_t pl_calendar_count(const struct pl_calendar_terms *terms)
{
    int64_t count = 0;
    for (int field = 0; field < PL_CALENDAR_FIELDS; field++)
        count += terms->fields[field] ? fields[field].columns : 0;
    for (int64_t i = 0; i < terms->season_count; i++)
        count += season_columns(&terms->seasons[i]);
    return count;
}

const char *pl_calendar_name(const struct pl_calendar_terms *terms, int64_t column,
                             char out[PL_TERM_SIZE])
{
    for (int field = 0; field < PL_CALENDAR_FIELDS; field++) {
        if (!terms->fields[field])
            continue;
        if (column < fields[field].columns) {
            if (fields[field].columns == 1)
                snprintf(out, PL_TERM_SIZE, "%s", fields[field].name);
            else
                snprintf(out, PL_TERM_SIZE, "%s=%" PRId64, fields[field].name, column + 1);
            return out;
        }
        column -= fields[field].columns;
    }
    for (int64_t i = 0; i < terms->season_count; i++) {
        const struct pl_season *season = &terms->seasons[i];
        if (column < season_columns(season)) {
            char period[PL_NUMBER_SIZE];
            pl_format_double(period, season->period);
            snprintf(out, PL_TERM_SIZE, "%s(%" PRId64 "/%.28s)", column % 2 ? "sin" : "cos",
                     column / 2 + 1, period);
            return out;
        }
        column -= season_columns(season);
    }
    out[0] = '\0';
    return out;
}

enum pl_status pl_calendar_check(struct pl_context *context, const struct pl_calendar_terms *terms,
                                 const struct pl_panel *panel)
{
    for (int field = 0; field < PL_CALENDAR_FIELDS; field++)
        if (terms->fields[field] && !panel->stamped)
            return pl_fail(context, PL_BAD_DATA,
                           "%s: the calendar term '%s' needs time stamps, and the data has none",
                           panel->source, fields[field].name);
    return PL_OK;
}

/* Where columns are being filled: column `next` for row `row`. */
struct pen {
    double *out;
    int64_t stride, row, next;
};

static void put(struct pen *pen, double value)
{
    pen->out[pen->next++ * pen->stride + pen->row] = value;
}

/* Level 0 is all zeros. */
static void put_level(struct pen *pen, int columns, int level)
{
    for (int i = 1; i <= columns; i++)
        put(pen, level == i);
}

/* cos and sin of 1..pairs times the angle of t in its period. */
static void put_waves(struct pen *pen, double t, double period, int64_t pairs, bool last_sine)
{
    double turn = 2 * M_PI * (fmod(t, period) / period);
    for (int64_t i = 1; i <= pairs; i++) {
        put(pen, cos((double)i * turn));
        if (i < pairs || last_sine)
            put(pen, sin((double)i * turn));
    }
}

static void put_fields(struct pen *pen, const struct pl_calendar_terms *terms, int64_t stamp)
{
    struct pl_calendar calendar = pl_calendar_from(stamp);
    int levels[PL_CALENDAR_FIELDS] = {
        [PL_CALENDAR_MINUTE] = calendar.minute / 5,
        [PL_CALENDAR_HOUR] = calendar.hour,
        [PL_CALENDAR_WEEKDAY] = calendar.weekday,
        [PL_CALENDAR_WEEKEND] = calendar.weekday >= 5,
        [PL_CALENDAR_MONTHDAY] = calendar.day - 1,
        [PL_CALENDAR_MONTH] = calendar.month - 1,
        [PL_CALENDAR_QUARTER] = (calendar.month - 1) / 3,
    };
    if (terms->fields[PL_CALENDAR_HOLIDAY]) {
        int64_t day = day_of(stamp);
        levels[PL_CALENDAR_HOLIDAY] = bsearch(&day, terms->holidays, (size_t)terms->holiday_count,
                                              sizeof day, compare_days) != NULL;
    }
    for (int field = 0; field < PL_CALENDAR_FIELDS; field++) {
        if (terms->fields[field] && field == PL_CALENDAR_YEARDAY)
            put_waves(pen, (double)stamp / (double)DAY, YEAR_DAYS, YEAR_PAIRS, true);
        else if (terms->fields[field])
            put_level(pen, fields[field].columns, levels[field]);
    }
}

void pl_calendar_fill(const struct pl_calendar_terms *terms, const struct pl_panel *panel,
                      int64_t series, int64_t first, int64_t count, int64_t offset, double *out,
                      int64_t stride)
{
    bool any_field = false;
    for (int field = 0; field < PL_CALENDAR_FIELDS; field++)
        any_field |= terms->fields[field];
    for (int64_t i = 0; i < count; i++) {
        struct pen pen = {out, stride, i, 0};
        int64_t stamp = pl_panel_stamp(panel, series, first + i);
        if (any_field)
            put_fields(&pen, terms, stamp);
        double t = panel->stamped && pl_step_known(&panel->step)
                       ? pl_step_phase(&panel->step, stamp)
                       : (double)(first + i + offset);
        for (int64_t s = 0; s < terms->season_count; s++) {
            const struct pl_season *season = &terms->seasons[s];
            put_waves(&pen, t, season->period, season->pairs,
                      season_columns(season) == 2 * season->pairs);
        }
    }
}

/* ---- In the model document --------------------------------------------------------------- */

void pl_calendar_write(struct pl_context *context, const struct pl_calendar_terms *terms,
                       struct pl_meta *meta, struct pl_meta_node *parent)
{
    struct pl_meta_node *node = pl_meta_add_map(context, meta, parent, "calendar");
    struct pl_meta_node *list = pl_meta_add_list(context, meta, node, "fields");
    for (int field = 0; field < PL_CALENDAR_HOLIDAY; field++)
        if (terms->fields[field])
            pl_meta_add_text(context, meta, list, NULL, fields[field].name);
    list = pl_meta_add_list(context, meta, node, "seasons");
    for (int64_t i = 0; i < terms->season_count; i++) {
        struct pl_meta_node *season = pl_meta_add_map(context, meta, list, NULL);
        pl_meta_add_real(context, meta, season, "period", terms->seasons[i].period);
        pl_meta_add_int(context, meta, season, "pairs", terms->seasons[i].pairs);
    }
    if (terms->holiday_count == 0)
        return;
    list = pl_meta_add_list(context, meta, node, "holidays");
    for (int64_t i = 0; i < terms->holiday_count; i++) {
        char date[PL_TIME_SIZE];
        pl_time_format(date, terms->holidays[i] * DAY, true);
        pl_meta_add_text(context, meta, list, NULL, date);
    }
}

static enum pl_status read_seasons(struct pl_context *context, struct pl_calendar_terms *terms,
                                   const struct pl_meta_node *list)
{
    for (const struct pl_meta_node *item = list ? list->child : NULL; item; item = item->next) {
        struct pl_season season = {0};
        if (pl_meta_real(context, item, "period", &season.period) ||
            pl_meta_int(context, item, "pairs", &season.pairs))
            return context->status;
        if (!(season.period > 1 && season.period <= 1e9) || season.pairs < 1 ||
            season.pairs > 1000 || terms->season_count == PL_SEASON_MAX)
            return pl_fail(context, PL_BAD_DATA, "seasons: not a period and pairs");
        terms->seasons[terms->season_count++] = season;
    }
    return PL_OK;
}

enum pl_status pl_calendar_read(struct pl_context *context, struct pl_calendar_terms *terms,
                                const struct pl_meta_node *node)
{
    const struct pl_meta_node *list = node ? pl_meta_find(node, "fields") : NULL;
    for (const struct pl_meta_node *item = list ? list->child : NULL; item; item = item->next)
        if (!item->text || pl_calendar_parse_fields(context, terms, item->text))
            return pl_fail(context, PL_BAD_DATA, "calendar: unknown field");
    if (read_seasons(context, terms, node ? pl_meta_find(node, "seasons") : NULL))
        return context->status;
    list = node ? pl_meta_find(node, "holidays") : NULL;
    for (const struct pl_meta_node *item = list ? list->child : NULL; item; item = item->next)
        if (!item->text || add_holiday(context, terms, item->text, item->text_size))
            return pl_fail(context, PL_BAD_DATA, "calendar: a holiday that is no date");
    if (terms->holiday_count > 0)
        qsort(terms->holidays, (size_t)terms->holiday_count, sizeof *terms->holidays, compare_days);
    return PL_OK;
}
