/* ts-plot: draws series, forecasts, curves and matrices.
 * SPDX-License-Identifier: MIT */
#include "plumbline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "plot/gnuplot.h"
#include "plot/terminal.h"

enum format { FORMAT_AUTO = -1, FORMAT_PNG, FORMAT_SVG, FORMAT_TERM };

struct command {
    int format;
    const char *size;  /* "WxH" */
    const char *title; /* NULL: made from the data */
    struct pl_list names;
    bool matrix;
    int64_t last;
    struct pl_import import; /* how to read data that is not a stream */
};

static const struct pl_option options[] = {
    PL_CHOICE(struct command, format, "format", 'f', NULL, "png|svg|term", "FORMAT",
              "png and svg need gnuplot, term draws with characters (default: term on a terminal, "
              "else by the suffix of the output, else png)"),
    PL_TEXT(struct command, size, "size", 0, NULL, "WxH",
            "width and height, in pixels or, with -f term, in characters", "1200x600"),
    PL_TEXT(struct command, title, "title", 0, NULL, "TEXT",
            "title above the charts (default: what the forecast says of itself)",
            "Load of the next four days"),
    PL_LIST(struct command, names, "name", 'n', "GLOB",
            "draw only the channels, series or tensors whose name matches GLOB; a leading ! leaves "
            "them out instead",
            "pm2.5"),
    PL_FLAG(struct command, matrix, "matrix", 0, NULL,
            "draw matrices only, and a series as one: rows down, channels across"),
    PL_INT(struct command, last, "last", 0, "0", 0, 1e15, "N",
           "show only the last N rows of what was observed (0: all, beside a forecast three times "
           "its length)",
           "500"),
    PL_IMPORT_CSV_OPTIONS(struct command, import),
    PL_OPTIONS_END};

static const struct pl_example examples[] = {
    {"ts-plot -n sst -o sst.svg data/elnino_monthly.csv", "a series as a vector graphic"},
    {"ts-plot -f term --last 240 data/elnino_monthly.csv", "its last twenty years, as text"},
    {"cut -d, -f2- data/elnino.csv | ts-plot --matrix -o years.png", "a table as a heat map"},
    {NULL, NULL}};

static bool has_suffix(const char *path, const char *suffix)
{
    size_t size = path ? strlen(path) : 0, suffix_size = strlen(suffix);
    return size > suffix_size && strcmp(path + size - suffix_size, suffix) == 0;
}

static bool to_stdout(const struct pl_run *run)
{
    return !run->common.output || strcmp(run->common.output, "-") == 0;
}

static enum format choose_format(const struct pl_run *run, const struct command *command)
{
    if (command->format != FORMAT_AUTO)
        return (enum format)command->format;
    if (to_stdout(run))
        return run->stdout_terminal ? FORMAT_TERM : FORMAT_PNG;
    if (has_suffix(run->common.output, ".svg"))
        return FORMAT_SVG;
    return has_suffix(run->common.output, ".txt") ? FORMAT_TERM : FORMAT_PNG;
}

/* "1200x600" within the limits of the format; 0 x 0 when the option was not given. */
static enum pl_status parse_size(struct pl_context *context, const char *text, enum format format,
                                 struct pl_plot_size *size)
{
    int64_t width = 0, height = 0, least = format == FORMAT_TERM ? 20 : 100;
    int64_t most = format == FORMAT_TERM ? 500 : 16384;
    *size = (struct pl_plot_size){0, 0};
    if (!text)
        return PL_OK;
    const char *cross = strchr(text, 'x');
    if (!cross || !pl_parse_int64(text, (size_t)(cross - text), &width) ||
        !pl_parse_int64(cross + 1, strlen(cross + 1), &height))
        return pl_fail(context, PL_USAGE, "--size '%s': expected WIDTHxHEIGHT", text);
    if (width < least || width > most || height < least / 4 || height > most)
        return pl_fail(context, PL_USAGE, "--size '%s': each side must be between %lld and %lld",
                       text, (long long)least, (long long)most);
    *size = (struct pl_plot_size){(int)width, (int)height};
    return PL_OK;
}

/* Whether the locale's characters are UTF-8, by its name: the first of these variables decides. */
static bool locale_is_utf8(void)
{
    static const char *const variables[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
        const char *value = getenv(variables[i]);
        if (value && value[0])
            return strcasestr(value, "utf-8") || strcasestr(value, "utf8");
    }
    return false;
}

/* The size given, else that of the terminal, else 100 x 30. */
static struct pl_terminal terminal_of(const struct pl_run *run, struct pl_plot_size size)
{
    struct pl_terminal terminal = {.columns = 100, .rows = 30, .unicode = locale_is_utf8()};
    const char *no_colour = getenv("NO_COLOR");
    struct winsize window;
    bool shown = pl_run_to_terminal(run);
    terminal.colour = shown && !(no_colour && no_colour[0]);
    if (size.width) {
        terminal.columns = size.width;
        terminal.rows = size.height;
    } else if (shown && ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col >= 20 &&
               window.ws_row >= 5) {
        terminal.columns = window.ws_col < 160 ? window.ws_col : 160;
        terminal.rows = window.ws_row;
    }
    return terminal;
}

/* "96 steps ahead by nlinear", from what the forecast says of itself. */
static enum pl_status default_title(struct pl_run *run, struct pl_figure *figure,
                                    const struct pl_bundle *bundle)
{
    const struct pl_meta_node *forecast = pl_bundle_document(bundle, "forecast");
    const char *model = NULL;
    int64_t horizon = 0;
    char text[256];
    if (!forecast)
        return PL_OK;
    enum pl_status status = pl_meta_text(&run->context, forecast, "model", &model);
    if (status == PL_OK)
        status = pl_meta_int(&run->context, forecast, "horizon", &horizon);
    if (status != PL_OK || !model || horizon <= 0)
        return status;
    snprintf(text, sizeof text, "%lld step%s ahead by %.200s", (long long)horizon,
             horizon == 1 ? "" : "s", model);
    figure->title = pl_figure_text(&run->context, figure, text);
    return figure->title ? PL_OK : run->context.status;
}

/* Adds every operand; those behind a forecast are what was observed. */
static enum pl_status read_operands(struct pl_run *run, const struct command *command,
                                    struct pl_figure *figure)
{
    struct pl_context *context = &run->context;
    struct pl_figure_choice choice = {.matrix = command->matrix, .last = command->last};
    int count = run->operand_count ? run->operand_count : 1;
    enum pl_status status = PL_OK;
    for (size_t i = 0; i < command->names.count && status == PL_OK; i++)
        status = pl_patterns_add(context, &choice.names, command->names.items[i], false);
    for (int i = 0; i < count && status == PL_OK; i++) {
        struct pl_bundle bundle = {0}, observed = {0};
        struct pl_source source;
        status =
            pl_input_bundle(context, pl_run_operand(run, i), &command->import, &source, &bundle);
        bool forecast = status == PL_OK && pl_bundle_is_forecast(&bundle);
        bool beside = forecast && i + 1 < count;
        if (beside)
            status = pl_input_bundle(context, pl_run_operand(run, ++i), &command->import, &source,
                                     &observed);
        if (status == PL_OK)
            status = pl_figure_add(context, figure, &choice, &bundle, beside ? &observed : NULL);
        if (status == PL_OK && forecast && !figure->title)
            status = default_title(run, figure, &bundle);
        pl_bundle_release(&observed);
        pl_bundle_release(&bundle);
    }
    pl_patterns_release(&choice.names);
    return status;
}

static enum pl_status draw(struct pl_run *run, const struct pl_figure *figure, enum format format,
                           struct pl_plot_size size)
{
    struct pl_context *context = &run->context;
    struct pl_output output;
    struct pl_buffer text = {0};
    enum pl_status status = pl_output_open(context, &output, run->common.output);
    if (status != PL_OK)
        return status;
    if (format == FORMAT_TERM) {
        struct pl_terminal terminal = terminal_of(run, size);
        status = pl_figure_terminal(context, figure, &terminal, &text);
        if (status == PL_OK)
            status = pl_output_write(context, &output, text.data, text.size);
    } else {
        status = pl_figure_gnuplot(context, figure, format == FORMAT_SVG, size, &output);
    }
    if (status == PL_OK)
        status = pl_output_commit(context, &output);
    else
        pl_output_abort(&output);
    pl_buffer_release(&text);
    return status;
}

static enum pl_status run(struct pl_run *run, void *arguments)
{
    struct command *command = arguments;
    enum format format = choose_format(run, command);
    struct pl_figure figure = {0};
    struct pl_plot_size size;
    enum pl_status status = parse_size(&run->context, command->size, format, &size);
    if (status == PL_OK && format == FORMAT_PNG)
        status = pl_run_binary_output(run);
    if (status == PL_OK && command->title) {
        figure.title = pl_figure_text(&run->context, &figure, command->title);
        status = figure.title ? PL_OK : run->context.status;
    }
    if (status == PL_OK)
        status = read_operands(run, command, &figure);
    if (status == PL_OK && figure.omitted)
        pl_run_note(run, "drew the first %d of %lld charts; choose others with -n",
                    figure.chart_count, (long long)figure.chart_count + figure.omitted);
    if (status == PL_OK)
        status = draw(run, &figure, format, size);
    pl_figure_release(&figure);
    return status;
}

static const char *const unused[] = {"threads", "seed", "history", "explain", "memory", NULL};

static const struct pl_tool tool = {
    .name = "ts-plot",
    .summary = "draw series, forecasts, curves and matrices",
    .operands = "[FILE ...]",
    .least = 0,
    .most = -1,
    .options = options,
    .unused = unused,
    .command_size = sizeof(struct command),
    .examples = examples,
    .see_also = "ts-info(1), ts-export(1), lin-forecast(1), plumbline(7)",
    .run = run,
};

int main(int argc, char **argv)
{
    return pl_tool_main(&tool, argc, argv);
}
