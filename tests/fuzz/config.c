/* Fuzz target: a configuration file, and what it sets printed and read again.
 * SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/settings.h"

struct command {
    int64_t count;
    double rate;
    uint64_t size;
    const char *text;
    int word;
    bool flag;
    struct pl_list names;
};

static const struct pl_option options[] = {
    PL_INT(struct command, count, "count", 0, "3", 1, 1000, "N", "a count", NULL),
    PL_REAL(struct command, rate, "rate", 0, "0.1", 0, 1e9, "X", "a number", NULL),
    PL_BYTES(struct command, size, "size", 0, "64K", "a size", NULL),
    PL_TEXT(struct command, text, "text", 0, NULL, "TEXT", "a text", NULL),
    PL_CHOICE(struct command, word, "word", 0, "one", "one|two|three", "WORD", "a word"),
    PL_FLAG(struct command, flag, "flag", 0, "yes", "a flag"),
    PL_LIST(struct command, names, "name", 0, "NAME", "names", NULL),
    PL_OPTIONS_END,
};

static const struct pl_tool tool = {
    .name = "pl-try", .summary = "try", .operands = "", .options = options};

/* Reads the configuration at path and, when it is a good one, prints it to out. */
static enum pl_status read_and_print(const char *path, FILE *out)
{
    struct pl_context context = {.status = PL_OK};
    struct pl_settings settings;
    struct command command;
    enum pl_status status = pl_settings_init(&context, &settings, &tool, &command);

    if (status == PL_OK)
        status = pl_config_load(&context, &settings, path);
    if (status == PL_OK)
        status = pl_config_print(&context, &settings, out);
    pl_settings_release(&settings);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    int fd = memfd_create("config", 0), second = memfd_create("printed", 0);
    char path[64];
    FILE *out = fdopen(second, "w"), *nowhere = fopen("/dev/null", "w");

    if (fd < 0 || second < 0 || write(fd, bytes, size) != (ssize_t)size || out == NULL ||
        nowhere == NULL)
        abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (read_and_print(path, out) == PL_OK) {
        fflush(out);
        snprintf(path, sizeof path, "/proc/self/fd/%d", second);
        if (read_and_print(path, nowhere) != PL_OK) /* what is printed must be readable */
            abort();
    }
    fclose(out);
    fclose(nowhere);
    close(fd);
    return 0;
}
