/* The loss between two networks.
 * SPDX-License-Identifier: MIT */
#include "weights/landscape.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "tensor/real.h"

enum { REFINEMENTS = 20 };

/* theta = A + t (B - A), rounded once. */
static void walk(const struct pl_landscape *landscape, double t, pl_real *theta)
{
    for (int64_t i = 0; i < landscape->count; i++)
        theta[i] = (pl_real)((1 - t) * (double)landscape->a[i] + t * (double)landscape->b[i]);
}

static pl_real *take(struct pl_context *context, const struct pl_landscape *landscape)
{
    return pl_new(context, (size_t)landscape->count, sizeof(pl_real));
}

/* ---- Along the line ---------------------------------------------------------------------- */

/* What is at t above the chord between two numbers. */
static double above(const struct pl_line *line, double t, double value, double first, double last)
{
    const double share = line->mean_chord ? 0.5 : t;
    return value - (1 - share) * first - share * last;
}

/* Excesses over the chord, and the largest. */
static void find_barrier(struct pl_line *line)
{
    const struct pl_line_point *first = line->points, *last = line->points + line->count - 1;
    line->barrier = line->barrier_at = line->error_barrier = 0;
    line->middle = NAN;
    for (struct pl_line_point *point = line->points; point <= last; point++) {
        point->excess = above(line, point->t, point->loss, first->loss, last->loss);
        if (!isfinite(point->loss))
            point->excess = INFINITY;
        if (point->excess > line->barrier) {
            line->barrier = point->excess;
            line->barrier_at = point->t;
        }
        line->error_barrier = fmax(line->error_barrier,
                                   -above(line, point->t, point->right, first->right, last->right));
        if (fabs(point->t - 0.5) < 1e-12)
            line->middle = point->excess;
    }
}

enum pl_status pl_landscape_scan(struct pl_context *context, const struct pl_landscape *landscape,
                                 struct pl_line *line)
{
    pl_real *theta = take(context, landscape);
    enum pl_status status = theta ? PL_OK : context->status;
    for (int64_t i = 0; i < line->count && !status; i++) {
        struct pl_line_point *point = &line->points[i];
        point->t = (double)i / (double)(line->count - 1);
        walk(landscape, point->t, theta);
        status =
            landscape->loss(context, landscape->user, theta, &point->loss, &point->right, NULL);
    }
    if (!status)
        find_barrier(line);
    free(theta);
    return status;
}

static enum pl_status excess_at(struct pl_context *context, const struct pl_landscape *landscape,
                                const struct pl_line *line, double t, pl_real *theta,
                                double *excess)
{
    double loss = 0;
    walk(landscape, t, theta);
    enum pl_status status = landscape->loss(context, landscape->user, theta, &loss, NULL, NULL);
    *excess = above(line, t, loss, line->points[0].loss, line->points[line->count - 1].loss);
    return status;
}

enum pl_status pl_landscape_refine(struct pl_context *context, const struct pl_landscape *landscape,
                                   struct pl_line *line)
{
    const double golden = 0.6180339887498949, step = 1.0 / (double)(line->count - 1);
    double low = fmax(0, line->barrier_at - step), high = fmin(1, line->barrier_at + step);
    double t[2] = {high - golden * (high - low), low + golden * (high - low)}, excess[2];
    if (line->barrier <= 0 || !isfinite(line->barrier))
        return PL_OK;
    pl_real *theta = take(context, landscape);
    enum pl_status status = theta ? PL_OK : context->status;
    for (int i = 0; i < 2 && !status; i++)
        status = excess_at(context, landscape, line, t[i], theta, &excess[i]);
    for (int round = 0; round < REFINEMENTS && !status; round++) {
        const int worse = excess[0] > excess[1], better = 1 - worse;
        if (excess[better] > line->barrier) {
            line->barrier = excess[better];
            line->barrier_at = t[better];
        }
        if (worse)
            high = t[1];
        else
            low = t[0];
        t[worse] = t[better];
        excess[worse] = excess[better];
        t[better] = worse ? high - golden * (high - low) : low + golden * (high - low);
        status = excess_at(context, landscape, line, t[better], theta, &excess[better]);
    }
    free(theta);
    return status;
}

/* ---- Second order ------------------------------------------------------------------------ */

static double dot(const pl_real *a, const pl_real *b, int64_t count)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

/* theta = A + t (B - A) + shift times the direction, rounded once. */
static void move(const struct pl_landscape *landscape, double t, const pl_real *direction,
                 double shift, pl_real *theta)
{
    for (int64_t i = 0; i < landscape->count; i++)
        theta[i] = (pl_real)((1 - t) * (double)landscape->a[i] + t * (double)landscape->b[i] +
                             shift * (double)direction[i]);
}

/* The gradient there. */
static enum pl_status gradient_at(struct pl_context *context, const struct pl_landscape *landscape,
                                  double t, const pl_real *direction, double shift, pl_real *theta,
                                  pl_real *gradient)
{
    double loss;
    move(landscape, t, direction, shift, theta);
    memset(gradient, 0, (size_t)landscape->count * sizeof *gradient);
    return landscape->loss(context, landscape->user, theta, &loss, NULL, gradient);
}

/* In double precision the fourth-order difference of gradients: its error falls with eps^4. */
enum { OFFSETS = sizeof(pl_real) == sizeof(double) ? 2 : 1 };

enum pl_status pl_landscape_curvature(struct pl_context *context,
                                      const struct pl_landscape *landscape, double t,
                                      const pl_real *direction, double eps, double *slope,
                                      double *curvature, pl_real *product)
{
    static const double weights[2][2] = {{0.5, 0}, {2.0 / 3, -1.0 / 12}};
    pl_real *theta = take(context, landscape), *gradient = take(context, landscape);
    double *sum = pl_new(context, (size_t)landscape->count, sizeof *sum);
    enum pl_status status = theta && gradient && sum ? PL_OK : PL_SYSTEM;
    if (!status)
        status = gradient_at(context, landscape, t, direction, 0, theta, gradient);
    if (!status)
        *slope = dot(gradient, direction, landscape->count);
    for (int k = 1; k <= OFFSETS && !status; k++)
        for (int side = -1; side <= 1 && !status; side += 2) {
            const double weight = side * weights[OFFSETS - 1][k - 1] / eps;
            status = gradient_at(context, landscape, t, direction, side * k * eps, theta, gradient);
            for (int64_t i = 0; i < landscape->count && !status; i++)
                sum[i] += weight * (double)gradient[i];
        }
    *curvature = 0;
    for (int64_t i = 0; i < landscape->count && !status; i++) {
        *curvature += sum[i] * (double)direction[i];
        if (product)
            product[i] = (pl_real)sum[i];
    }
    free(theta);
    free(gradient);
    free(sum);
    return status;
}

enum pl_status pl_landscape_bend(struct pl_context *context, const struct pl_landscape *landscape,
                                 double t, const pl_real *direction, double here, double eps,
                                 double *slope, double *curvature)
{
    pl_real *theta = take(context, landscape);
    double loss[2] = {0};
    enum pl_status status = theta ? PL_OK : context->status;
    for (int side = 0; side < 2 && !status; side++) {
        move(landscape, t, direction, side ? eps : -eps, theta);
        status = landscape->loss(context, landscape->user, theta, &loss[side], NULL, NULL);
    }
    if (slope)
        *slope = (loss[1] - loss[0]) / (2 * eps);
    *curvature = (loss[0] - 2 * here + loss[1]) / (eps * eps);
    free(theta);
    return status;
}

/* Loss, slope and curvature at A, half-way or at B. */
static enum pl_status expand(struct pl_context *context, const struct pl_landscape *landscape,
                             int at, const pl_real *direction, double eps, struct pl_prediction *p)
{
    const double t = at / 2.0;
    pl_real *theta = take(context, landscape);
    enum pl_status status = theta ? PL_OK : context->status;
    if (!status) {
        walk(landscape, t, theta);
        status = landscape->loss(context, landscape->user, theta, &p->loss[at], NULL, NULL);
    }
    free(theta);
    if (status)
        return status;
    return landscape->differences ? pl_landscape_bend(context, landscape, t, direction, p->loss[at],
                                                      eps, &p->slope[at], &p->curvature[at])
                                  : pl_landscape_curvature(context, landscape, t, direction, eps,
                                                           &p->slope[at], &p->curvature[at], NULL);
}

enum pl_status pl_landscape_predict(struct pl_context *context,
                                    const struct pl_landscape *landscape, double eps,
                                    struct pl_prediction *prediction)
{
    struct pl_prediction *p = prediction;
    pl_real *direction = take(context, landscape);
    enum pl_status status = direction ? PL_OK : context->status;
    for (int64_t i = 0; i < landscape->count && !status; i++)
        direction[i] = landscape->b[i] - landscape->a[i];
    for (int at = 0; at < 3 && !status; at++)
        status = expand(context, landscape, at, direction, eps, p);
    free(direction);
    const double chord = (p->loss[0] + p->loss[2]) / 2;
    p->from_a = p->loss[0] + p->slope[0] / 2 + p->curvature[0] / 8 - chord;
    p->from_b = p->loss[2] - p->slope[2] / 2 + p->curvature[2] / 8 - chord;
    p->from_middle = -p->curvature[1] / 8;
    return status;
}

/* ---- Layers, start, terms ---------------------------------------------------------------- */

enum pl_status pl_landscape_layer(struct pl_context *context, const struct pl_landscape *landscape,
                                  int64_t first, int64_t count, bool default_b,
                                  struct pl_line *line)
{
    struct pl_landscape layer = *landscape;
    pl_real *other = take(context, landscape);
    if (!other)
        return context->status;
    /* All but the layer stand still: one end is as it is, the other has the layer exchanged. */
    memcpy(other, default_b ? landscape->b : landscape->a, (size_t)layer.count * sizeof *other);
    memcpy(other + first, (default_b ? landscape->a : landscape->b) + first,
           (size_t)count * sizeof *other);
    if (default_b)
        layer.a = other;
    else
        layer.b = other;
    enum pl_status status = pl_landscape_scan(context, &layer, line);
    free(other);
    return status;
}

struct pl_fork pl_landscape_fork(const pl_real *start, const pl_real *a, const pl_real *b,
                                 int64_t count)
{
    double aa = 0, bb = 0, ab = 0, apart = 0;
    for (int64_t i = 0; i < count; i++) {
        const double of_a = (double)a[i] - (double)start[i], of_b = (double)b[i] - (double)start[i];
        aa += of_a * of_a;
        bb += of_b * of_b;
        ab += of_a * of_b;
        apart += (of_a - of_b) * (of_a - of_b);
    }
    const double cosine = ab / (sqrt(aa) * sqrt(bb));
    return (struct pl_fork){sqrt(aa), sqrt(bb), sqrt(apart),
                            isnan(cosine) ? cosine : acos(fmax(-1, fmin(1, cosine)))};
}

/* log sum exp of x f + y g */
static double log_sum(const pl_real *f, double x, const pl_real *g, double y, int64_t classes)
{
    double largest = -INFINITY, sum = 0;
    for (int64_t c = 0; c < classes; c++)
        largest = fmax(largest, x * (double)f[c] + y * (double)g[c]);
    for (int64_t c = 0; c < classes; c++)
        sum += exp(x * (double)f[c] + y * (double)g[c] - largest);
    return sum > 0 ? largest + log(sum) : -INFINITY; /* of no classes, or NaN */
}

struct pl_excess_terms pl_landscape_terms(const pl_real *f_a, const pl_real *f_b, const pl_real *f,
                                          int64_t classes, int64_t label, double t)
{
    const double chord = log_sum(f_a, 1 - t, f_b, t, classes);
    return (struct pl_excess_terms){
        .curve = log_sum(f, 1, f, 0, classes) - chord,
        .spread = (1 - t) * log_sum(f_a, 1, f_a, 0, classes) +
                  t * log_sum(f_b, 1, f_b, 0, classes) - chord,
        .label = (double)f[label] - (1 - t) * (double)f_a[label] - t * (double)f_b[label],
    };
}
