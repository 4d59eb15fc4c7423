/* Histories and the scripts made from them.
 * SPDX-License-Identifier: MIT */
#include "check.h"

#include <sys/mman.h>
#include <unistd.h>

#include "stream/bundle.h"
#include "stream/history.h"

static void check_script(const char *yaml, const char *expected)
{
    struct pl_context context = {0};
    struct pl_meta meta = {0};
    struct pl_buffer out = {0};
    CHECK(pl_meta_parse(&context, &meta, "history", yaml, strlen(yaml)) == PL_OK);
    CHECK(pl_history_script(&context, meta.root, &out) == PL_OK);
    CHECK_TEXT(context.message, "");
    CHECK_TEXT(out.data ? out.data : "", expected);
    pl_buffer_release(&out);
    pl_meta_release(&meta);
}

static void check_refused(const char *yaml, const char *message)
{
    struct pl_context context = {0};
    struct pl_meta meta = {0};
    struct pl_buffer out = {0};
    CHECK(pl_meta_parse(&context, &meta, "history", yaml, strlen(yaml)) == PL_OK);
    CHECK(pl_history_script(&context, meta.root, &out) == PL_BAD_DATA);
    CHECK_TEXT(context.message, message);
    pl_buffer_release(&out);
    pl_meta_release(&meta);
}

static void single_step(void)
{
    check_script("- tool: lin-train\n"
                 "  version: 0.1.0\n"
                 "  args: ['-m', nlinear, 'my sales.csv']\n"
                 "  seed: 0\n"
                 "  inputs: [{name: my sales.csv, sum: x0badcafe}]\n",
                 "#!/bin/sh\n"
                 "# Makes the stream again on standard output.\n"
                 "# 1: lin-train 0.1.0 read my sales.csv (x0badcafe)\n"
                 "set -e\n"
                 "lin-train -m nlinear 'my sales.csv'\n");
}

static void pipe_of_three(void)
{
    check_script("- {tool: ts-import, version: '1', args: [a.csv], inputs: [{name: a.csv, sum: "
                 "x00000001}]}\n"
                 "- {tool: ts-select, version: '1', args: ['-n', 'it''s'],\n"
                 "   inputs: [{name: '-', sum: x00000002, from: 1}]}\n"
                 "- {tool: lin-train, version: '1', args: ['-'],\n"
                 "   inputs: [{name: '-', sum: x00000003, from: 2}]}\n",
                 "#!/bin/sh\n"
                 "# Makes the stream again on standard output.\n"
                 "# 1: ts-import 1 read a.csv (x00000001)\n"
                 "# 2: ts-select 1 read standard input (x00000002)\n"
                 "# 3: lin-train 1 read standard input (x00000003)\n"
                 "set -e\n"
                 "ts-import a.csv |\n"
                 "    ts-select -n 'it'\\''s' |\n"
                 "    lin-train -\n");
}

static void named_files_are_made_again(void)
{
    check_script(
        "- {tool: lin-train, version: '1', args: [a.csv], inputs: [{name: a.csv, sum: x1}]}\n"
        "- {tool: lin-train, version: '1', args: ['--update', m.plumb, b.csv],\n"
        "   inputs: [{name: m.plumb, sum: x2, from: 1}, {name: b.csv, sum: x3}]}\n",
        "#!/bin/sh\n"
        "# Makes the stream again on standard output.\n"
        "# 1: lin-train 1 read a.csv (x1)\n"
        "# 2: lin-train 1 read m.plumb (x2), b.csv (x3)\n"
        "set -e\n"
        "folder=$(mktemp -d)\n"
        "trap 'rm -rf \"$folder\"' EXIT\n"
        "trap 'exit 1' HUP INT TERM\n"
        "lin-train a.csv > \"$folder\"/1.plumb\n"
        "lin-train --update \"$folder\"/1.plumb b.csv\n");
}

/* One output used twice goes into a file, even where it is read from standard input. */
static void shared_steps_are_run_once(void)
{
    check_script("- {tool: ts-import, args: [a.csv]}\n"
                 "- {tool: lin-train, args: [], inputs: [{name: '-', from: 1}]}\n"
                 "- {tool: ts-unused, args: []}\n"
                 "- {tool: lin-forecast, args: ['-', s.plumb],\n"
                 "   inputs: [{name: '-', from: 2}, {name: s.plumb, from: 1}]}\n",
                 "#!/bin/sh\n"
                 "# Makes the stream again on standard output.\n"
                 "# 1: ts-import ?\n"
                 "# 2: lin-train ? read standard input (?)\n"
                 "# 4: lin-forecast ? read standard input (?), s.plumb (?)\n"
                 "set -e\n"
                 "folder=$(mktemp -d)\n"
                 "trap 'rm -rf \"$folder\"' EXIT\n"
                 "trap 'exit 1' HUP INT TERM\n"
                 "ts-import a.csv > \"$folder\"/1.plumb\n"
                 "cat \"$folder\"/1.plumb | lin-train |\n"
                 "    lin-forecast - \"$folder\"/1.plumb\n");
}

/* The file st is neither written nor read again. */
static void output_that_an_option_names(void)
{
    check_script("- {tool: lin-generate, version: '1', args: [-n, 5, m], inputs: [{name: m, sum: "
                 "x00000001}],\n"
                 "   output: {option: --state, name: st}}\n",
                 "#!/bin/sh\n# Makes the stream again on standard output.\n"
                 "# 1: lin-generate 1 read m (x00000001)\n"
                 "set -e\nfolder=$(mktemp -d)\n"
                 "trap 'rm -rf \"$folder\"' EXIT\ntrap 'exit 1' HUP INT TERM\n"
                 "lin-generate --state \"$folder\"/1.plumb -n 5 m > /dev/null\n"
                 "cat \"$folder\"/1.plumb\n");
    check_script(
        "- {tool: lin-generate, version: '1', args: [m], inputs: [{name: st, sum: x00000001}],\n"
        "   output: {option: --state, name: st}}\n"
        "- {tool: ts-select, version: '1', inputs: [{name: '-', sum: x00000002, from: 1}]}\n",
        "#!/bin/sh\n# Makes the stream again on standard output.\n"
        "# 1: lin-generate 1 read st (x00000001)\n"
        "# 2: ts-select 1 read standard input (x00000002)\n"
        "set -e\nfolder=$(mktemp -d)\n"
        "trap 'rm -rf \"$folder\"' EXIT\ntrap 'exit 1' HUP INT TERM\n"
        "cp \"${before1:?set it to a file with what was gone on with, sum x00000001}\""
        " \"$folder\"/1.plumb\n"
        "lin-generate --state \"$folder\"/1.plumb m > /dev/null\n"
        "cat \"$folder\"/1.plumb | ts-select\n");
}

static void concatenated_and_foreign_input(void)
{
    check_script("- {tool: ts-import, args: [], inputs: [{name: '-', sum: x00000009}]}\n"
                 "- {tool: ts-import, args: [b.csv]}\n"
                 "- {tool: lin-merge, args: [],\n"
                 "   inputs: [{name: '-', from: 1}, {name: '-', from: 2}]}\n",
                 "#!/bin/sh\n"
                 "# Makes the stream again on standard output.\n"
                 "# 1: ts-import ? read standard input (x00000009)\n"
                 "# 2: ts-import ?\n"
                 "# 3: lin-merge ? read standard input (?), standard input (?)\n"
                 "set -e\n"
                 "folder=$(mktemp -d)\n"
                 "trap 'rm -rf \"$folder\"' EXIT\n"
                 "trap 'exit 1' HUP INT TERM\n"
                 "ts-import < \"${input1:?set it to the file that was standard input, sum "
                 "x00000009}\" > \"$folder\"/1.plumb\n"
                 "ts-import b.csv > \"$folder\"/2.plumb\n"
                 "cat \"$folder\"/1.plumb \"$folder\"/2.plumb | lin-merge\n");
}

static void hostile_histories(void)
{
    check_refused("- {tool: 'rm -rf', args: []}\n",
                  "history: step 1: tool: not the name of one: 'rm -rf'");
    check_refused("- {tool: ts-a}\n- {tool: ts-b, inputs: [{name: '-', from: 2}]}\n",
                  "history: step 2: from: not an earlier step: 2");
    check_refused("[]\n", "no history was recorded");
    check_script("- {tool: ts-a, version: \"1\\nrm -rf x\", args: ['$(rm)', \"a\\nb\", '']}\n",
                 "#!/bin/sh\n"
                 "# Makes the stream again on standard output.\n"
                 "# 1: ts-a 1?rm -rf x\n"
                 "set -e\n"
                 "ts-a '$(rm)' 'a\nb' ''\n");
}

/* The history of a segment written by `tool` from inputs with the given histories. */
static void write_step(struct pl_meta *out, const char *tool, const struct pl_meta_node *first,
                       const struct pl_meta_node *second)
{
    struct pl_context context = {0};
    struct pl_history history;
    struct pl_bundle bundle;
    bool found;
    char *argv[] = {(char *)"tool", (char *)"-n", (char *)"3", NULL};
    int fd = memfd_create("history", 0);
    struct pl_writer *writer = pl_writer_open_fd(&context, fd, "history");
    CHECK(pl_history_start(&context, &history, tool, "1", 3, argv, 7) == PL_OK);
    CHECK(pl_history_input(&context, &history, "a", 0xabc, first) == PL_OK);
    CHECK(pl_history_input(&context, &history, "b", 1, second) == PL_OK);
    CHECK(pl_history_write(&context, &history, writer) == PL_OK);
    CHECK(pl_writer_end(&context, writer) == PL_OK);
    CHECK(pl_writer_commit(&context, writer) == PL_OK);
    pl_history_release(&history);
    CHECK(lseek(fd, 0, SEEK_SET) == 0);
    struct pl_reader *reader = pl_reader_open_fd(&context, fd, "history", NULL, 0, 0);
    CHECK(pl_bundle_read(&context, &bundle, reader, &found) == PL_OK && found);
    pl_meta_add_copy(&context, out, NULL, NULL, pl_bundle_document(&bundle, "history"));
    CHECK_TEXT(context.message, "");
    pl_bundle_release(&bundle);
    pl_reader_close(reader);
}

static void histories_join(void)
{
    struct pl_meta x = {0}, y = {0}, z = {0};
    write_step(&x, "ts-x", NULL, NULL);
    write_step(&y, "ts-y", x.root, NULL);
    write_step(&z, "ts-z", y.root, x.root); /* x made y, and is an input by itself */
    CHECK(z.root->count == 3);
    CHECK_TEXT(pl_meta_find(z.root, "0.tool")->text, "ts-x");
    CHECK_TEXT(pl_meta_find(z.root, "1.inputs.0.from")->text, "1");
    CHECK(!pl_meta_find(z.root, "1.inputs.1.from"));
    CHECK_TEXT(pl_meta_find(z.root, "2.tool")->text, "ts-z");
    CHECK_TEXT(pl_meta_find(z.root, "2.inputs.0.from")->text, "2");
    CHECK_TEXT(pl_meta_find(z.root, "2.inputs.0.sum")->text, "x00000abc");
    CHECK_TEXT(pl_meta_find(z.root, "2.inputs.1.from")->text, "1");
    CHECK_TEXT(pl_meta_find(z.root, "2.args.1")->text, "3");
    CHECK_TEXT(pl_meta_find(z.root, "2.seed")->text, "7");
    pl_meta_release(&x);
    pl_meta_release(&y);
    pl_meta_release(&z);
}

int main(void)
{
    RUN(single_step);
    RUN(pipe_of_three);
    RUN(named_files_are_made_again);
    RUN(shared_steps_are_run_once);
    RUN(output_that_an_option_names);
    RUN(concatenated_and_foreign_input);
    RUN(hostile_histories);
    RUN(histories_join);
    FINISH();
}
