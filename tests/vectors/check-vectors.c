/* check-vectors DIR: the reference vectors of every method found in DIR's folders.
 * SPDX-License-Identifier: MIT
 *
 * A folder is named for its method.  This program is built in double and in float.  The one in
 * double checks all methods, the one in float those again that work in pl_real.  Prints one line
 * for each:
 *
 *     ok NAME N arrays      all compared ("(float)" behind it in float)
 *     not ok NAME why       a difference, an array that nothing read, a folder nobody knows
 *     todo NAME             a method that is not built yet: listed in todo.h
 *
 * and the counts.  Exit status: 0 all good, 1 something failed, 2 usage, 3 nothing to check. */
#include "vectors.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "formats/input.h"

static const struct {
    const char *name;
    void (*check)(struct vectors *vectors);
    bool real; /* works in pl_real */
} methods[] = {
#define METHOD(name, check, real) {name, check, real},
#include "methods.h"
};

#ifdef PL_DOUBLE
static const bool in_double = true;
#else
static const bool in_double = false;
#endif

static const char *const todo[] = {
#include "todo.h"
};

enum outcome { PASSED, FAILED, NOT_BUILT, ELSEWHERE /* checked in double alone */ };

static char *join(const char *folder, const char *name)
{
    size_t size = strlen(folder) + strlen(name) + 2;
    char *path = malloc(size);

    if (!path)
        exit(PL_SYSTEM);
    snprintf(path, size, "%s/%s", folder, name);
    return path;
}

static int not_hidden(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static int is_arrays(const struct dirent *entry)
{
    const char *dot = strrchr(entry->d_name, '.');

    return dot && strcmp(dot, ".safetensors") == 0;
}

static void open_files(struct vectors *vectors, const char *folder)
{
    struct dirent **entries;
    int count = scandir(folder, &entries, is_arrays, alphasort);

    if (count <= 0) {
        vectors_fail(vectors, "no arrays: there is no .safetensors file in it");
        return;
    }
    vectors->files = vectors_new(vectors, count, sizeof *vectors->files);
    vectors->file = vectors->files;
    for (int i = 0; i < count; i++) {
        char *path = join(folder, entries[i]->d_name);
        struct vectors_file *file = &vectors->files[vectors->file_count];
        struct pl_source source;

        if (vectors_ok(vectors,
                       pl_input_bundle(&vectors->context, path, NULL, &source, &file->bundle))) {
            file->taken = vectors_new(vectors, (int64_t)file->bundle.tensor_count, sizeof(bool));
            file->name = vectors_new(vectors, (int64_t)strlen(entries[i]->d_name) + 1, 1);
            strcpy(file->name, entries[i]->d_name);
            vectors->file_count++;
        }
        free(path);
        free(entries[i]);
    }
    free(entries);
}

/* Number of arrays; those that nothing took are a failure. */
static size_t count_arrays(struct vectors *vectors)
{
    size_t count = 0, left = 0;
    const char *first = NULL;

    for (size_t f = 0; f < vectors->file_count; f++)
        for (size_t i = 0; i < vectors->files[f].bundle.tensor_count; i++) {
            bool taken = vectors->files[f].taken[i];

            count++;
            left += !taken;
            if (!taken && !first)
                first = vectors->files[f].bundle.tensors[i].name;
        }
    if (left > 0)
        vectors_fail(vectors, "nothing reads array '%s' (of %zu unread)", first, left);
    return count;
}

/* Runs the method on a folder of that name. */
static enum outcome run_method(const char *folder, size_t method)
{
    const char *name = methods[method].name, *where = in_double ? "" : " (float)";
    struct vectors vectors = {.folder = folder};
    size_t count;

    open_files(&vectors, folder);
    if (vectors.failures == 0)
        methods[method].check(&vectors);
    count = count_arrays(&vectors);
    if (vectors.failures == 0)
        printf("ok %s %zu arrays%s\n", name, count, where);
    else if (vectors.failures == 1)
        printf("not ok %s %s%s\n", name, vectors.why, where);
    else
        printf("not ok %s %s (and %zu more)%s\n", name, vectors.why, vectors.failures - 1, where);
    for (size_t f = 0; f < vectors.file_count; f++)
        pl_bundle_release(&vectors.files[f].bundle);
    pl_arena_release(&vectors.arena);
    return vectors.failures == 0 ? PASSED : FAILED;
}

static enum outcome check_folder(const char *folder, const char *name)
{
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
        if (strcmp(methods[i].name, name) == 0)
            return in_double || methods[i].real ? run_method(folder, i) : ELSEWHERE;
    if (!in_double)
        return ELSEWHERE;
    for (size_t i = 0; i < sizeof todo / sizeof todo[0]; i++)
        if (todo[i] && strcmp(todo[i], name) == 0) {
            printf("todo %s\n", name);
            return NOT_BUILT;
        }
    printf("not ok %s is the name of no method\n", name);
    return FAILED;
}

int main(int argc, char **argv)
{
    struct dirent **entries;
    size_t counts[4] = {0};
    int count;

    if (argc != 2 || argv[1][0] == '-') {
        fprintf(stderr, "usage: check-vectors DIR\n");
        return PL_USAGE;
    }
    count = scandir(argv[1], &entries, not_hidden, alphasort);
    if (count < 0) {
        perror(argv[1]);
        return PL_BAD_DATA;
    }
    for (int i = 0; i < count; i++) {
        char *path = join(argv[1], entries[i]->d_name);
        struct stat status;

        if (stat(path, &status) == 0 && S_ISDIR(status.st_mode))
            counts[check_folder(path, entries[i]->d_name)]++;
        free(path);
        free(entries[i]);
    }
    free(entries);
    printf("%zu passed, %zu failed, %zu todo%s\n", counts[PASSED], counts[FAILED],
           counts[NOT_BUILT], in_double ? "" : " (float)");
    if (counts[PASSED] + counts[FAILED] + counts[NOT_BUILT] + counts[ELSEWHERE] == 0) {
        fprintf(stderr, "check-vectors: '%s' has no folders: one is expected for each method\n",
                argv[1]);
        return PL_BAD_DATA;
    }
    return counts[FAILED] > 0;
}
