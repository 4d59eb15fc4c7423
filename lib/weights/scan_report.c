/* What lmc-scan says of the line: a report, and a stream of the curve.
 * SPDX-License-Identifier: MIT */
#include <math.h>

#include "weights/scan.h"

/* The rank of one of some numbers, ties in their middle. */
static double rank_of(const struct pl_scan *scan, size_t at, bool barrier)
{
    double rank = 0;
    for (size_t i = 0; i < scan->layer_count; i++) {
        const struct pl_scan_layer *x = &scan->layers[i], *y = &scan->layers[at];
        const double a = barrier ? x->barrier[0] : x->curvature;
        const double b = barrier ? y->barrier[0] : y->curvature;
        rank += a < b ? 1 : a == b ? 0.5 : 0;
    }
    return rank - 0.5;
}

/* Spearman's, between what curvature says of layers and their barriers; NaN when one of both is
 * the same for all. */
static double rank_correlation(const struct pl_scan *scan)
{
    const double mean = ((double)scan->layer_count - 1) / 2;
    double xx = 0, yy = 0, xy = 0;
    for (size_t i = 0; i < scan->layer_count; i++) {
        const double x = rank_of(scan, i, false) - mean, y = rank_of(scan, i, true) - mean;
        xx += x * x, yy += y * y, xy += x * y;
    }
    return xx > 0 && yy > 0 ? xy / sqrt(xx * yy) : NAN;
}

static void add_points(struct pl_context *context, const struct pl_scan *scan, struct pl_meta *meta,
                       struct pl_meta_node *root)
{
    struct pl_meta_node *list = pl_meta_add_list(context, meta, root, "points");
    for (int64_t i = 0; i < scan->line.count; i++) {
        const struct pl_line_point *point = &scan->line.points[i];
        struct pl_meta_node *entry = pl_meta_add_map(context, meta, list, NULL);
        pl_meta_add_real(context, meta, entry, "t", point->t);
        pl_meta_add_real(context, meta, entry, "loss", point->loss);
        pl_meta_add_real(context, meta, entry, "accuracy", point->right);
        pl_meta_add_real(context, meta, entry, "excess", point->excess);
    }
}

static void add_prediction(struct pl_context *context, const struct pl_scan *scan,
                           struct pl_meta *meta, struct pl_meta_node *root)
{
    static const char *const places[] = {"a", "middle", "b"};
    const struct pl_prediction *prediction = &scan->prediction;
    struct pl_meta_node *map = pl_meta_add_map(context, meta, root, "prediction");
    pl_meta_add_real(context, meta, map, "from_a", prediction->from_a);
    pl_meta_add_real(context, meta, map, "from_b", prediction->from_b);
    pl_meta_add_real(context, meta, map, "from_middle", prediction->from_middle);
    for (int i = 0; i < 3; i++) {
        struct pl_meta_node *place = pl_meta_add_map(context, meta, map, places[i]);
        pl_meta_add_real(context, meta, place, "slope", prediction->slope[i]);
        pl_meta_add_real(context, meta, place, "curvature", prediction->curvature[i]);
    }
}

static void add_layers(struct pl_context *context, const struct pl_scan *scan, struct pl_meta *meta,
                       struct pl_meta_node *root)
{
    struct pl_meta_node *list = pl_meta_add_list(context, meta, root, "layers");
    for (size_t i = 0; i < scan->layer_count; i++) {
        const struct pl_scan_layer *layer = &scan->layers[i];
        struct pl_meta_node *entry = pl_meta_add_map(context, meta, list, NULL);
        pl_meta_add_text(context, meta, entry, "name", layer->name);
        pl_meta_add_real(context, meta, entry, "distance", layer->norm);
        pl_meta_add_real(context, meta, entry, "predicted", layer->curvature);
        pl_meta_add_real(context, meta, entry, "barrier_others_a", layer->barrier[0]);
        pl_meta_add_real(context, meta, entry, "barrier_others_b", layer->barrier[1]);
        pl_meta_add_real(context, meta, entry, "barrier_up_to", layer->shallow);
        pl_meta_add_real(context, meta, entry, "barrier_from", layer->deep);
    }
    pl_meta_add_real(context, meta, root, "rank_correlation", rank_correlation(scan));
}

static void add_alignment(struct pl_context *context, const struct pl_scan *scan,
                          struct pl_meta *meta, struct pl_meta_node *root)
{
    struct pl_meta_node *list = pl_meta_add_list(context, meta, root, "alignment");
    for (int i = 0; i < scan->alignment.count; i++) {
        struct pl_meta_node *entry = pl_meta_add_map(context, meta, list, NULL);
        pl_meta_add_real(context, meta, entry, "gamma", scan->alignment.thresholds[i]);
        pl_meta_add_real(context, meta, entry, "r", scan->alignment.r[i]);
    }
}

static void add_rest(struct pl_context *context, const struct pl_scan *scan, struct pl_meta *meta,
                     struct pl_meta_node *root)
{
    if (scan->base) {
        struct pl_meta_node *map = pl_meta_add_map(context, meta, root, "fork");
        pl_meta_add_real(context, meta, map, "distance_a", scan->fork.a);
        pl_meta_add_real(context, meta, map, "distance_b", scan->fork.b);
        pl_meta_add_real(context, meta, map, "distance", scan->fork.apart);
        pl_meta_add_real(context, meta, map, "angle", scan->fork.angle);
    }
    if (scan->options->terms) {
        struct pl_meta_node *map = pl_meta_add_map(context, meta, root, "terms");
        pl_meta_add_real(context, meta, map, "curve", scan->terms.curve);
        pl_meta_add_real(context, meta, map, "spread", scan->terms.spread);
        pl_meta_add_real(context, meta, map, "label", scan->terms.label);
    }
}

enum pl_status pl_scan_report(struct pl_context *context, const struct pl_scan *scan,
                              struct pl_meta *meta)
{
    const struct pl_line *line = &scan->line;
    const struct pl_line_point *last = &line->points[line->count - 1];
    const double guess = log((double)pl_image_options(&scan->work)->classes);
    struct pl_meta_node *root = pl_meta_add_map(context, meta, NULL, NULL);
    pl_meta_add_int(context, meta, root, "examples", scan->image.count);
    pl_meta_add_real(context, meta, root, "barrier", line->barrier);
    pl_meta_add_real(context, meta, root, "barrier_at", line->barrier_at);
    pl_meta_add_real(context, meta, root, "barrier_middle", line->middle);
    pl_meta_add_real(context, meta, root, "barrier_relative", line->barrier / guess);
    pl_meta_add_real(context, meta, root, "error_barrier", line->error_barrier);
    pl_meta_add_bool(context, meta, root, "connected", line->barrier < scan->options->tolerance);
    pl_meta_add_real(context, meta, root, "loss_a", line->points[0].loss);
    pl_meta_add_real(context, meta, root, "loss_b", last->loss);
    pl_meta_add_real(context, meta, root, "accuracy_a", line->points[0].right);
    pl_meta_add_real(context, meta, root, "accuracy_b", last->right);
    pl_meta_add_real(context, meta, root, "distance", sqrt(scan->sums.distance));
    if (scan->options->align)
        add_alignment(context, scan, meta, root);
    if (scan->options->predict)
        add_prediction(context, scan, meta, root);
    add_rest(context, scan, meta, root);
    if (scan->options->layers)
        add_layers(context, scan, meta, root);
    add_points(context, scan, meta, root);
    return pl_meta_ok(meta, context) ? PL_OK : context->status;
}

enum pl_status pl_scan_write(struct pl_context *context, const struct pl_scan *scan,
                             struct pl_writer *writer)
{
    static const char *const names[] = {"step", "loss", "accuracy", "excess"};
    struct pl_meta meta = {.name = "metrics"};
    const int64_t count = scan->line.count;
    enum pl_status status = pl_writer_kind(context, writer, "metrics");
    if (!status)
        status = pl_scan_report(context, scan, &meta);
    if (!status)
        status = pl_writer_meta(context, writer, "metrics", meta.root);
    pl_meta_release(&meta);
    for (int c = 0; c < 4 && !status; c++) {
        struct pl_tensor column;
        status = pl_tensor_init(context, &column, PL_F64, 1, &count);
        double *values = status ? NULL : column.data;
        for (int64_t i = 0; values && i < count; i++) {
            const struct pl_line_point *point = &scan->line.points[i];
            values[i] = c == 0   ? point->t
                        : c == 1 ? point->loss
                        : c == 2 ? point->right
                                 : point->excess;
        }
        if (!status)
            status = pl_writer_tensor(context, writer, names[c], &column, PL_CODEC_RAW);
        pl_tensor_release(&column);
    }
    return status;
}
