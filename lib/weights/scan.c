/* What lmc-scan does: two classifiers of pictures, the line between them, and what explains it.
 * SPDX-License-Identifier: MIT */
#include "weights/scan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "models/image_score.h"
#include "models/image_stream.h"
#include "models/model_stream.h"
#include "tensor/real.h"

/* ---- Opening ----------------------------------------------------------------------------- */

/* All tensors as they are, none reordered: to compare the models by. */
static enum pl_status list_tensors(struct pl_context *context, struct pl_permutation_spec *spec,
                                   const struct pl_bundle *model)
{
    static const char *const axes[] = {"", "~", "~ ~", "~ ~ ~", "~ ~ ~ ~"};
    enum pl_status status = PL_OK;
    for (size_t i = 0; i < model->tensor_count && !status; i++) {
        const struct pl_bundle_tensor *tensor = &model->tensors[i];
        if (pl_dtype_is_float(tensor->tensor.dtype) && tensor->tensor.rank <= 4 &&
            pl_model_role(tensor->name) == PL_ROLE_WEIGHT)
            status = pl_spec_add(context, spec, axes[tensor->tensor.rank], "%s", tensor->name);
    }
    return status;
}

/* Every tensor of one is in the other. */
static enum pl_status compare_tensors(struct pl_context *context, const struct pl_bundle *one,
                                      const struct pl_bundle *other)
{
    const struct pl_bundle *models[] = {one, other};
    struct pl_permutation_spec spec = {0};
    enum pl_status status = list_tensors(context, &spec, one);
    if (!status)
        status = pl_spec_lint(context, &spec, models, 2, true);
    pl_spec_release(&spec);
    return status;
}

static enum pl_status compare_models(struct pl_context *context, const struct pl_bundle *a,
                                     const struct pl_bundle *b)
{
    enum pl_status status = pl_model_compare(context, a, b);
    if (!status)
        status = compare_tensors(context, a, b);
    return status ? status : compare_tensors(context, b, a);
}

static enum pl_status evaluate(struct pl_context *context, void *user, const pl_real *theta,
                               double *loss, double *right, pl_real *gradient)
{
    struct pl_scan *scan = user;
    if (scan->step)
        scan->step(scan->user);
    return pl_image_loss(context, &scan->image, theta, loss, right, gradient);
}

static enum pl_status flatten(struct pl_context *context, struct pl_scan *scan,
                              const struct pl_image_net *net, const pl_real **flat)
{
    pl_real *values =
        pl_arena_take(context, &scan->arena, (size_t)pl_image_flat_count(net), sizeof *values);
    if (!values)
        return context->status;
    pl_image_flatten(net, values);
    *flat = values;
    return PL_OK;
}

/* The model's parameters, one behind the other; it is like A. */
static enum pl_status read_model(struct pl_context *context, struct pl_scan *scan, int input,
                                 const pl_real **flat)
{
    const struct pl_bundle *bundle = &scan->bundles[input];
    struct pl_image_net net = {0};
    enum pl_status status = pl_image_read(context, &net, bundle);
    if (!status && input != PL_SCAN_A)
        status = compare_models(context, &scan->bundles[PL_SCAN_A], bundle);
    if (!status)
        status = flatten(context, scan, &net, flat);
    pl_image_release(&net);
    return status;
}

static enum pl_status read_pictures(struct pl_context *context, struct pl_scan *scan)
{
    enum pl_status status =
        pl_pictures_read(context, &scan->pictures, &scan->bundles[PL_SCAN_DATA]);
    if (!status)
        status = pl_image_fits(context, &scan->work, &scan->pictures);
    if (!status && !scan->pictures.labels)
        status = pl_fail(context, PL_BAD_DATA, "%s: there are no labels", scan->pictures.source);
    if (!status && scan->pictures.count == 0)
        status = pl_fail(context, PL_BAD_DATA, "%s: there are no pictures", scan->pictures.source);
    return status;
}

enum pl_status pl_scan_open(struct pl_context *context, struct pl_scan *scan)
{
    enum pl_status status = pl_blas_open(context);
    for (int i = 0; i < PL_SCAN_INPUTS && !status; i++)
        if (scan->paths[i])
            status = pl_input_bundle(context, scan->paths[i], NULL, &scan->sources[i],
                                     &scan->bundles[i]);
    if (!status)
        status = read_model(context, scan, PL_SCAN_A, &scan->landscape.a);
    if (!status)
        status = read_model(context, scan, PL_SCAN_B, &scan->landscape.b);
    if (!status && scan->paths[PL_SCAN_BASE])
        status = read_model(context, scan, PL_SCAN_BASE, &scan->base);
    if (!status)
        status = pl_image_read(context, &scan->work, &scan->bundles[PL_SCAN_A]);
    if (!status)
        status = read_pictures(context, scan);
    if (status)
        return status;
    const int64_t most = scan->options->most;
    scan->image = (struct pl_image_loss){
        .net = &scan->work,
        .pictures = &scan->pictures,
        .count = most && most < scan->pictures.count ? most : scan->pictures.count,
        .reset = scan->options->reset};
    scan->landscape.count = pl_image_flat_count(&scan->work);
    scan->landscape.loss = evaluate;
    scan->landscape.user = scan;
    scan->landscape.differences = pl_image_has_statistics(&scan->work);
    return PL_OK;
}

void pl_scan_release(struct pl_scan *scan)
{
    pl_image_release(&scan->work);
    pl_pictures_release(&scan->pictures);
    for (int i = 0; i < PL_SCAN_INPUTS; i++)
        pl_bundle_release(&scan->bundles[i]);
    pl_arena_release(&scan->arena);
}

/* ---- Running ----------------------------------------------------------------------------- */

/* Distance of all weights, and how far their singular vectors agree. */
static enum pl_status align(struct pl_context *context, struct pl_scan *scan)
{
    struct pl_permutation_spec spec = {0};
    struct pl_arena arena = {0};
    struct pl_matching pair = {.spec = &spec};
    enum pl_status status = list_tensors(context, &spec, &scan->bundles[0]);
    if (!status)
        status = pl_match_tensors(context, &arena, &spec, &scan->bundles[0], &pair.a);
    if (!status)
        status = pl_match_tensors(context, &arena, &spec, &scan->bundles[1], &pair.b);
    if (!status)
        status = pl_match_measure(context, &pair, NULL, &scan->sums);
    if (!status && scan->options->align) {
        scan->alignment = pl_alignment_default;
        status = pl_alignment_measure(context, &pair, NULL, false, &scan->alignment);
    }
    pl_spec_release(&spec);
    pl_arena_release(&arena);
    return status;
}

/* Of A and B, squared. */
static double distance(const struct pl_scan *scan, int64_t first, int64_t count)
{
    double sum = 0;
    for (int64_t i = first; i < first + count; i++) {
        const double apart = (double)scan->landscape.b[i] - (double)scan->landscape.a[i];
        sum += apart * apart;
    }
    return sum;
}

/* Parameters under one name up to the last dot are a layer. */
static enum pl_status list_layers(struct pl_context *context, struct pl_scan *scan)
{
    const struct pl_parameters *parameters = &scan->work.parameters;
    int64_t first = 0;
    scan->layers = pl_arena_new(context, &scan->arena, parameters->count, sizeof *scan->layers);
    if (!scan->layers)
        return context->status;
    for (size_t i = 0; i < parameters->count; i++) {
        const struct pl_parameter *parameter = parameters->items[i];
        const char *dot = strrchr(parameter->name, '.');
        size_t size = dot ? (size_t)(dot - parameter->name) : strlen(parameter->name);
        struct pl_scan_layer *last =
            scan->layer_count ? &scan->layers[scan->layer_count - 1] : NULL;
        if (!last || strlen(last->name) != size ||
            strncmp(last->name, parameter->name, size) != 0) {
            last = &scan->layers[scan->layer_count++];
            last->first = first;
            last->name = pl_arena_text(context, &scan->arena, parameter->name, size);
            if (!last->name)
                return context->status;
        }
        if (!parameter->frozen)
            last->norm += distance(scan, first, parameter->variable.count);
        last->count += parameter->variable.count;
        first += parameter->variable.count;
    }
    return PL_OK;
}

/* The barrier when some parameters alone move. */
static enum pl_status measure_part(struct pl_context *context, struct pl_scan *scan, int64_t first,
                                   int64_t end, bool others_b, double *barrier)
{
    struct pl_line line = {.count = scan->line.count};
    line.points = pl_new(context, (size_t)line.count, sizeof *line.points);
    enum pl_status status = line.points ? PL_OK : context->status;
    if (!status)
        status = pl_landscape_layer(context, &scan->landscape, first, end - first, others_b, &line);
    *barrier = line.barrier;
    free(line.points);
    return status;
}

static enum pl_status measure_layer(struct pl_context *context, struct pl_scan *scan,
                                    struct pl_scan_layer *layer)
{
    const struct pl_landscape *landscape = &scan->landscape;
    const int64_t first = layer->first, end = layer->first + layer->count;
    pl_real *own = pl_new(context, (size_t)landscape->count, sizeof *own);
    if (!own)
        return context->status;
    for (int64_t i = first; i < end; i++)
        own[i] = landscape->b[i] - landscape->a[i];
    layer->norm = sqrt(layer->norm);
    enum pl_status status = pl_landscape_bend(context, landscape, 0, own, scan->line.points[0].loss,
                                              scan->options->eps, NULL, &layer->curvature);
    layer->curvature /= 8;
    free(own);
    for (int b = 0; b < 2 && !status; b++)
        status = measure_part(context, scan, first, end, b, &layer->barrier[b]);
    if (!status)
        status = measure_part(context, scan, 0, end, false, &layer->shallow);
    if (!status)
        status = measure_part(context, scan, first, landscape->count, false, &layer->deep);
    return status;
}

enum { TERMS_BATCH = 250 };

/* The parameters of A, of B and half-way, with the statistics that count there. */
static enum pl_status settle_thetas(struct pl_context *context, struct pl_scan *scan,
                                    const pl_real *thetas[3])
{
    const struct pl_landscape *landscape = &scan->landscape;
    pl_real *middle =
        pl_arena_take(context, &scan->arena, (size_t)landscape->count, sizeof *middle);
    const pl_real *places[] = {landscape->a, landscape->b, middle};
    enum pl_status status = middle ? PL_OK : context->status;
    for (int64_t i = 0; i < landscape->count && !status; i++)
        middle[i] = (landscape->a[i] + landscape->b[i]) / 2;
    for (int i = 0; i < 3 && !status; i++) {
        status = pl_image_settle(context, &scan->image, places[i]);
        if (!status)
            status = flatten(context, scan, &scan->work, &thetas[i]);
    }
    return status;
}

/* Adds a batch to the means. */
static enum pl_status add_terms(struct pl_context *context, struct pl_scan *scan,
                                const pl_real *const thetas[3], int64_t first, int64_t count,
                                struct pl_tape *tape)
{
    const int64_t classes = pl_image_options(&scan->work)->classes;
    const double share = 1 / (double)scan->image.count;
    struct pl_image_pass pass = {.tape = tape, .net = &scan->work};
    const pl_real *f[3];
    for (int i = 0; i < 3; i++) {
        pl_image_unflatten(thetas[i], &scan->work);
        const struct pl_variable *out = pl_image_logits(&pass, &scan->pictures, first, count);
        if (!out)
            return context->status;
        f[i] = out->value;
    }
    for (int64_t r = 0; r < count; r++) {
        const struct pl_excess_terms terms =
            pl_landscape_terms(f[0] + r * classes, f[1] + r * classes, f[2] + r * classes, classes,
                               scan->pictures.labels[first + r], 0.5);
        scan->terms.curve += share * terms.curve;
        scan->terms.spread += share * terms.spread;
        scan->terms.label += share * terms.label;
    }
    return PL_OK;
}

/* Means of the three terms half-way. */
static enum pl_status measure_terms(struct pl_context *context, struct pl_scan *scan)
{
    const int64_t total = scan->image.count;
    struct pl_tape tape = {.context = context};
    const pl_real *thetas[3];
    enum pl_status status = settle_thetas(context, scan, thetas);
    for (int64_t done = 0; done < total && !status; done += TERMS_BATCH) {
        const int64_t left = total - done;
        status =
            add_terms(context, scan, thetas, done, left < TERMS_BATCH ? left : TERMS_BATCH, &tape);
        pl_tape_reset(&tape);
    }
    pl_tape_release(&tape);
    return status;
}

/* A copy of parameters without running statistics, which are no part of a distance. */
static enum pl_status take_weights(struct pl_context *context, struct pl_scan *scan,
                                   const pl_real *flat, const pl_real **weights, int64_t *count)
{
    const struct pl_parameters *parameters = &scan->work.parameters;
    pl_real *copy =
        pl_arena_take(context, &scan->arena, (size_t)scan->landscape.count, sizeof *copy);
    *weights = copy;
    *count = 0;
    for (size_t i = 0; copy && i < parameters->count; i++) {
        const int64_t size = parameters->items[i]->variable.count;
        if (!parameters->items[i]->frozen) {
            memcpy(copy + *count, flat, (size_t)size * sizeof *copy);
            *count += size;
        }
        flat += size;
    }
    return copy ? PL_OK : context->status;
}

static enum pl_status measure_fork(struct pl_context *context, struct pl_scan *scan)
{
    const pl_real *flats[] = {scan->base, scan->landscape.a, scan->landscape.b}, *weights[3];
    int64_t count = 0;
    enum pl_status status = PL_OK;
    for (int i = 0; i < 3 && !status; i++)
        status = take_weights(context, scan, flats[i], &weights[i], &count);
    if (status)
        return status;
    scan->fork = pl_landscape_fork(weights[0], weights[1], weights[2], count);
    if (isnan(scan->fork.angle))
        pl_warn(context, "%s is one of the models: there is no angle",
                scan->bundles[PL_SCAN_BASE].source);
    return PL_OK;
}

enum pl_status pl_scan_run(struct pl_context *context, struct pl_scan *scan)
{
    const struct pl_scan_options *options = scan->options;
    scan->line.count = options->points;
    scan->line.mean_chord = options->mean_chord;
    scan->line.points =
        pl_arena_new(context, &scan->arena, (size_t)options->points, sizeof *scan->line.points);
    enum pl_status status = scan->line.points ? align(context, scan) : context->status;
    if (!status && scan->base)
        status = measure_fork(context, scan);
    if (!status)
        status = pl_landscape_scan(context, &scan->landscape, &scan->line);
    if (!status && options->refine)
        status = pl_landscape_refine(context, &scan->landscape, &scan->line);
    if (!status && options->predict)
        status = pl_landscape_predict(context, &scan->landscape, options->eps, &scan->prediction);
    if (!status && options->layers)
        status = list_layers(context, scan);
    for (size_t i = 0; i < scan->layer_count && !status; i++)
        status = measure_layer(context, scan, &scan->layers[i]);
    if (!status && options->terms)
        status = measure_terms(context, scan);
    return status;
}
