/* Draws a figure with characters.
 * SPDX-License-Identifier: MIT
 *
 * Unicode has a character for every pattern of 2 x 4 Braille dots, so a character cell is a tiny
 * bitmap:
 *
 *     1 4        the bits of U+2800 + bits, dot 1 the lowest:
 *     2 5        column 0: 01 02 04 40
 *     3 6        column 1: 08 10 20 80
 *     7 8
 *
 * Each cell keeps the dots of three layers: bands, then observed, then forecast.  A cell shows the
 * uppermost layer that has dots in it, since a cell can have one colour only.  In ASCII each cell
 * shows one letter for its uppermost layer. */
#include "plot/terminal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plot/axis.h"

enum layer { WIDE_BAND, BAND, OBSERVED, FORECAST, LAYERS };

static const struct {
    const char *escape; /* of the layer's colour */
    char letter;
} looks[LAYERS] = {
    {"\033[38;5;180m", '.'}, {"\033[38;5;173m", ':'}, {"", '*'}, {"\033[1;38;5;202m", 'o'}};

#define FAINT "\033[2m"
#define PLAIN "\033[0m"

#define MARGIN 9 /* columns left of the axis */

/* The drawing area of one chart. */
struct canvas {
    int columns, rows;  /* characters */
    int dots_x, dots_y; /* dots in a character: 2 x 4, in ASCII 1 x 1 */
    uint8_t (*cells)[LAYERS];
};

static void set_dot(struct canvas *canvas, int x, int y, enum layer layer)
{
    static const uint8_t bits[2][4] = {{0x01, 0x02, 0x04, 0x40}, {0x08, 0x10, 0x20, 0x80}};
    int column = x / canvas->dots_x, row = y / canvas->dots_y;
    if (x < 0 || y < 0 || column >= canvas->columns || row >= canvas->rows)
        return;
    canvas->cells[row * canvas->columns + column][layer] |=
        bits[x % canvas->dots_x][y % canvas->dots_y];
}

/* Dots of a value on an axis of `dots` dots from low to high. */
static double to_dots(double value, double low, double high, int dots)
{
    return (value - low) / (high - low) * (dots - 1);
}

struct point {
    double x, y;
};

static struct point place(const struct canvas *canvas, const struct pl_chart *chart, double x,
                          double y)
{
    int width = canvas->columns * canvas->dots_x, height = canvas->rows * canvas->dots_y;
    return (struct point){to_dots(x, chart->x_low, chart->x_high, width),
                          height - 1 - to_dots(y, chart->y_low, chart->y_high, height)};
}

static void draw_segment(struct canvas *canvas, struct point from, struct point to,
                         enum layer layer)
{
    int steps = (int)ceil(fmax(fabs(to.x - from.x), fabs(to.y - from.y)));
    for (int i = 0; i <= steps; i++) {
        double part = steps ? (double)i / steps : 0;
        set_dot(canvas, (int)lround(from.x + part * (to.x - from.x)),
                (int)lround(from.y + part * (to.y - from.y)), layer);
    }
}

static void draw_line(struct canvas *canvas, const struct pl_chart *chart,
                      const struct pl_line *line, enum layer layer)
{
    bool joined = false;
    struct point before = {0, 0};
    for (int64_t i = 0; i < line->count; i++) {
        bool known = pl_plottable(line->x[i]) && pl_plottable(line->y[i]);
        if (known) {
            struct point here = place(canvas, chart, line->x[i], line->y[i]);
            draw_segment(canvas, joined ? before : here, here, layer);
            before = here;
        }
        joined = known;
    }
}

/* Fills between the bounds with a pattern of dots: every eighth for the widest band, every fourth
 * for those inside. */
static void draw_band(struct canvas *canvas, const struct pl_chart *chart,
                      const struct pl_band *band, enum layer layer)
{
    for (int64_t i = 0; i + 1 < band->count; i++) {
        if (!pl_plottable(band->low[i]) || !pl_plottable(band->high[i]) ||
            !pl_plottable(band->low[i + 1]) || !pl_plottable(band->high[i + 1]))
            continue;
        struct point low = place(canvas, chart, band->x[i], band->low[i]);
        struct point high = place(canvas, chart, band->x[i], band->high[i]);
        struct point next_low = place(canvas, chart, band->x[i + 1], band->low[i + 1]);
        struct point next_high = place(canvas, chart, band->x[i + 1], band->high[i + 1]);
        for (int x = (int)ceil(low.x); x <= (int)floor(next_low.x); x++) {
            double part = next_low.x > low.x ? (x - low.x) / (next_low.x - low.x) : 0;
            int top = (int)lround(high.y + part * (next_high.y - high.y));
            int bottom = (int)lround(low.y + part * (next_low.y - low.y));
            for (int y = top < 0 ? 0 : top; y <= bottom && y < canvas->rows * canvas->dots_y; y++) {
                if (canvas->dots_x == 1 ||
                    (layer == BAND ? (x + y) % 2 == 0 && y % 2 == 0
                                   : (x + y / 2) % 2 == 0 && y % 2 == 0 && x % 2 == 0))
                    set_dot(canvas, x, y, layer);
            }
        }
    }
}

static enum layer line_layer(const struct pl_line *line, int number)
{
    if (line->role == PL_LINE_CURVE)
        return number == 0 ? OBSERVED : FORECAST;
    return line->role == PL_LINE_FORECAST ? FORECAST : OBSERVED;
}

/* The text being made; the first failure stays in status. */
struct page {
    struct pl_context *context;
    struct pl_buffer *out;
    const struct pl_terminal *terminal;
    enum pl_status status;
};

static void put(struct page *page, const char *text)
{
    if (page->status == PL_OK)
        page->status = pl_buffer_text(page->context, page->out, text);
}

static void put_coloured(struct page *page, const char *escape, const char *text)
{
    bool colour = page->terminal->colour && escape[0];
    if (colour)
        put(page, escape);
    put(page, text);
    if (colour)
        put(page, PLAIN);
}

static void put_cell(struct page *page, const uint8_t cell[LAYERS])
{
    char text[8] = " ";
    int layer = LAYERS - 1;
    while (layer >= 0 && cell[layer] == 0)
        layer--;
    if (layer >= 0 && page->terminal->unicode) {
        int code = 0x2800 + cell[layer];
        text[0] = (char)(0xe0 | code >> 12);
        text[1] = (char)(0x80 | (code >> 6 & 0x3f));
        text[2] = (char)(0x80 | (code & 0x3f));
        text[3] = '\0';
    } else if (layer >= 0) {
        text[0] = looks[layer].letter;
    }
    put_coloured(page, layer >= 0 ? looks[layer].escape : "", text);
}

/* Writes the labels of the ticks into a line of blanks, each centred under its tick where it does
 * not touch the one before. */
static void put_labels(struct page *page, const struct pl_chart *chart, int columns,
                       const struct pl_tick *ticks, int count, bool under)
{
    char line[1024];
    int size = MARGIN + columns + 1, free_from = 0, end = 0;
    if (size > (int)sizeof line - 1)
        size = (int)sizeof line - 1;
    memset(line, ' ', sizeof line);
    for (int i = 0; i < count; i++) {
        const char *label = under ? ticks[i].under : ticks[i].label;
        int length = (int)strlen(label);
        int at = MARGIN + 1 +
                 (int)lround(to_dots(ticks[i].at, chart->x_low, chart->x_high, columns)) -
                 length / 2;
        if (at + length > size)
            at = size - length;
        if (length == 0 || at < free_from)
            continue;
        memcpy(line + at, label, (size_t)length);
        end = at + length;
        free_from = end + 1;
    }
    if (end == 0)
        return;
    line[end] = '\0';
    put_coloured(page, FAINT, line);
    put(page, "\n");
}

static void put_x_axis(struct page *page, const struct pl_chart *chart, int columns)
{
    bool unicode = page->terminal->unicode;
    struct pl_tick ticks[PL_TICKS_MAX];
    int most = columns / 9 < 2 ? 2 : columns / 9;
    int count = chart->time ? pl_ticks_time(chart->x_low, chart->x_high, most, ticks)
                            : pl_ticks_number(chart->x_low, chart->x_high, most, ticks);
    char margin[MARGIN + 1];
    memset(margin, ' ', MARGIN);
    margin[MARGIN] = '\0';
    put(page, margin);
    if (page->terminal->colour)
        put(page, FAINT);
    put(page, unicode ? "└" : "+");
    for (int c = 0, next = 0; c < columns; c++) {
        while (next < count &&
               lround(to_dots(ticks[next].at, chart->x_low, chart->x_high, columns)) < c)
            next++;
        bool tick = next < count &&
                    lround(to_dots(ticks[next].at, chart->x_low, chart->x_high, columns)) == c;
        put(page, tick ? (unicode ? "┬" : "+") : (unicode ? "─" : "-"));
    }
    put(page, page->terminal->colour ? PLAIN "\n" : "\n");
    put_labels(page, chart, columns, ticks, count, false);
    put_labels(page, chart, columns, ticks, count, true);
}

/* The rows of the canvas with the y axis on their left. */
static void put_canvas(struct page *page, const struct pl_chart *chart, const struct canvas *canvas)
{
    bool unicode = page->terminal->unicode;
    struct pl_tick ticks[PL_TICKS_MAX];
    int most = (canvas->rows + 2) / 3;
    int count = pl_ticks_number(chart->y_low, chart->y_high, most, ticks);
    for (int row = 0; row < canvas->rows; row++) {
        const char *label = NULL;
        char margin[64];
        for (int i = 0; i < count && !label; i++) {
            double at = to_dots(ticks[i].at, chart->y_low, chart->y_high, canvas->rows);
            if (lround(canvas->rows - 1 - at) == row)
                label = ticks[i].label;
        }
        snprintf(margin, sizeof margin, "%*.*s %s", MARGIN - 1, MARGIN - 1, label ? label : "",
                 label ? (unicode ? "┤" : "+") : (unicode ? "│" : "|"));
        put_coloured(page, FAINT, margin);
        int end = canvas->columns;
        while (end > 0 && memcmp(canvas->cells[row * canvas->columns + end - 1],
                                 (uint8_t[LAYERS]){0}, LAYERS) == 0)
            end--;
        for (int c = 0; c < end; c++)
            put_cell(page, canvas->cells[row * canvas->columns + c]);
        put(page, "\n");
    }
}

static void put_legend_entry(struct page *page, enum layer layer, const char *label)
{
    static const char *const samples[LAYERS] = {"⠡⠡", "⡪⡪", "⠤⠤", "⠤⠤"};
    char letters[3] = {looks[layer].letter, looks[layer].letter, '\0'};
    put(page, "  ");
    put_coloured(page, looks[layer].escape, page->terminal->unicode ? samples[layer] : letters);
    put(page, " ");
    put(page, label);
}

/* The chart's title, and what its layers are where there is more than one. */
static void put_title(struct page *page, const struct pl_chart *chart)
{
    put_coloured(page, "\033[1m", chart->title);
    if (chart->line_count + chart->band_count > 1) {
        for (int i = 0; i < chart->line_count && i < 2; i++)
            put_legend_entry(page, line_layer(&chart->lines[i], i), chart->lines[i].label);
        for (int i = chart->band_count - 1; i >= 0; i--)
            put_legend_entry(page, i == 0 && chart->band_count > 1 ? WIDE_BAND : BAND,
                             chart->bands[i].label);
    }
    put(page, "\n");
}

static void put_chart(struct page *page, const struct pl_chart *chart, int rows)
{
    bool unicode = page->terminal->unicode;
    struct canvas canvas = {.columns = page->terminal->columns - MARGIN - 1,
                            .rows = rows,
                            .dots_x = unicode ? 2 : 1,
                            .dots_y = unicode ? 4 : 1};
    canvas.cells = pl_new(page->context, (size_t)(canvas.columns * canvas.rows), LAYERS);
    if (!canvas.cells) {
        page->status = page->context->status;
        return;
    }
    for (int i = 0; i < chart->band_count; i++)
        draw_band(&canvas, chart, &chart->bands[i],
                  i == 0 && chart->band_count > 1 ? WIDE_BAND : BAND);
    for (int i = 0; i < chart->line_count; i++)
        draw_line(&canvas, chart, &chart->lines[i], line_layer(&chart->lines[i], i));
    put_title(page, chart);
    put_canvas(page, chart, &canvas);
    put_x_axis(page, chart, canvas.columns);
    free(canvas.cells);
}

/* A matrix as shades; the darkest is the largest value. */
static void put_matrix(struct page *page, const struct pl_chart *chart, int rows)
{
    static const char *const blocks[] = {" ", "░", "▒", "▓", "█"};
    static const char *const letters[] = {" ", ".", ":", "-", "=", "+", "*", "#", "%", "@"};
    const struct pl_cells *cells = &chart->cells;
    bool unicode = page->terminal->unicode;
    int shades = unicode ? 5 : 10;
    int columns = page->terminal->columns - MARGIN;
    if (cells->rows < rows)
        rows = (int)cells->rows;
    if (cells->columns < columns) /* the same number of characters for every cell */
        columns = (int)(columns / cells->columns * cells->columns);
    char low[32], high[32], line[160];
    snprintf(low, sizeof low, "%.4g", chart->y_low);
    snprintf(high, sizeof high, "%.4g", chart->y_high);
    put_coloured(page, "\033[1m", chart->title);
    snprintf(line, sizeof line, "  '%s' %s to '%s' %s\n", blocks[0], low,
             unicode ? blocks[4] : letters[9], high);
    put(page, line);
    for (int i = 0; i < rows; i++) {
        int64_t row = cells->rows * i / rows;
        snprintf(line, sizeof line, "%*lld ", MARGIN - 1,
                 (long long)(cells->full_rows * row / cells->rows));
        put_coloured(page, FAINT, line);
        for (int j = 0; j < columns; j++) {
            double value = cells->values[row * cells->columns + cells->columns * j / columns];
            double part = (value - chart->y_low) / (chart->y_high - chart->y_low);
            int shade = isfinite(part) ? (int)fmax(0, fmin(shades - 1, floor(part * shades))) : 0;
            put(page, unicode ? blocks[shade] : letters[shade]);
        }
        put(page, "\n");
    }
}

enum pl_status pl_figure_terminal(struct pl_context *context, const struct pl_figure *figure,
                                  const struct pl_terminal *terminal, struct pl_buffer *out)
{
    struct page page = {.context = context, .out = out, .terminal = terminal, .status = PL_OK};
    int each = figure->chart_count ? (terminal->rows - 1) / figure->chart_count - 4 : 0;
    int rows = each < 5 ? 5 : each > 16 ? 16 : each;
    if (figure->title) {
        put_coloured(&page, "\033[1m", figure->title);
        put(&page, "\n");
    }
    for (int i = 0; i < figure->chart_count && page.status == PL_OK; i++) {
        if (figure->charts[i].cells.values)
            put_matrix(&page, &figure->charts[i], rows);
        else
            put_chart(&page, &figure->charts[i], rows);
    }
    return page.status;
}
