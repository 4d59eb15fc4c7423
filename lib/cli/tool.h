/* What every tool does the same way: start-up, options, errors, signals, the end.
 * SPDX-License-Identifier: MIT
 *
 * A tool is a static struct pl_tool and `int main(int argc, char **argv) { return
 * pl_tool_main(&tool, argc, argv); }`.  pl_tool_main opens descriptors 0-2 when closed, restores
 * SIGPIPE, catches SIGHUP, SIGINT and SIGTERM (temporaries are removed, exit 128+N), reads
 * configuration and options, answers --help, --version and --print-config, takes --lock, calls run,
 * prints the one error line, checks that standard output took everything, and returns the exit
 * code. */
#ifndef PL_CLI_TOOL_H
#define PL_CLI_TOOL_H

#include "base/context.h"
#include "base/progress.h"
#include "cli/option.h"

/* The options that all tools share; pl_tool_main fills it. */
struct pl_common {
    const char *output; /* -o FILE; NULL or "-": standard output */
    bool quiet;         /* -q */
    bool verbose;       /* -v */
    int64_t threads;    /* -j N; 0: $PLUMBLINE_THREADS, else one per core */
    int64_t seed;       /* --seed N */
    bool history;       /* --no-history clears it */
    bool explain;       /* --explain */
    uint64_t memory;    /* --memory SIZE; 0: no bound */
};

struct pl_example {
    const char *command; /* a shell line that works in the project's top folder */
    const char *what;    /* what it does, a short sentence */
};

/* What a tool can make, with settings of its own: a model. */
struct pl_made {
    const char *name, *summary; /* a word and one line, as for a tool */
    const char *source;         /* where it is described; NULL: nowhere in particular */
    const struct pl_option *options;
};

struct pl_run;
struct pl_settings; /* cli/settings.h */

struct pl_tool {
    const char *name;     /* "ts-info" */
    const char *summary;  /* one line, no capital, no full stop: also the man page's Nd */
    const char *operands; /* "[FILE ...]", "MODEL [DATA]" */
    int least, most;      /* number of operands; most < 0: any */
    const struct pl_option *options; /* the tool's own, ended by PL_OPTIONS_END */
    const char *const *unused; /* NULL, or names of common options without effect here, ended by
                                  NULL: they are refused, not ignored */
    const char *const *alone;  /* NULL, or names of own flags with which the tool needs no input,
                                  ended by NULL ("list-models") */
    /* NULL, or a table of one LIST row: it takes what --set and configuration files say of
     * settings of models, as KEY=VALUE; setting_key gives all keys one by one, then NULL. */
    const struct pl_option *settings;
    const char *(*setting_key)(size_t index);
    /* NULL, or gives all that the tool can make one by one, then false: --print-options made, from
     * which a man page is made. */
    bool (*made)(size_t index, struct pl_made *made);
    /* NULL, or reads what the use of options depends on, once they are set and before they may be
     * refused; release, called in the end, frees what it left in command. */
    enum pl_status (*prepare)(struct pl_context *context, void *command);
    void (*release)(void *command);
    /* NULL, or fails with PL_USAGE if the own option of that name has no effect beside the other
     * options: such an option may not be given, and --print-config leaves it out. */
    enum pl_status (*refuse)(struct pl_context *context, const void *command, const char *option);
    size_t command_size;               /* of the struct the options fill */
    const struct pl_example *examples; /* ended by a NULL command */
    const char *see_also;              /* "ts-export(1), tensor-stream(5)" */
    enum pl_status (*run)(struct pl_run *run, void *command);
    /* NULL, or what --version -v adds: pl_blas_describe for tools that do algebra */
    enum pl_status (*describe)(struct pl_context *context, char *out, int size);
};

/* What run gets beside its own struct. */
struct pl_run {
    struct pl_context context;
    const struct pl_tool *tool;
    struct pl_common common;
    const char **operands; /* NULL-terminated */
    int operand_count;
    int argc; /* the arguments that made the result, for the history (cli/arguments.c) */
    char **argv;
    bool stdout_terminal, stderr_terminal, stdin_terminal;
    struct pl_progress progress;        /* quiet is set from -q; show it with pl_run_progress */
    bool progress_drawn;                /* a progress line stands on the terminal */
    const struct pl_settings *settings; /* see pl_run_given */
};

int pl_tool_main(const struct pl_tool *tool, int argc, char **argv);

/* The operand at index, or "-" when there are fewer. */
const char *pl_run_operand(const struct pl_run *run, int index);

/* Whether the option of that name was given, by the command line or a configuration file: for
 * options whose use or default depends on others, or on what the operands turn out to be. */
bool pl_run_given(const struct pl_run *run, const char *option);

/* Whether it was given on the command line, and not in a configuration file, which may be meant for
 * more than this run. */
bool pl_run_typed(const struct pl_run *run, const char *option);

/* Several such lines, each ended by a newline. */
void pl_run_note_lines(struct pl_run *run, const char *text);

/* Prints a progress line on standard error if one is due. */
void pl_run_progress(struct pl_run *run);

/* A line for people on standard error, "TOOL: text", unless --quiet. */
void pl_run_note(struct pl_run *run, const char *format, ...) PL_PRINTF(2, 3);

#define PL_BINARY_REFUSED \
    "refusing to write binary data to a terminal; pipe it into ts-info, or name a file with -o"

/* Whether the result would go to a terminal. */
bool pl_run_to_terminal(const struct pl_run *run);

/* PL_USAGE, PL_BINARY_REFUSED, when it would. */
enum pl_status pl_run_binary_output(struct pl_run *run) PL_MUST_CHECK;

/* Writes text results whole to -o FILE or standard output. */
enum pl_status pl_run_text_output(struct pl_run *run, const char *text, size_t size) PL_MUST_CHECK;

/* True once SIGINT or SIGTERM came and pl_run_hold_signals(true) deferred it: long jobs write
 * their checkpoint, then return, and pl_tool_main ends by that signal.  A second SIGINT ends the
 * tool at once, unless it comes in the same instant as the first: timeout(1) sends it twice. */
bool pl_run_stopped(void);
void pl_run_hold_signals(bool hold);

#endif
