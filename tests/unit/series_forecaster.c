/* Forecasters: training, reading back, updating, merging, on series of the test's own.
 * SPDX-License-Identifier: MIT */
#include "models/forecaster.h"
#include "models/linear_single.h"

#include <unistd.h>

#include "base/rng.h"
#include "series_data.h"

enum { ROWS = 600, COLUMNS = 2, L = 24, H = 6 };

/* Two noisy daily waves with a drift, hourly. */
static void make_waves(double *values, int64_t rows, int64_t columns, int64_t first)
{
    struct pl_rng rng = pl_rng_init(5, "waves");
    for (int64_t i = 0; i < rows; i++)
        for (int64_t c = 0; c < columns; c++)
            values[i * columns + c] =
                100 * (double)(c + 1) + 10 * sin(2 * M_PI * (double)(i + first) / 24) +
                0.02 * (double)(i + first) +
                2 * pl_rng_normal(&rng, (uint64_t)((i + first) * columns + c));
}

static struct pl_training plain(void)
{
    return (struct pl_training){.type = pl_model_find("nlinear"),
                                .lookback = L,
                                .horizon = H,
                                .ridge = 0.01,
                                .recipe = {2, 32, 0.005, 0.5, 3, 5, 1}};
}

/* Rows [first, first + rows) of the waves as a panel. */
static void load(struct data *data, struct pl_panel *panel, int64_t first, int64_t rows)
{
    static double values[ROWS * COLUMNS];
    static int64_t time[ROWS];
    struct pl_panel_options options = {0};
    make_waves(values, rows, COLUMNS, first);
    hourly(time, rows, "2024-01-01");
    for (int64_t i = 0; i < rows; i++)
        time[i] += first * HOUR;
    make_data(data, rows, COLUMNS, values, time, NAMES("a\0b"));
    if (pl_panel_load(&data->context, panel, &data->bundle, &options))
        printf("# %s\n", data->context.message);
}

static void train(struct data *data, struct pl_panel *panel, int64_t first, int64_t rows,
                  const struct pl_training *training, struct pl_forecaster *forecaster)
{
    load(data, panel, first, rows);
    CHECK(pl_forecaster_train(&data->context, forecaster, panel, training) == PL_OK);
    if (data->context.status)
        printf("# %s\n", data->context.message);
}

static void same_maps(const struct pl_forecaster *a, const struct pl_forecaster *b,
                      double tolerance)
{
    CHECK(a->map_count == b->map_count);
    for (int64_t m = 0; m < a->map_count && m < b->map_count; m++) {
        double worst = 0;
        for (int64_t i = 0; i < H * L; i++)
            worst = fmax(worst, fabs(a->maps[m].weight[i] - b->maps[m].weight[i]));
        for (int64_t i = 0; i < H; i++)
            worst = fmax(worst, fabs(a->maps[m].bias[i] - b->maps[m].bias[i]));
        CHECK_NEAR(worst, 0, tolerance);
    }
}

static void report_and_errors(void)
{
    struct data data;
    struct pl_panel panel;
    struct pl_forecaster f;
    struct pl_training training = plain();
    training.ridge = -1;
    train(&data, &panel, 0, ROWS, &training, &f);
    CHECK(f.contender_count == 3 && f.season == 24);
    CHECK_TEXT(f.contenders[1].type->name, "repeat");
    CHECK_TEXT(f.contenders[2].type->name, "seasonal-naive");
    CHECK(f.contenders[0].test.windows == 2 * (120 - H + 1));
    CHECK(f.contenders[0].test.mse < f.contenders[1].test.mse);
    CHECK(f.training_windows == 2 * (ROWS - L - H + 1));
    CHECK(f.sigma && f.unseen[1] == 60 - H + 1 && f.grid_count == 1);
    /* noise of deviation 2 in units of the scale */
    CHECK(pl_forecaster_sigma(&f, 0, 0) * f.scaler.scale[0] > 1.8);
    CHECK(pl_forecaster_sigma(&f, 0, 0) * f.scaler.scale[0] < 3.2);
    float grid[PL_GRID];
    CHECK(pl_forecaster_grid(&f, 0, 0, grid) == 2 * (60 - H + 1));
    CHECK(grid[94] > 1.5 * pl_forecaster_sigma(&f, 0, 0));
    CHECK(grid[94] < 2.5 * pl_forecaster_sigma(&f, 0, 0));
    pl_forecaster_release(&f);
    pl_panel_release(&panel);
}

static void single_precision(void)
{
    enum { WINDOWS = 300, PAST = 1 };
    static double values[2][WINDOWS + L], exact[WINDOWS * H];
    static float out[WINDOWS * H];
    struct pl_context context = {0};
    struct pl_linear map;
    struct pl_linear_single single;
    struct pl_rng rng = pl_rng_init(3, "single");
    const double *past[] = {values[1]};
    struct pl_piece piece = {WINDOWS + L, values[0], past, NULL};
    for (int c = 0; c < 2; c++)
        for (int i = 0; i < WINDOWS + L; i++)
            values[c][i] = pl_rng_normal(&rng, (uint64_t)(i + c * 1000));
    CHECK(pl_linear_init(&context, &map, L, H, PAST, 0) == PL_OK);
    for (int i = 0; i < H * 2 * L; i++)
        map.weight[i] = pl_rng_normal(&rng, (uint64_t)(5000 + i)) / L;
    for (int i = 0; i < H; i++)
        map.bias[i] = i;
    CHECK(pl_linear_single_make(&context, &map, &single) == PL_OK);
    CHECK(pl_linear_forecast(&context, &map, &piece, 1, WINDOWS, exact) == PL_OK);
    CHECK(pl_linear_single_forecast(&context, &single, &piece, 1, WINDOWS, out) == PL_OK);
    double worst = 0;
    for (int i = 0; i < WINDOWS * H; i++)
        worst = fmax(worst, fabs((double)out[i] - exact[i]));
    CHECK_NEAR(worst, 0, 1e-5);
    pl_linear_single_release(&single);
    pl_linear_release(&map);
}

static void choice_of_a_model(void)
{
    /* A random walk: nothing beats repeating the last value. */
    static double values[ROWS];
    struct pl_rng rng = pl_rng_init(9, "walk");
    struct data data;
    struct pl_panel panel;
    struct pl_forecaster f;
    struct pl_panel_options options = {0};
    struct pl_training training = plain();
    for (int i = 1; i < ROWS; i++)
        values[i] = values[i - 1] + pl_rng_normal(&rng, (uint64_t)i);
    make_data(&data, ROWS, 1, values, NULL, NAMES("x"));
    CHECK(pl_panel_load(&data.context, &panel, &data.bundle, &options) == PL_OK);
    training.type = NULL;
    training.ridge = 0;
    CHECK(pl_forecaster_train(&data.context, &f, &panel, &training) == PL_OK);
    CHECK_TEXT(f.type->name, "repeat");
    CHECK(f.map_count == 1 && !f.stats && f.maps[0].weight[L - 1] == 1);
    CHECK(f.contender_count >= 4 && f.sigma);
    pl_forecaster_release(&f);
    pl_panel_release(&panel);
}

static void constant_series(void)
{
    static double values[ROWS];
    struct data data;
    struct pl_panel panel;
    struct pl_forecaster f;
    struct pl_match match;
    struct pl_stretch stretch;
    struct pl_panel_options options = {0};
    struct pl_training training = plain();
    double out[H];
    for (int i = 0; i < ROWS; i++)
        values[i] = 42.5;
    make_data(&data, ROWS, 1, values, NULL, NAMES("x"));
    CHECK(pl_panel_load(&data.context, &panel, &data.bundle, &options) == PL_OK);
    CHECK(pl_forecaster_train(&data.context, &f, &panel, &training) == PL_OK);
    CHECK_TEXT(data.warnings, "data: column 'x' is constant in the training rows\n");
    CHECK(pl_forecaster_match(&data.context, &f, &panel, &match) == PL_OK);
    CHECK(pl_forecaster_stretch(&data.context, &f, &panel, &match, 0,
                                (struct pl_range){ROWS - L, ROWS + H}, &stretch) == PL_OK);
    CHECK(pl_linear_forecast(&data.context, &f.maps[0], &stretch.piece, 0, 1, out) == PL_OK);
    pl_scaler_undo(&match.scaler, 0, out, out, H);
    for (int h = 0; h < H; h++)
        CHECK(out[h] == 42.5);
    pl_stretch_release(&stretch);
    pl_match_release(&match);
    pl_forecaster_release(&f);
    pl_panel_release(&panel);
}

/* Writes to a pipe's file, reads back. */
static enum pl_status through_a_stream(struct pl_context *context, struct pl_forecaster *from,
                                       struct pl_forecaster *to)
{
    char path[] = "/tmp/series_forecaster.XXXXXX";
    int fd = mkstemp(path);
    bool found;
    struct pl_bundle bundle = {0};
    struct pl_writer *writer = pl_writer_open_fd(context, fd, path);
    CHECK(writer && pl_forecaster_write(context, from, writer) == PL_OK &&
          pl_writer_end(context, writer) == PL_OK && pl_writer_commit(context, writer) == PL_OK);
    struct pl_reader *reader = pl_reader_open(context, path, 0);
    CHECK(reader && pl_bundle_read(context, &bundle, reader, &found) == PL_OK);
    enum pl_status status = pl_forecaster_read(context, to, &bundle);
    pl_bundle_release(&bundle);
    pl_reader_close(reader);
    unlink(path);
    return status;
}

static void written_and_read(void)
{
    for (int individual = 0; individual < 2; individual++) {
        struct data data = {0};
        struct pl_panel panel;
        struct pl_forecaster f, back;
        struct pl_training training = plain();
        training.individual = individual;
        training.stats = PL_STATS_CHANNEL;
        CHECK(pl_calendar_parse_fields(&data.context, &training.calendar, "weekday") == PL_OK);
        CHECK(pl_calendar_parse_seasons(&data.context, &training.calendar, "24:2") == PL_OK);
        train(&data, &panel, 0, ROWS, &training, &f);
        CHECK(through_a_stream(&data.context, &f, &back) == PL_OK);
        same_maps(&f, &back, 0);
        CHECK(back.type == f.type && back.stats_count == 2 && back.individual == individual);
        CHECK(memcmp(back.stats[1].xz, f.stats[1].xz, H * 10 * L * sizeof(double)) == 0);
        CHECK(memcmp(back.tail, f.tail, 2 * (L + H - 1) * sizeof(double)) == 0);
        CHECK(memcmp(back.grids, f.grids, H * PL_GRID * sizeof(float)) == 0);
        CHECK(pl_calendar_equal(&back.calendar, &f.calendar));
        CHECK(back.contenders[2].test.mse == f.contenders[2].test.mse);
        CHECK(back.rows[0] == ROWS && back.end[0] == f.end[0]);
        CHECK_TEXT(back.columns[1], "b");
        pl_forecaster_release(&f);
        pl_forecaster_release(&back);
        pl_panel_release(&panel);
        pl_calendar_release(&training.calendar);
    }
}

/* Every scalar of the documents and every shape replaced by something odd: an error or a model,
 * never a crash. */
static void damaged_models(void)
{
    static const char *const odd[] = {"-1", "0", "3", "99999999", "9e99", "x", "", "nan"};
    char path[] = "/tmp/series_forecaster.XXXXXX";
    struct data data = {0};
    struct pl_panel panel;
    struct pl_forecaster f, back;
    struct pl_bundle bundle = {0};
    struct pl_training training = plain();
    bool found;
    int refused = 0;
    train(&data, &panel, 0, ROWS, &training, &f);
    struct pl_context *context = &data.context;
    struct pl_writer *writer = pl_writer_open_fd(context, mkstemp(path), path);
    CHECK(writer && pl_forecaster_write(context, &f, writer) == PL_OK &&
          pl_writer_end(context, writer) == PL_OK && pl_writer_commit(context, writer) == PL_OK);
    struct pl_reader *reader = pl_reader_open(context, path, 0);
    CHECK(reader && pl_bundle_read(context, &bundle, reader, &found) == PL_OK);
    for (size_t d = 0; d < bundle.document_count; d++) {
        struct pl_meta_node *root = bundle.documents[d].meta.root;
        for (struct pl_meta_node *node = root ? root->child : NULL; node; node = node->next) {
            const char *text = node->text;
            size_t size = node->text_size;
            for (size_t i = 0; i < sizeof odd / sizeof *odd && text; i++) {
                node->text = odd[i];
                node->text_size = strlen(odd[i]);
                enum pl_status status = pl_forecaster_read(context, &back, &bundle);
                CHECK(status == PL_OK || status == PL_BAD_DATA);
                refused += status == PL_BAD_DATA;
                if (!status)
                    pl_forecaster_release(&back);
            }
            node->text = text;
            node->text_size = size;
        }
    }
    CHECK(refused > 60);
    for (size_t t = 0; t < bundle.tensor_count; t++) {
        struct pl_tensor *tensor = &bundle.tensors[t].tensor;
        int64_t rows = tensor->dims[0];
        for (int64_t odd_rows = 0; odd_rows < rows; odd_rows += 1 + odd_rows) {
            tensor->dims[0] = odd_rows;
            enum pl_status status = pl_forecaster_read(context, &back, &bundle);
            if (!status) /* names without their last NUL are still names */
                CHECK_TEXT(bundle.tensors[t].name, "series.names");
            if (!status)
                pl_forecaster_release(&back);
        }
        tensor->dims[0] = rows;
        enum pl_dtype dtype = tensor->dtype;
        tensor->dtype = PL_F16;
        CHECK(pl_forecaster_read(context, &back, &bundle) == PL_BAD_DATA);
        tensor->dtype = dtype;
    }
    CHECK(pl_forecaster_read(context, &back, &bundle) == PL_OK);
    pl_forecaster_release(&back);
    pl_bundle_release(&bundle);
    pl_reader_close(reader);
    pl_forecaster_release(&f);
    pl_panel_release(&panel);
    unlink(path);
}

/* The number at `place` of a sound model replaced by `bad`: refused, and the tensor is named. */
static void refused_with(struct pl_forecaster *f, double *place, double bad, const char *reason)
{
    struct pl_context context = {0};
    struct pl_forecaster back;
    double good = *place;
    *place = bad;
    CHECK(through_a_stream(&context, f, &back) == PL_BAD_DATA);
    CHECK(strstr(context.message, reason) != NULL);
    *place = good;
}

/* Checksums say that bytes arrived, not that they make sense: a hostile or broken model must not
 * end in maps of NaN or in counts that overflow. */
static void refused_values(void)
{
    struct data data = {0};
    struct pl_panel panel;
    struct pl_forecaster f, back;
    struct pl_training training = plain();
    train(&data, &panel, 0, ROWS, &training, &f);
    refused_with(&f, &f.stats[0].xy[3], NAN, ": 'stats.xy' holds nan");
    refused_with(&f, &f.stats[0].xx[0], INFINITY, ": 'stats.xx' holds inf");
    refused_with(&f, &f.stats[0].count, -1, ": 'stats.count' holds -1");
    refused_with(&f, &f.ridges[0], -1, ": 'ridge' holds -1");
    refused_with(&f, &f.sigma[1], -1, ": 'errors.sigma' holds -1");
    refused_with(&f, &f.unseen[0], -1, ": 'errors.windows' holds -1");
    refused_with(&f, &f.tail[0], INFINITY, ": 'tail.values' holds inf");
    refused_with(&f, &f.maps[0].weight[0], NAN, ": 'weight' holds nan");
    const struct pl_model_type *type = f.type;
    f.type = pl_model_find("gla"); /* in the table, but nothing that forecasts */
    CHECK(through_a_stream(&data.context, &f, &back) == PL_BAD_DATA);
    CHECK(strstr(data.context.message, "found a language model of type 'gla'") != NULL);
    f.type = type;
    data.context.status = PL_OK;
    f.rows[0] = INT64_MAX;
    CHECK(through_a_stream(&data.context, &f, &back) == PL_BAD_DATA);
    CHECK(strstr(data.context.message, ": 'tail.rows' holds 9.2") != NULL);
    f.rows[0] = ROWS;
    data.context.status = PL_OK;
    f.training_windows = INT64_MAX;
    CHECK(through_a_stream(&data.context, &f, &back) == PL_BAD_DATA);
    CHECK(strstr(data.context.message, ": meta model: windows is 9223372036854775807") != NULL);
    pl_forecaster_release(&f);
    pl_panel_release(&panel);
}

static void updated_as_if_trained_on_all(void)
{
    for (int variant = 0; variant < 4; variant++) {
        struct data data = {0}, more_data, all_data;
        struct pl_panel panel, more, all;
        struct pl_forecaster f, whole;
        struct pl_training training = plain();
        training.individual = variant % 2;
        training.scale = variant < 2 ? PL_SCALE_NONE : PL_SCALE_ZSCORE;
        training.stats = variant < 2 ? PL_STATS_TOTAL : PL_STATS_CHANNEL;
        if (pl_calendar_parse_seasons(&data.context, &training.calendar, "168:1"))
            return;
        train(&data, &panel, 0, 400, &training, &f);
        train(&all_data, &all, 0, ROWS, &training, &whole);
        load(&more_data, &more, 390, ROWS - 390); /* ten rows were seen before */
        CHECK(pl_forecaster_update(&more_data.context, &f, &more, 1, variant >= 2) == PL_OK);
        CHECK_TEXT(more_data.warnings,
                   "data: 10 rows up to 2024-01-17 15:00:00 were seen before, skipped\n");
        same_maps(&f, &whole, variant < 2 ? 1e-7 : 1e-9);
        CHECK(f.training_windows == whole.training_windows && f.rows[0] == ROWS);
        CHECK(f.end[0] == whole.end[0]);
        CHECK(memcmp(f.tail, whole.tail, 2 * (L + H - 1) * sizeof(double)) == 0);
        for (int c = 0; c < 2 && variant >= 2; c++)
            CHECK_NEAR(f.scaler.scale[c], whole.scaler.scale[c], 1e-12);
        CHECK(f.unseen[0] == 40 - H + 1 + 200);
        pl_panel_release(&more);
        load(&more_data, &more, ROWS + 5, 50);
        CHECK(pl_forecaster_update(&more_data.context, &f, &more, 1, false) == PL_BAD_DATA);
        CHECK_TEXT(
            more_data.context.message,
            "data: row 1 (2024-01-26 05:00:00): 5 rows are absent after the model's last one, "
            "2024-01-25 23:00:00; --missing gap goes on without them");
        pl_forecaster_release(&f);
        pl_forecaster_release(&whole);
        pl_panel_release(&panel);
        pl_panel_release(&more);
        pl_panel_release(&all);
        pl_calendar_release(&training.calendar);
    }
}

static void one_row_after_another(void)
{
    struct data data, more_data, all_data;
    struct pl_panel panel, more, all;
    struct pl_forecaster f, whole;
    struct pl_training training = plain();
    training.scale = PL_SCALE_NONE;
    train(&data, &panel, 0, 400, &training, &f);
    train(&all_data, &all, 0, 440, &training, &whole);
    for (int64_t row = 400; row < 440; row++) {
        load(&more_data, &more, row, 1);
        CHECK(pl_forecaster_update(&more_data.context, &f, &more, 1, false) == PL_OK);
        pl_panel_release(&more);
    }
    same_maps(&f, &whole, 1e-7);
    pl_forecaster_release(&f);
    pl_forecaster_release(&whole);
    pl_panel_release(&panel);
    pl_panel_release(&all);
}

static void merged_as_pieces(void)
{
    /* Two halves, merged, are the whole with a gap between: row 300 has no value. */
    static double values[ROWS * COLUMNS];
    static int64_t time[ROWS];
    for (int kind = 0; kind < 2; kind++) {
        struct data data, first_data, second_data;
        struct pl_panel panel, first, second;
        struct pl_forecaster f, other, whole;
        struct pl_panel_options options = {.missing = PL_MISSING_GAP};
        struct pl_training training = plain();
        training.scale = kind ? PL_SCALE_ZSCORE : PL_SCALE_NONE;
        training.stats = kind ? PL_STATS_CHANNEL : PL_STATS_TOTAL;
        make_waves(values, ROWS, COLUMNS, 0);
        hourly(time, ROWS, "2024-01-01");
        values[300 * COLUMNS] = values[300 * COLUMNS + 1] = NAN;
        make_data(&data, ROWS, COLUMNS, values, time, NAMES("a\0b"));
        CHECK(pl_panel_load(&data.context, &panel, &data.bundle, &options) == PL_OK);
        CHECK(pl_forecaster_train(&data.context, &whole, &panel, &training) == PL_OK);
        train(&first_data, &first, 0, 300, &training, &f);
        train(&second_data, &second, 301, ROWS - 301, &training, &other);
        CHECK(pl_forecaster_merge(&data.context, &f, &other) == PL_OK);
        CHECK(pl_forecaster_settle(&data.context, &f) == PL_OK);
        same_maps(&f, &whole, kind ? 1e-9 : 1e-7);
        CHECK(f.training_windows == whole.training_windows && f.end[0] == whole.end[0]);
        CHECK(f.unseen[0] == 30 - H + 1 + 31 - H + 1);
        pl_forecaster_release(&f);
        pl_forecaster_release(&other);
        pl_forecaster_release(&whole);
        pl_panel_release(&panel);
        pl_panel_release(&first);
        pl_panel_release(&second);
    }
}

static void refused_merges(void)
{
    struct data data;
    struct pl_panel panel, second;
    struct pl_forecaster f, other;
    struct pl_training training = plain();
    train(&data, &panel, 0, 300, &training, &f);
    train(&data, &second, 300, 300, &training, &other);
    CHECK(pl_forecaster_merge(&data.context, &f, &other) == PL_BAD_DATA);
    CHECK(strncmp(data.context.message, "the models differ in the scaler of column 'a': mean 10",
                  54) == 0);
    pl_forecaster_release(&other);
    pl_panel_release(&second);
    training.lookback = 12;
    train(&data, &second, 300, 300, &training, &other);
    CHECK(pl_forecaster_merge(&data.context, &f, &other) == PL_BAD_DATA);
    CHECK_TEXT(data.context.message, "the models differ in lookback: 24 and 12");
    pl_forecaster_release(&f);
    pl_forecaster_release(&other);
    pl_panel_release(&panel);
    pl_panel_release(&second);
}

static void shifts_with_the_data(void)
{
    /* Adding a constant to all rows adds it to the forecasts. */
    static double values[ROWS * COLUMNS];
    double out[2][H];
    for (int i = 0; i < 2; i++) {
        struct data data;
        struct pl_panel panel;
        struct pl_forecaster f;
        struct pl_match match;
        struct pl_stretch stretch;
        struct pl_panel_options options = {0};
        struct pl_training training = plain();
        make_waves(values, ROWS, COLUMNS, 0);
        for (int k = 0; k < ROWS * COLUMNS; k++)
            values[k] += 1000 * i;
        make_data(&data, ROWS, COLUMNS, values, NULL, NAMES("a\0b"));
        CHECK(pl_panel_load(&data.context, &panel, &data.bundle, &options) == PL_OK);
        CHECK(pl_forecaster_train(&data.context, &f, &panel, &training) == PL_OK);
        CHECK(pl_forecaster_match(&data.context, &f, &panel, &match) == PL_OK);
        CHECK(pl_forecaster_stretch(&data.context, &f, &panel, &match, 0,
                                    (struct pl_range){ROWS - L, ROWS + H}, &stretch) == PL_OK);
        CHECK(pl_linear_forecast(&data.context, &f.maps[0], &stretch.piece, 0, 1, out[i]) == PL_OK);
        pl_scaler_undo(&match.scaler, 0, out[i], out[i], H);
        pl_stretch_release(&stretch);
        pl_match_release(&match);
        pl_forecaster_release(&f);
        pl_panel_release(&panel);
    }
    for (int h = 0; h < H; h++)
        CHECK_NEAR(out[1][h] - 1000, out[0][h], 1e-9);
}

static void too_short(void)
{
    struct data data;
    struct pl_panel panel;
    struct pl_forecaster f;
    struct pl_training training = plain();
    load(&data, &panel, 0, 29);
    CHECK(pl_forecaster_train(&data.context, &f, &panel, &training) == PL_BAD_DATA);
    CHECK_TEXT(data.context.message,
               "data: the series has 29 rows; --lookback 24 --horizon 6 needs "
               "at least 30 (one window); lower --lookback");
    pl_panel_release(&panel);
    load(&data, &panel, 0, 30); /* one window: no rows left to validate on */
    CHECK(pl_forecaster_train(&data.context, &f, &panel, &training) == PL_OK);
    CHECK_TEXT(data.warnings,
               "data: 2 windows for 24 lags: the fit is under-determined and leans on ridge\n");
    CHECK(!f.sigma && f.contenders[0].validation.windows == 0);
    pl_forecaster_release(&f);
    pl_panel_release(&panel);
}

int main(void)
{
    RUN(report_and_errors);
    RUN(single_precision);
    RUN(choice_of_a_model);
    RUN(constant_series);
    RUN(written_and_read);
    RUN(damaged_models);
    RUN(refused_values);
    RUN(updated_as_if_trained_on_all);
    RUN(one_row_after_another);
    RUN(merged_as_pieces);
    RUN(refused_merges);
    RUN(shifts_with_the_data);
    RUN(too_short);
    FINISH();
}
