/* Options: text to typed fields, the message for every kind of junk, help and configuration.
 * SPDX-License-Identifier: MIT */
#include <float.h>
#include <stdint.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/settings.h"
#include "check.h"

struct command {
    int64_t lookback;
    bool lookback_given;
    double ridge, rate;
    uint64_t chunk;
    const char *time;
    int model;
    bool csv, bias;
    struct pl_list names;
    struct pl_list settings;
};

static const struct pl_option options[] = {
    {PL_OPTION_INT, "lookback", 'L', PL_FIELD(struct command, lookback, int64_t),
     offsetof(struct command, lookback_given), "336", 1, 100000, NULL, "ROWS",
     "rows the model sees", "96"},
    PL_REAL(struct command, ridge, "ridge", 0, "0.5", 0, HUGE_VAL, "X", "weight of the penalty",
            NULL),
    PL_REAL(struct command, rate, "rate", 0, NULL, -DBL_MAX, 1, "X", "step size", NULL),
    PL_BYTES(struct command, chunk, "chunk", 0, "64K", "size of a chunk", NULL),
    PL_TEXT(struct command, time, "time", 't', NULL, "NAME", "the time column", NULL),
    PL_CHOICE(struct command, model, "model", 'm', "linear", "mean|linear|dlinear", "MODEL",
              "kind of model"),
    PL_FLAG(struct command, csv, "csv", 0, NULL, "print CSV"),
    PL_FLAG(struct command, bias, "bias", 0, "yes", "leave out the bias"),
    PL_LIST(struct command, names, "name", 'n', "GLOB", "names to take", NULL),
    PL_OPTIONS_END,
};

/* A model with a width and a depth; --rate is for no dlinear. */
static const struct pl_option extras[] = {
    PL_LIST(struct command, settings, "set", 0, "KEY=VALUE", "settings", NULL),
    PL_OPTIONS_END,
};

static const char *extra_key(size_t index)
{
    static const char *const keys[] = {"width", "depth", NULL};
    return keys[index];
}

static enum pl_status refuse(struct pl_context *failure, const void *fields, const char *option)
{
    if (strcmp(option, "rate") == 0 && ((const struct command *)fields)->model == 2)
        return pl_fail(failure, PL_USAGE, "--%s has no effect with --model dlinear", option);
    return PL_OK;
}

static const char *const unused[] = {"seed", NULL};
static const char *const alone[] = {"csv", NULL};
static const struct pl_tool tool = {
    .name = "pl-try",
    .summary = "try the options",
    .operands = "MODEL [DATA]",
    .least = 1,
    .most = 2,
    .options = options,
    .unused = unused,
    .alone = alone,
    .settings = extras,
    .setting_key = extra_key,
    .refuse = refuse,
    .command_size = sizeof(struct command),
};

static struct pl_context context;
static struct pl_settings settings;
static struct command command;

/* Runs the arguments through everything; the settings stay open. */
static enum pl_status parse(const char *const *arguments)
{
    char *argv[32] = {(char *)(uintptr_t) "pl-try"};
    int argc = 1;
    enum pl_status status;

    memset(&command, 0, sizeof command);
    memset(&context, 0, sizeof context);
    for (; *arguments != NULL; arguments++)
        argv[argc++] = (char *)(uintptr_t)*arguments;
    status = pl_settings_init(&context, &settings, &tool, &command);
    if (status == PL_OK)
        status = pl_settings_scan(&context, &settings, argc, argv);
    if (status == PL_OK)
        status = pl_settings_apply(&context, &settings);
    if (status == PL_OK)
        status = pl_settings_refuse(&context, &settings);
    if (status == PL_OK)
        status = pl_settings_operands(&context, &settings);
    return status;
}

#define PARSE(...) parse((const char *const[]){__VA_ARGS__, NULL})
#define CHECK_REFUSED(message_, ...)           \
    do {                                       \
        CHECK(PARSE(__VA_ARGS__) == PL_USAGE); \
        CHECK_TEXT(context.message, message_); \
        pl_settings_release(&settings);        \
    } while (0)

static void defaults(void)
{
    CHECK(PARSE("m") == PL_OK);
    CHECK(command.lookback == 336 && !command.lookback_given);
    CHECK(command.ridge == 0.5 && command.rate == 0);
    CHECK(command.chunk == 65536 && command.time == NULL && command.model == 1);
    CHECK(!command.csv && command.bias && command.names.count == 0);
    CHECK(settings.shared.common.history && settings.shared.common.threads == 0);
    pl_settings_release(&settings);
}

static void values(void)
{
    CHECK(PARSE("m", "-L", "96", "--ridge=1e-3", "--rate", "-2.5", "--chunk", "1.5G", "d", "-tday",
                "--model", "mean", "--csv", "--no-bias", "-n", "a", "-n", "b", "-qj3") == PL_OK);
    CHECK(command.lookback == 96 && command.lookback_given);
    CHECK(command.ridge == 1e-3 && command.rate == -2.5 && command.chunk == 3ull << 29);
    CHECK_TEXT(command.time, "day");
    CHECK(command.model == 0 && command.csv && !command.bias && command.names.count == 2);
    CHECK_TEXT(command.names.items[1], "b");
    CHECK(settings.shared.common.quiet && settings.shared.common.threads == 3);
    CHECK(settings.operand_count == 2);
    CHECK_TEXT(settings.operands[1], "d");
    pl_settings_release(&settings);
    CHECK(PARSE("--look", "7", "-s", "model=dlinear", "--", "-L") == PL_OK);
    CHECK(command.lookback == 7 && command.model == 2);
    CHECK_TEXT(settings.operands[0], "-L");
    pl_settings_release(&settings);
    CHECK(PARSE("--csv") == PL_OK); /* alone: no operand needed */
    pl_settings_release(&settings);
}

static void junk_values(void)
{
    CHECK_REFUSED("--lookback '4x': not an integer", "-L", "4x");
    CHECK_REFUSED("--lookback '': not an integer", "-L", "");
    CHECK_REFUSED("--lookback ' 4': not an integer", "-L", " 4");
    CHECK_REFUSED("--lookback '4.0': not an integer", "-L", "4.0");
    CHECK_REFUSED("--lookback 0: must be between 1 and 100000", "-L", "0");
    CHECK_REFUSED("--lookback 99999999999999999999: must be between 1 and 100000", "-L",
                  "99999999999999999999");
    CHECK_REFUSED("--ridge -1: must be at least 0", "--ridge", "-1");
    CHECK_REFUSED("--ridge 'nan': not a finite number", "--ridge", "nan");
    CHECK_REFUSED("--ridge 'inf': not a finite number", "--ridge", "inf");
    CHECK_REFUSED("--ridge '1,5': not a number", "--ridge", "1,5");
    CHECK_REFUSED("--rate 2: must be at most 1", "--rate", "2");
    CHECK_REFUSED("--chunk '-1': not a size, such as 64M or 1.5G", "--chunk", "-1");
    CHECK_REFUSED("--chunk '99999999999999999999': not a size, such as 64M or 1.5G", "--chunk",
                  "99999999999999999999");
    CHECK_REFUSED("--time '': must not be empty", "--time=");
    CHECK_REFUSED("--name '': must not be empty", "-n", "");
    CHECK_REFUSED("--model 'mea': must be one of mean, linear, dlinear", "-m", "mea");
    CHECK_REFUSED("--threads '4x': not an integer", "-j", "4x");
    CHECK_REFUSED("--threads 0: must be between 1 and 1024", "-j", "0");
    CHECK_REFUSED("--set 'x': must be KEY=VALUE", "-s", "x");
    CHECK_REFUSED("--set 'x=1': unknown key 'x'", "-s", "x=1");
    CHECK_REFUSED("--set 'help=yes': unknown key 'help'", "-s", "help=yes");
    CHECK_REFUSED("--set 'widht=1': unknown key 'widht'; did you mean 'width'?", "-s", "widht=1");
    CHECK_REFUSED("--set csv 'on': must be yes or no", "-s", "csv=on");
    CHECK_REFUSED("--set 'seed=1': seed has no effect here", "-s", "seed=1");
}

static void junk_options(void)
{
    CHECK_REFUSED("unknown option '--frob' (see pl-try --help)", "--frob");
    CHECK_REFUSED("unknown option '--frob' (see pl-try --help)", "--frob=3");
    CHECK_REFUSED("unknown option '-F' (see pl-try --help)", "-qF");
    CHECK_REFUSED("unknown option '--no-csv' (see pl-try --help)", "--no-csv");
    CHECK_REFUSED("ambiguous option '--l' (see pl-try --help)", "--l", "3");
    CHECK_REFUSED("option '-L' needs a value", "-L");
    CHECK_REFUSED("option '--lookback' needs a value", "--lookback");
    CHECK_REFUSED("option '--csv' takes no value", "--csv=yes");
    CHECK_REFUSED("--seed has no effect here", "--seed", "1");
    CHECK_REFUSED("too few operands: pl-try needs MODEL [DATA] (see pl-try --help)", "-q");
    CHECK_REFUSED("too many operands, from 'c' on (see pl-try --help)", "a", "b", "c");
}

static char path[] = "/tmp/cli_option.XXXXXX";

static void write_config(const char *text)
{
    FILE *file = fopen(path, "w");

    CHECK(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0);
}

static void config_order(void)
{
    write_config("lookback: 10\nname: [a, b]\nseed: 3\nbias: false\nlin-other: {x: 1}\n"
                 "pl-try:\n  ridge: 2\n  time: day\n");
    CHECK(PARSE("m", "-c", path, "--ridge", "3", "-n", "c") == PL_OK);
    CHECK_TEXT(context.message, "");
    CHECK(command.lookback == 10 && command.ridge == 3 && !command.bias);
    CHECK(command.names.count == 1);
    CHECK_TEXT(command.names.items[0], "c");
    CHECK_TEXT(command.time, "day");
    pl_settings_release(&settings);
}

static void config_junk(void)
{
    char expected[256];

#define CHECK_CONFIG(text, message_)                                 \
    do {                                                             \
        write_config(text);                                          \
        snprintf(expected, sizeof expected, "%s%s", path, message_); \
        CHECK_REFUSED(expected, "m", "-c", path);                    \
    } while (0)
    CHECK_CONFIG("csv: true\nlookbak: 3\n",
                 ":2:1: unknown key 'lookbak'; did you mean 'lookback'?");
    CHECK_CONFIG("pl-try:\n  lookbak: 3\n",
                 ":2:3: unknown key 'lookbak'; did you mean 'lookback'?");
    CHECK_CONFIG("model: {a: 1}\n", ":1:1: model: must be a single value");
    CHECK_CONFIG("ridge: [1, 2]\n", ":1:1: ridge: must be a single value");
    CHECK_CONFIG("other: {a: 1}\n", ":1:1: unknown key 'other'");
    CHECK_CONFIG("lookback: 4x\n", ":1:1: lookback '4x': not an integer");
    CHECK_CONFIG("help: true\n", ":1:1: unknown key 'help'");
    CHECK_CONFIG("pl-try: {seed: 1}\n", ":1:10: seed has no effect here");
    CHECK_CONFIG("width: [1, 2]\n", ":1:1: width: must be a single value");
    CHECK_CONFIG("- lookback\n", ":1:1: a configuration must be a map of option names");
}

/* Settings of models are kept as they come, the last of each key. */
static void settings_of_models(void)
{
    write_config("width: 3\ndepth: x y\n");
    CHECK(PARSE("m", "-c", path, "-s", "width=5", "--set", "lookback=7") == PL_OK);
    CHECK_TEXT(context.message, "");
    CHECK(command.lookback == 7 && command.settings.count == 2);
    CHECK_TEXT(command.settings.items[0], "width=5");
    CHECK_TEXT(command.settings.items[1], "depth=x y");
    pl_settings_release(&settings);
}

static void options_without_effect(void)
{
    CHECK_REFUSED("--rate has no effect with --model dlinear", "m", "--rate", "1", "-m", "dlinear");
    CHECK(PARSE("m", "--rate", "1") == PL_OK);
    pl_settings_release(&settings);
}

/* What --print-config prints reads back to the same values. */
static void config_round_trip(void)
{
    FILE *file;
    char first[2048] = "", second[2048] = "";

    CHECK(PARSE("m", "-t", "yes", "-n", "a: b", "-n", "3", "--rate", "0.1", "-m", "linear", "-j2",
                "--no-history", "-s", "width=08") == PL_OK);
    file = fopen(path, "w");
    CHECK(pl_config_print(&context, &settings, file) == PL_OK && fclose(file) == 0);
    pl_settings_release(&settings);
    file = fopen(path, "r");
    CHECK(fread(first, 1, sizeof first - 1, file) > 0 && fclose(file) == 0);
    CHECK(PARSE("m", "-c", path) == PL_OK);
    CHECK_TEXT(context.message, "");
    CHECK_TEXT(command.time, "yes");
    CHECK(command.names.count == 2 && command.rate == 0.1 && command.model == 1);
    CHECK(command.settings.count == 1);
    CHECK_TEXT(command.settings.items[0], "width=08");
    CHECK(!settings.shared.common.history && settings.shared.common.threads == 2);
    file = fopen(path, "w");
    CHECK(pl_config_print(&context, &settings, file) == PL_OK && fclose(file) == 0);
    pl_settings_release(&settings);
    file = fopen(path, "r");
    CHECK(fread(second, 1, sizeof second - 1, file) > 0 && fclose(file) == 0);
    CHECK_TEXT(second, first);
}

static void environment(void)
{
    setenv("PLUMBLINE_THREADS", "4x", 1);
    CHECK_REFUSED("$PLUMBLINE_THREADS '4x': not an integer", "m");
    setenv("PLUMBLINE_THREADS", "5", 1);
    CHECK(PARSE("m") == PL_OK && settings.shared.common.threads == 5);
    pl_settings_release(&settings);
    CHECK(PARSE("m", "-j2") == PL_OK && settings.shared.common.threads == 2);
    pl_settings_release(&settings);
    write_config("threads: 7\nlookback: 8\n");
    setenv("PLUMBLINE_CONFIG", path, 1);
    CHECK(PARSE("m") == PL_OK && settings.shared.common.threads == 7 && command.lookback == 8);
    pl_settings_release(&settings);
    unsetenv("PLUMBLINE_CONFIG");
    unsetenv("PLUMBLINE_THREADS");
}

int main(void)
{
    int fd = mkstemp(path);

    if (fd < 0)
        return 1;
    close(fd);
    unsetenv("PLUMBLINE_CONFIG");
    unsetenv("PLUMBLINE_THREADS");
    RUN(defaults);
    RUN(values);
    RUN(junk_values);
    RUN(junk_options);
    RUN(config_order);
    RUN(config_junk);
    RUN(settings_of_models);
    RUN(options_without_effect);
    RUN(config_round_trip);
    RUN(environment);
    unlink(path);
    FINISH();
}
