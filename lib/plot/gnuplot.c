/* Writes a gnuplot script for a figure and runs it.
 * SPDX-License-Identifier: MIT
 *
 * gnuplot reads the script, data included, from an unlinked temporary file; the picture and what it
 * says go to two more.  With no pipe between the two programs there is nothing to deadlock and no
 * SIGPIPE to catch.  gnuplot does not notice a full disk, so the picture is only passed on when
 * its last bytes are there.  Every chart is placed by
 * its own margins in pixels, since gnuplot's layouts leave no room for a legend above the charts.
 * Names from the data stand in single quotes, where gnuplot replaces nothing; see put_quoted. */
#include "plot/gnuplot.h"

#include <errno.h>
#include <math.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/memory.h"
#include "plot/axis.h"

#define INK       "#37474f"
#define FAINT     "#eceff1"
#define FRAME     "#b0bec5"
#define OBSERVED  "#263238"
#define FORECAST  "#d9480f"
#define FONT      "DejaVu Sans"
#define DOTS_MAX  60 /* lines of few points show them */
#define BAND_FILL "fs transparent solid 0.20 noborder"

static const char *const curve_colours[PL_LINES_MAX] = {"#1f6fb2", "#d9480f", "#2b8a3e", "#862e9c",
                                                        "#e0a100", "#0b7285", "#c2255c", "#5c5f66"};

/* The script under construction; the first failure stays in status. */
struct script {
    struct pl_context *context;
    struct pl_buffer text;
    struct pl_plot_size size;
    enum pl_status status;
};

static void put(struct script *script, const char *format, ...) PL_PRINTF(2, 3);
static void put(struct script *script, const char *format, ...)
{
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (script->status == PL_OK)
        script->status =
            pl_buffer_append(script->context, &script->text, line,
                             (size_t)size < sizeof line ? (size_t)size : sizeof line - 1);
}

/* Text in single quotes, where nothing has a meaning but the quote itself.  Doubling it does not
 * hold in all places (a string that begins with one ends there), so it becomes an apostrophe. */
static void put_quoted(struct script *script, const char *text)
{
    put(script, "'");
    for (const char *at = text; *at; at++) {
        if (*at == '\'')
            put(script, "\u2019");
        else
            put(script, "%c", *at);
    }
    put(script, "'");
}

/* Where a chart's axes lie, in pixels from the lower left corner. */
struct frame {
    double left, right, bottom, top;
};

static int grid_columns(int charts)
{
    return charts > 3 ? 2 : 1;
}

static int grid_rows(int charts)
{
    return (charts + grid_columns(charts) - 1) / grid_columns(charts);
}

static double head_height(const struct pl_figure *figure)
{
    return figure->title ? 40 : 14;
}

static struct pl_plot_size default_size(const struct pl_figure *figure)
{
    int charts = figure->chart_count, rows = grid_rows(charts);
    int each = charts == 1 ? 400 : rows == 2 || charts == 2 ? 260 : 215;
    return (struct pl_plot_size){grid_columns(charts) == 1 ? 1000 : 1300,
                                 rows * each + (int)head_height(figure)};
}

static struct frame chart_frame(const struct pl_figure *figure, struct pl_plot_size size, int chart)
{
    int columns = grid_columns(figure->chart_count), rows = grid_rows(figure->chart_count);
    double width = (double)size.width / columns;
    double height = (size.height - head_height(figure)) / rows;
    double left = width * (chart % columns);
    double top = size.height - head_height(figure) - height * (chart / columns);
    bool matrix = figure->charts[chart].cells.values != NULL;
    return (struct frame){left + 64, left + width - (matrix ? 92 : 22), top - height + 46,
                          top - 34};
}

static void put_ticks(struct script *script, const char *axis, const struct pl_tick *ticks,
                      int count)
{
    put(script, "set %stics nomirror scale 0 textcolor rgb '%s' (", axis, INK);
    for (int i = 0; i < count; i++) {
        int minus = ticks[i].label[0] == '-';
        put(script, "%s\"%s%s%s%s\" %.16g", i ? ", " : "", minus ? "\u2212" : "",
            ticks[i].label + minus, ticks[i].under[0] ? "\\n" : "", ticks[i].under, ticks[i].at);
    }
    put(script, ")\n");
}

static int room(double pixels, double each)
{
    int ticks = (int)(pixels / each);
    return ticks < 2 ? 2 : ticks;
}

/* What all charts have: margins, frame, title. */
static void put_frame(struct script *script, const struct pl_chart *chart,
                      const struct frame *frame)
{
    double width = script->size.width, height = script->size.height;
    put(script, "reset\nset lmargin at screen %.6f\nset rmargin at screen %.6f\n",
        frame->left / width, frame->right / width);
    put(script, "set bmargin at screen %.6f\nset tmargin at screen %.6f\n", frame->bottom / height,
        frame->top / height);
    put(script, "set border 3 lw 1 lc rgb '%s'\nunset key\n", FRAME);
    put(script, "set label 1 ");
    put_quoted(script, chart->title);
    put(script, " at screen %.6f, %.6f left font '%s,11' textcolor rgb '%s'\n", frame->left / width,
        (frame->top + 15) / height, FONT, INK);
}

static void put_axes(struct script *script, const struct pl_chart *chart, const struct frame *frame)
{
    struct pl_tick ticks[PL_TICKS_MAX];
    int most = room(frame->right - frame->left, chart->time ? 85 : 70);
    int count = chart->time ? pl_ticks_time(chart->x_low, chart->x_high, most, ticks)
                            : pl_ticks_number(chart->x_low, chart->x_high, most, ticks);
    put(script, "set xrange [%.16g:%.16g]\nset yrange [%.16g:%.16g]\n", chart->x_low, chart->x_high,
        chart->y_low, chart->y_high);
    put_ticks(script, "x", ticks, count);
    most = room(frame->top - frame->bottom, 32);
    put_ticks(script, "y", ticks, pl_ticks_number(chart->y_low, chart->y_high, most, ticks));
    put(script, "set grid xtics ytics lt 1 lw 1 lc rgb '%s'\n", FAINT);
}

static void put_points(struct script *script, const struct pl_chart *chart, int number)
{
    for (int i = 0; i < chart->band_count; i++) {
        const struct pl_band *band = &chart->bands[i];
        put(script, "$b%d_%d << END\n", number, i);
        for (int64_t k = 0; k < band->count; k++) {
            if (pl_plottable(band->low[k]) && pl_plottable(band->high[k]))
                put(script, "%.16g %.10g %.10g\n", band->x[k], band->low[k], band->high[k]);
        }
        put(script, "END\n");
    }
    for (int i = 0; i < chart->line_count; i++) {
        const struct pl_line *line = &chart->lines[i];
        put(script, "$l%d_%d << END\n", number, i);
        for (int64_t k = 0; k < line->count; k++) {
            if (pl_plottable(line->x[k]) && pl_plottable(line->y[k]))
                put(script, "%.16g %.10g\n", line->x[k], line->y[k]);
            else
                put(script, "\n"); /* an empty line breaks the curve */
        }
        put(script, "END\n");
    }
}

static const char *line_colour(const struct pl_line *line, int number)
{
    switch (line->role) {
    case PL_LINE_OBSERVED:
        return OBSERVED;
    case PL_LINE_FORECAST:
        return FORECAST;
    case PL_LINE_CURVE:
        break;
    }
    return curve_colours[number % PL_LINES_MAX];
}

/* Legend entries are empty plots of their own, so that their order is not the order of painting. */
static void put_legend(struct script *script, const struct pl_chart *chart)
{
    for (int i = 0; i < chart->line_count; i++) {
        put(script, ", 1/0 with lines lw 2 lc rgb '%s' title ", line_colour(&chart->lines[i], i));
        put_quoted(script, chart->lines[i].label);
    }
    for (int i = chart->band_count - 1; i >= 0; i--) {
        double shade = 0.18 * (i + 1); /* band i lies over those before it */
        put(script, ", 1/0 with boxes fs transparent solid %.2f noborder lc rgb '%s' title ", shade,
            FORECAST);
        put_quoted(script, chart->bands[i].label);
    }
}

/* Bands overlap, so the narrow ones come out darker without any arithmetic on colours. */
static void put_curves(struct script *script, const struct pl_chart *chart, int number, bool legend)
{
    int64_t points = 0;
    for (int i = 0; i < chart->line_count; i++)
        points += chart->lines[i].role == PL_LINE_CURVE ? 0 : chart->lines[i].count;
    bool dots = points <= DOTS_MAX;
    put_points(script, chart, number);
    put(script, "plot ");
    for (int i = 0; i < chart->band_count; i++)
        put(script, "$b%d_%d using 1:2:3 with filledcurves %s lc rgb '%s' notitle, ", number, i,
            BAND_FILL, FORECAST);
    for (int i = 0; i < chart->line_count; i++) {
        const struct pl_line *line = &chart->lines[i];
        dots = dots && line->count <= DOTS_MAX;
        put(script, "%s$l%d_%d using 1:2 with %s lw %s lc rgb '%s'%s notitle", i ? ", " : "",
            number, i, dots ? "linespoints" : "lines",
            line->role == PL_LINE_FORECAST ? "1.8" : "1.3", line_colour(line, i),
            dots ? " pt 7 ps 0.35" : "");
    }
    if (legend)
        put_legend(script, chart);
    put(script, "\n");
}

static void put_chart(struct script *script, const struct pl_figure *figure, int number)
{
    const struct pl_chart *chart = &figure->charts[number];
    struct frame frame = chart_frame(figure, script->size, number);
    bool curves = chart->line_count > 0 && chart->lines[0].role == PL_LINE_CURVE;
    bool legend = curves ? chart->line_count > 1 : number == 0 && chart->band_count > 0;
    put_frame(script, chart, &frame);
    put_axes(script, chart, &frame);
    if (legend)
        put(script,
            "set key at screen %.6f, %.6f right center horizontal samplen 1.6 font '%s,10' "
            "textcolor rgb '%s'\n",
            frame.right / script->size.width, (frame.top + 15) / script->size.height, FONT, INK);
    put_curves(script, chart, number, legend);
}

/* A side of one cell is written twice, since gnuplot's images have at least 2 x 2 points. */
static void put_cells(struct script *script, const struct pl_cells *cells, int number)
{
    int repeat_rows = cells->rows == 1 ? 2 : 1, repeat_columns = cells->columns == 1 ? 2 : 1;
    put(script, "$c%d << END\n", number);
    for (int64_t i = 0; i < cells->rows * repeat_rows; i++) {
        for (int64_t j = 0; j < cells->columns * repeat_columns; j++) {
            double value = cells->values[i / repeat_rows * cells->columns + j / repeat_columns];
            if (pl_plottable(value))
                put(script, "%.6g ", value);
            else
                put(script, "NaN ");
        }
        put(script, "\n");
    }
    double x = (double)cells->full_columns / (double)(cells->columns * repeat_columns);
    double y = (double)cells->full_rows / (double)(cells->rows * repeat_rows);
    put(script,
        "END\nplot $c%d using (($1+0.5)*%.10g-0.5):(($2+0.5)*%.10g-0.5):3 matrix with image "
        "notitle\n",
        number, x, y);
}

static void put_matrix(struct script *script, const struct pl_figure *figure, int number)
{
    const struct pl_chart *chart = &figure->charts[number];
    const struct pl_cells *cells = &chart->cells;
    struct frame frame = chart_frame(figure, script->size, number);
    struct pl_tick ticks[PL_TICKS_MAX];
    double width = script->size.width, height = script->size.height;
    double low = chart->y_low, high = chart->y_high, rows = (double)cells->full_rows;
    put_frame(script, chart, &frame);
    put(script, "set border 15\n");
    if (low < 0 && high > 0) { /* signed: white is zero */
        high = fmax(-low, high);
        low = -high;
        put(script, "set palette defined (-3 '#0b4f8a', -1.2 '#7fb8dd', 0 '#ffffff', "
                    "1.2 '#f0a17f', 3 '#a8200d')\n");
    } else {
        put(script, "set palette defined (0 '#f4f8fb', 1 '#9ccbe2', 2 '#3f8fc0', 3 '#0a3a6b')\n");
    }
    put(script, "set xrange [%.16g:%.16g]\nset yrange [%.16g:-0.5]\nset cbrange [%.16g:%.16g]\n",
        chart->x_low, chart->x_high, rows - 0.5, low, high);
    put_ticks(
        script, "x", ticks,
        pl_ticks_cells((double)cells->full_columns, room(frame.right - frame.left, 70), ticks));
    put_ticks(script, "y", ticks, pl_ticks_cells(rows, room(frame.top - frame.bottom, 40), ticks));
    put_ticks(script, "cb", ticks,
              pl_ticks_number(low, high, room(frame.top - frame.bottom, 50), ticks));
    put(script, "set colorbox user origin screen %.6f, %.6f size screen %.6f, %.6f noborder\n",
        (frame.right + 14) / width, frame.bottom / height, 12 / width,
        (frame.top - frame.bottom) / height);
    put_cells(script, cells, number);
}

static void put_figure(struct script *script, const struct pl_figure *figure, bool svg)
{
    put(script,
        "set encoding utf8\nset terminal %s noenhanced size %d,%d font '%s,10' "
        "background rgb '#ffffff'\nset multiplot\n",
        svg ? "svg" : "pngcairo", script->size.width, script->size.height, FONT);
    if (figure->title) {
        put(script, "set label 9 ");
        put_quoted(script, figure->title);
        put(script, " at screen %.6f, %.6f left font '%s,13' textcolor rgb '%s'\n",
            22.0 / script->size.width, 1 - 20.0 / script->size.height, FONT, OBSERVED);
        put(script, "unset border\nunset tics\nunset key\nset xrange [0:1]\nset yrange [0:1]\n"
                    "plot 1/0 notitle\n");
    }
    for (int i = 0; i < figure->chart_count; i++) {
        if (figure->charts[i].cells.values)
            put_matrix(script, figure, i);
        else
            put_chart(script, figure, i);
    }
    put(script, "unset multiplot\n");
}

/* What gnuplot said last, from the file its standard error went to. */
static enum pl_status gnuplot_failed(struct pl_context *context, int errors)
{
    char text[4096];
    size_t size;
    off_t end = lseek(errors, 0, SEEK_END);
    off_t start = end > (off_t)sizeof text - 1 ? end - ((off_t)sizeof text - 1) : 0;
    if (end < 0 || lseek(errors, start, SEEK_SET) < 0)
        return pl_fail_errno(context, "cannot read what gnuplot said");
    enum pl_status status = pl_read_full(context, errors, text, sizeof text - 1, &size);
    if (status != PL_OK)
        return status;
    while (size > 0 && (unsigned char)text[size - 1] <= ' ')
        size--;
    text[size] = '\0';
    const char *line = strrchr(text, '\n');
    return pl_fail(context, PL_SYSTEM, "gnuplot failed: %s",
                   size == 0 ? "it gave no reason"
                   : line    ? line + 1
                             : text);
}

static enum pl_status not_installed(struct pl_context *context)
{
    return pl_fail(context, PL_SYSTEM,
                   "gnuplot is not installed: run 'apt-get install gnuplot-nox', or draw in the "
                   "terminal with -f term");
}

static enum pl_status run_gnuplot(struct pl_context *context, int script, int output, int errors)
{
    char *const arguments[] = {"gnuplot", "-d", NULL}; /* -d: no start-up files of the user */
    posix_spawn_file_actions_t actions;
    pid_t child;
    int code = posix_spawn_file_actions_init(&actions);
    if (code == 0) {
        (void)(posix_spawn_file_actions_adddup2(&actions, script, 0) ||
               posix_spawn_file_actions_adddup2(&actions, output, 1) ||
               posix_spawn_file_actions_adddup2(&actions, errors, 2));
        code = posix_spawnp(&child, arguments[0], &actions, NULL, arguments, environ);
        posix_spawn_file_actions_destroy(&actions);
    }
    if (code == ENOENT)
        return not_installed(context);
    errno = code;
    if (code != 0)
        return pl_fail_errno(context, "cannot run gnuplot");
    int result;
    while (waitpid(child, &result, 0) < 0) {
        if (errno != EINTR)
            return pl_fail_errno(context, "cannot wait for gnuplot");
    }
    if (WIFSIGNALED(result))
        return pl_fail(context, PL_SYSTEM, "gnuplot was ended by signal %d", WTERMSIG(result));
    if (WEXITSTATUS(result) == 127) /* where posix_spawn cannot tell, it says so by this */
        return not_installed(context);
    return WEXITSTATUS(result) == 0 ? PL_OK : gnuplot_failed(context, errors);
}

/* Copies the picture to the output, unless its end is missing. */
static enum pl_status pass_on(struct pl_context *context, int picture, bool svg,
                              const struct pl_output *output)
{
    const char *end = svg ? "</svg>" : "IEND";
    char tail[16] = "", *bytes = NULL;
    size_t got = 0;
    off_t size = lseek(picture, 0, SEEK_END);
    if (size < 0 || lseek(picture, size > 15 ? size - 15 : 0, SEEK_SET) < 0)
        return pl_fail_errno(context, "cannot read gnuplot's picture");
    enum pl_status status = pl_read_full(context, picture, tail, sizeof tail - 1, &got);
    if (status == PL_OK && !memmem(tail, got, end, strlen(end)))
        status = pl_fail(context, PL_SYSTEM,
                         "gnuplot's picture is cut short; is the disk for "
                         "temporary files full?");
    if (status == PL_OK && lseek(picture, 0, SEEK_SET) != 0)
        status = pl_fail_errno(context, "cannot rewind gnuplot's picture");
    if (status == PL_OK && !(bytes = pl_new(context, (size_t)size, 1)))
        status = context->status;
    if (status == PL_OK)
        status = pl_read_full(context, picture, bytes, (size_t)size, &got);
    if (status == PL_OK)
        status = pl_output_write(context, output, bytes, got);
    free(bytes);
    return status;
}

enum pl_status pl_figure_gnuplot(struct pl_context *context, const struct pl_figure *figure,
                                 bool svg, struct pl_plot_size size, const struct pl_output *output)
{
    struct script script = {.context = context, .size = size};
    enum { SCRIPT, PICTURE, ERRORS, FILES };
    int files[FILES] = {-1, -1, -1};
    if (size.width == 0)
        script.size = default_size(figure);
    put_figure(&script, figure, svg);
    enum pl_status status = script.status;
    for (int i = 0; i < FILES && status == PL_OK; i++)
        status = pl_file_temporary(context, &files[i]);
    if (status == PL_OK)
        status =
            pl_file_temporary_write(context, files[SCRIPT], script.text.data, script.text.size);
    if (status == PL_OK && lseek(files[SCRIPT], 0, SEEK_SET) != 0)
        status = pl_fail_errno(context, "cannot rewind gnuplot's script");
    if (status == PL_OK)
        status = run_gnuplot(context, files[SCRIPT], files[PICTURE], files[ERRORS]);
    if (status == PL_OK)
        status = pass_on(context, files[PICTURE], svg, output);
    for (int i = 0; i < FILES; i++) {
        if (files[i] >= 0)
            close(files[i]);
    }
    pl_buffer_release(&script.text);
    return status;
}
