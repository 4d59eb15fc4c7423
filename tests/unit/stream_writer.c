/* The writer: what it writes the reader takes; what it must not write it refuses.
 * SPDX-License-Identifier: MIT */
#include "check.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "samples.h"
#include "stream/bundle.h"
#include "stream/writer.h"

/* A writer into an unlinked file, and what came out of it. */
struct trial {
    struct pl_context context;
    int fd;
    struct pl_writer *writer;
    char *bytes;
    size_t size;
};

static struct trial begin(void)
{
    struct trial trial = {.fd = memfd_create("trial", 0)};
    trial.writer = pl_writer_open_fd(&trial.context, trial.fd, "out");
    return trial;
}

static void load(struct trial *trial)
{
    trial->size = (size_t)lseek(trial->fd, 0, SEEK_END);
    trial->bytes = malloc(trial->size + 1);
    if (pread(trial->fd, trial->bytes, trial->size, 0) != (ssize_t)trial->size)
        exit(2);
    close(trial->fd);
}

static void finish(struct trial *trial)
{
    CHECK(pl_writer_end(&trial->context, trial->writer) == PL_OK);
    CHECK(pl_writer_commit(&trial->context, trial->writer) == PL_OK);
    CHECK_TEXT(trial->context.message, "");
    load(trial);
}

static struct pl_reader *read_back(struct trial *trial)
{
    return pl_reader_open_memory(&trial->context, trial->bytes, trial->size, "trial",
                                 PL_READER_VERIFY);
}

static void all_types_and_codecs(void)
{
    for (int dtype = 0; dtype < PL_DTYPES; dtype++) {
        for (int codec = 0; codec < 3; codec++) {
            struct trial trial = begin();
            struct pl_tensor tensor;
            struct pl_bundle bundle;
            bool found;
            CHECK(pl_tensor_init(&trial.context, &tensor, (enum pl_dtype)dtype, 2,
                                 (int64_t[]){7, 11}) == PL_OK);
            for (size_t i = 0; i < pl_tensor_bytes(&tensor); i++)
                ((char *)tensor.data)[i] = (char)(i * i);
            CHECK(pl_writer_tensor(&trial.context, trial.writer, "w", &tensor,
                                   (enum pl_codec)codec) == PL_OK);
            finish(&trial);
            struct pl_reader *reader = read_back(&trial);
            CHECK(pl_bundle_read(&trial.context, &bundle, reader, &found) == PL_OK && found);
            const struct pl_tensor *back = pl_bundle_tensor(&bundle, "w");
            CHECK(back->dtype == (enum pl_dtype)dtype && back->dims[1] == 11);
            CHECK(memcmp(back->data, tensor.data, pl_tensor_bytes(&tensor)) == 0);
            pl_bundle_release(&bundle);
            pl_reader_close(reader);
            pl_tensor_release(&tensor);
            free(trial.bytes);
        }
    }
}

/* A compressed tensor of more than 1 MiB: chunks of so many rows, the same for any threads. */
static void large_compressed_tensors(void)
{
    struct trial trials[2];
    struct pl_tensor tensor;
    struct pl_bundle bundle;
    bool found;
    for (int i = 0; i < 2; i++) {
        trials[i] = begin();
        trials[i].context.threads = i == 0 ? 1 : 4;
        struct pl_context *context = &trials[i].context;
        CHECK(pl_tensor_init(context, &tensor, PL_F32, 2, (int64_t[]){5000, 300}) == PL_OK);
        for (int k = 0; k < 1500000; k++)
            ((float *)tensor.data)[k] = (float)(k % 1000) / 7;
        CHECK(pl_writer_tensor(context, trials[i].writer, "w", &tensor, PL_CODEC_SHUFFLE_ZLIB) ==
              PL_OK);
        finish(&trials[i]);
        if (i == 0)
            pl_tensor_release(&tensor);
    }
    CHECK(trials[0].size == trials[1].size);
    CHECK(memcmp(trials[0].bytes, trials[1].bytes, trials[0].size) == 0);
    struct pl_reader *reader = read_back(&trials[0]);
    const struct pl_record *record;
    int64_t chunks = 0;
    CHECK(pl_reader_next(&trials[0].context, reader, &record) == PL_OK);
    CHECK(record->header.chunked && record->header.dims[0] == 5000);
    while (pl_reader_next(&trials[0].context, reader, &record) == PL_OK &&
           record->header.kind == PL_RECORD_CHUNK) {
        CHECK(record->header.rows == (chunks < 5 ? (1 << 20) / 1200 : 5000 - 5 * 873));
        chunks++;
    }
    CHECK(chunks == 6 && record->header.kind == PL_RECORD_CLOSE);
    pl_reader_close(reader);
    reader = read_back(&trials[0]);
    CHECK(pl_bundle_read(&trials[0].context, &bundle, reader, &found) == PL_OK && found);
    const struct pl_tensor *back = pl_bundle_tensor(&bundle, "w");
    CHECK(back->dims[0] == 5000);
    CHECK(memcmp(back->data, tensor.data, pl_tensor_bytes(&tensor)) == 0);
    pl_bundle_release(&bundle);
    pl_reader_close(reader);
    pl_tensor_release(&tensor);
    free(trials[0].bytes);
    free(trials[1].bytes);
}

/* What is written piece by piece, or as a whole, or raw in pieces larger than the buffer. */
static void pieces_make_the_same_bytes(void)
{
    struct trial whole = begin(), pieces = begin();
    int64_t dims[2] = {3, 700001};
    struct pl_tensor tensor;
    CHECK(pl_tensor_init(&whole.context, &tensor, PL_U8, 2, dims) == PL_OK);
    for (int64_t i = 0; i < 3 * 700001; i++)
        ((uint8_t *)tensor.data)[i] = (uint8_t)(i * 7);
    CHECK(pl_writer_tensor(&whole.context, whole.writer, "w", &tensor, PL_CODEC_RAW) == PL_OK);
    finish(&whole);
    CHECK(pl_writer_begin(&pieces.context, pieces.writer, "w", PL_U8, 2, dims) == PL_OK);
    for (size_t at = 0, step = 1; at < 3 * 700001; at += step, step = step * 3 + 1) {
        if (step > 3 * 700001 - at)
            step = 3 * 700001 - at;
        CHECK(pl_writer_bytes(&pieces.context, pieces.writer, (char *)tensor.data + at, step) ==
              PL_OK);
    }
    CHECK(pl_writer_finish(&pieces.context, pieces.writer) == PL_OK);
    finish(&pieces);
    CHECK(whole.size == pieces.size && memcmp(whole.bytes, pieces.bytes, whole.size) == 0);
    pl_tensor_release(&tensor);
    free(whole.bytes);
    free(pieces.bytes);
}

static void mistakes(void)
{
    struct trial t = begin();
    struct pl_context *context = &t.context;
    struct pl_tensor four = pl_tensor_view(PL_U8, 1, (int64_t[]){4}, (void *)(uintptr_t) "abcd");
    char name[300];
    memset(name, 'n', sizeof name - 1);
    name[299] = '\0';
#define FAILS(call, status, text)           \
    do {                                    \
        CHECK(call == status);              \
        CHECK_TEXT(context->message, text); \
    } while (0)
    CHECK(pl_writer_tensor(context, t.writer, "w", &four, PL_CODEC_RAW) == PL_OK);
    FAILS(pl_writer_tensor(context, t.writer, "w", &four, PL_CODEC_RAW), PL_BAD_DATA,
          "out: 'w': a second tensor of this name in one segment");
    FAILS(pl_writer_tensor(context, t.writer, "", &four, PL_CODEC_RAW), PL_BAD_DATA,
          "out: name '...' has 0 bytes (1 to 255 are allowed)");
    FAILS(pl_writer_tensor(context, t.writer, name, &four, PL_CODEC_RAW), PL_BAD_DATA,
          "out: name 'nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn...' is longer than 255 bytes");
    FAILS(pl_writer_tensor(context, t.writer, "a\nb", &four, PL_CODEC_RAW), PL_BAD_DATA,
          "out: name 'a?b' is not printable UTF-8");
    FAILS(pl_writer_kind(context, t.writer, "model"), PL_BAD_DATA,
          "out: document 'stream' must be the first record");
    FAILS(pl_writer_chunk(context, t.writer, "c", "abcd", 4, PL_CODEC_RAW), PL_SYSTEM,
          "out: no chunked tensor 'c' is open");
    CHECK(pl_writer_begin(context, t.writer, "p", PL_U8, 1, (int64_t[]){4}) == PL_OK);
    FAILS(pl_writer_tensor(context, t.writer, "q", &four, PL_CODEC_RAW), PL_SYSTEM,
          "out: a record was begun inside a payload");
    CHECK(pl_writer_bytes(context, t.writer, "ab", 2) == PL_OK);
    FAILS(pl_writer_finish(context, t.writer), PL_SYSTEM, "out: 2 bytes of a payload are missing");
    FAILS(pl_writer_bytes(context, t.writer, "cde", 3), PL_SYSTEM,
          "out: more bytes than the header told");
    CHECK(pl_writer_bytes(context, t.writer, "cd", 2) == PL_OK);
    CHECK(pl_writer_finish(context, t.writer) == PL_OK);
    CHECK(pl_writer_open_chunked(context, t.writer, "c", PL_U8, 1, (int64_t[]){3}) == PL_OK);
    FAILS(pl_writer_chunk(context, t.writer, "c", "abcd", 4, PL_CODEC_RAW), PL_BAD_DATA,
          "out: 'c': more rows than the tensor's header said");
    CHECK(pl_writer_chunk(context, t.writer, "c", "ab", 2, PL_CODEC_RAW) == PL_OK);
    FAILS(pl_writer_close_chunked(context, t.writer, "c"), PL_BAD_DATA,
          "out: 'c': the tensor's header said 3 rows, there were 2");
    FAILS(pl_writer_end(context, t.writer), PL_BAD_DATA, "out: chunked tensor 'c' was not closed");
    CHECK(pl_writer_chunk(context, t.writer, "c", "c", 1, PL_CODEC_ZLIB) == PL_OK);
    CHECK(pl_writer_close_chunked(context, t.writer, "c") == PL_OK);
    context->message[0] = '\0';
    finish(&t); /* after all these refusals the stream is whole */
    struct pl_reader *reader = read_back(&t);
    const struct pl_record *record;
    while (pl_reader_next(context, reader, &record) == PL_OK && record)
        ;
    CHECK_TEXT(context->message, "");
    pl_reader_close(reader);
    free(t.bytes);
    t = begin();
    CHECK(pl_writer_tensor(context, t.writer, "w", &four, PL_CODEC_RAW) == PL_OK);
    FAILS(pl_writer_commit(context, t.writer), PL_SYSTEM, "out: the stream was not ended");
    close(t.fd);
    t = begin();
    FAILS(pl_writer_commit(context, t.writer), PL_SYSTEM, "out: the stream was not ended");
    close(t.fd);
#undef FAILS
}

static void long_documents(void)
{
    struct trial t = begin();
    struct pl_meta meta = {0};
    struct pl_meta_node *root = pl_meta_add_map(&t.context, &meta, NULL, NULL);
    static char text[PL_META_MAX];
    memset(text, 'x', sizeof text - 1);
    pl_meta_add_text(&t.context, &meta, root, "text", text);
    CHECK(pl_writer_meta(&t.context, t.writer, "m", root) == PL_BAD_DATA);
    CHECK_TEXT(t.context.message, "out: document 'm' is longer than 1 MiB");
    pl_meta_release(&meta);
    pl_writer_abort(&t.context, t.writer, "");
    close(t.fd);
}

/* Records of all kinds, those of others among them, pass through as they are. */
static struct sample varied;
static void make_varied(void)
{
    sample_record(&varied, "{meta: stream, bytes: 10}", "kind: any\n", 10);
    sample_record(&varied, "{tensor: w, bytes: 4, dtype: u8, x_scale: 3, shape: [4]}", "abcd", 4);
    sample_record(&varied, "{x_note: \"any thing\", bytes: 4}", "note", 4);
    sample_record(&varied, "{tensor: c, dtype: u8, shape: [~]}", NULL, 0);
    sample_record(&varied, "{chunk: c, seq: 0, rows: 4, bytes: 4}", "abcd", 4);
    sample_record(&varied, "{x_mark: 1}", NULL, 0);
    sample_record(&varied, "{close: c, chunks: 1, rows: 4}", NULL, 0);
    sample_end(&varied);
    sample_end(&varied);
}

static void copy_all(struct trial *t, struct pl_reader *reader, const char *from, const char *to)
{
    const struct pl_record *record;
    while (pl_reader_next(&t->context, reader, &record) == PL_OK && record) {
        const char *rename = from && strcmp(record->header.name, from) == 0 ? to : NULL;
        CHECK(pl_writer_copy(&t->context, t->writer, reader, rename) == PL_OK);
    }
    CHECK_TEXT(t->context.message, "");
    CHECK(pl_writer_commit(&t->context, t->writer) == PL_OK);
    load(t);
    pl_reader_close(reader);
}

static void copies(void)
{
    for (int input = 0; input < 2; input++) {
        struct trial t = begin();
        int ends[2] = {-1, -1};
        struct pl_reader *reader;
        if (input == 0) {
            reader = pl_reader_open_memory(&t.context, varied.bytes, varied.size, "in", 0);
        } else {
            CHECK(pipe(ends) == 0);
            CHECK(write(ends[1], varied.bytes, varied.size) == (ssize_t)varied.size);
            close(ends[1]);
            reader = pl_reader_open_fd(&t.context, ends[0], "in", NULL, 0, 0);
        }
        copy_all(&t, reader, NULL, NULL);
        CHECK(t.size == varied.size && memcmp(t.bytes, varied.bytes, t.size) == 0);
        free(t.bytes);
    }
}

static void renamed_copies(void)
{
    struct trial t = begin();
    copy_all(&t, pl_reader_open_memory(&t.context, varied.bytes, varied.size, "in", 0), "c", "no");
    struct pl_reader *reader = read_back(&t);
    struct pl_bundle bundle;
    bool found;
    CHECK(pl_bundle_read(&t.context, &bundle, reader, &found) == PL_OK && found);
    CHECK(!pl_bundle_tensor(&bundle, "c") && pl_bundle_tensor(&bundle, "no")->dims[0] == 4);
    pl_bundle_release(&bundle);
    pl_reader_close(reader);
    free(t.bytes);
    t = begin();
    copy_all(&t, pl_reader_open_memory(&t.context, varied.bytes, varied.size, "in", 0), "w", "v");
    CHECK(memmem(t.bytes, t.size, "{tensor: v, bytes: 4, dtype: u8, x_scale: 3, shape: [4]}", 55));
    free(t.bytes);
}

/* A copy of broken bytes stops; it does not become a good record. */
static void broken_copies(void)
{
    struct trial t = begin();
    const struct pl_record *record;
    struct pl_reader *reader =
        pl_reader_open_memory(&t.context, varied.bytes, varied.size, "in", 0);
    varied.bytes[64 + 64 + 128 + 1] ^= 1; /* w's payload */
    CHECK(pl_reader_next(&t.context, reader, &record) == PL_OK);
    CHECK(pl_reader_next(&t.context, reader, &record) == PL_OK);
    CHECK(pl_writer_copy(&t.context, t.writer, reader, NULL) == PL_BAD_DATA);
    CHECK(strncmp(t.context.message, "in: record 2 (tensor 'w') at byte 128: payload CRC does not",
                  58) == 0);
    varied.bytes[64 + 64 + 128 + 1] ^= 1;
    pl_writer_abort(&t.context, t.writer, "ts-try");
    load(&t);
    CHECK(!memmem(t.bytes, t.size, "{error", 6) && !memmem(t.bytes, t.size, "# end", 5));
    free(t.bytes);
    pl_reader_close(reader);
}

/* A failure goes down the pipe, and from there on unchanged. */
static void failures_travel(void)
{
    struct trial first = begin(), second = begin();
    const struct pl_record *record;
    struct pl_tensor four = pl_tensor_view(PL_U8, 1, (int64_t[]){4}, (void *)(uintptr_t) "abcd");
    CHECK(pl_writer_tensor(&first.context, first.writer, "w", &four, PL_CODEC_RAW) == PL_OK);
    pl_fail(&first.context, PL_NUMERIC, "diverged at step 41");
    pl_writer_abort(&first.context, first.writer, "lin-train");
    load(&first);
    struct pl_reader *reader = read_back(&first);
    CHECK(pl_reader_next(&second.context, reader, &record) == PL_OK);
    CHECK(pl_writer_copy(&second.context, second.writer, reader, NULL) == PL_OK);
    CHECK(pl_reader_next(&second.context, reader, &record) == PL_INCOMPLETE);
    CHECK_TEXT(second.context.message, "upstream lin-train failed: diverged at step 41");
    pl_fail_at(&second.context, "input");
    pl_writer_abort(&second.context, second.writer, "ts-select");
    load(&second);
    CHECK(first.size == second.size && memcmp(first.bytes, second.bytes, first.size) == 0);
    CHECK(memmem(first.bytes, first.size, "{error: lin-train, status: 6, bytes: 19}", 40));
    pl_reader_close(reader);
    free(first.bytes);
    free(second.bytes);
}

static void files_appear_whole_or_not_at_all(void)
{
    struct pl_context context = {0};
    char folder[] = "/tmp/plumbline-writer-XXXXXX", path[64];
    struct stat entry;
    CHECK(mkdtemp(folder) != NULL);
    snprintf(path, sizeof path, "%s/x.plumb", folder);
    struct pl_writer *writer = pl_writer_open(&context, path);
    CHECK(pl_writer_kind(&context, writer, "tensors") == PL_OK);
    pl_fail(&context, PL_BAD_DATA, "some fault");
    pl_writer_abort(&context, writer, "ts-try");
    CHECK(stat(path, &entry) != 0 && rmdir(folder) == 0 && mkdir(folder, 0700) == 0);
    writer = pl_writer_open(&context, path);
    CHECK(pl_writer_end(&context, writer) == PL_OK && stat(path, &entry) != 0);
    CHECK(pl_writer_commit(&context, writer) == PL_OK);
    CHECK(stat(path, &entry) == 0 && entry.st_size == 64);
    CHECK(unlink(path) == 0 && rmdir(folder) == 0);
    context = (struct pl_context){0};
    int full = open("/dev/full", O_WRONLY);
    writer = pl_writer_open_fd(&context, full, "full");
    CHECK(pl_writer_end(&context, writer) == PL_OK);
    CHECK(pl_writer_commit(&context, writer) == PL_SYSTEM);
    CHECK_TEXT(context.message, "cannot write 'full': No space left on device");
    close(full);
    pl_writer_abort(&context, NULL, "ts-try");
}

/* What was flushed is there before the stream ends. */
static void live_streams(void)
{
    struct pl_context context = {0};
    int ends[2];
    char bytes[256];
    CHECK(pipe(ends) == 0 && fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0);
    struct pl_writer *writer = pl_writer_open_fd(&context, ends[1], "pipe");
    CHECK(pl_writer_open_chunked(&context, writer, "c", PL_U8, 1, (int64_t[]){-1}) == PL_OK);
    CHECK(read(ends[0], bytes, sizeof bytes) < 0);
    CHECK(pl_writer_flush(&context, writer) == PL_OK);
    CHECK(read(ends[0], bytes, sizeof bytes) == 64);
    CHECK(pl_writer_chunk(&context, writer, "c", "a", 1, PL_CODEC_RAW) == PL_OK);
    CHECK(pl_writer_flush(&context, writer) == PL_OK);
    CHECK(read(ends[0], bytes, sizeof bytes) == 128 + 64);
    close(ends[0]);
    close(ends[1]);
    pl_writer_abort(&context, writer, "ts-try");
}

int main(void)
{
    make_varied();
    RUN(all_types_and_codecs);
    RUN(large_compressed_tensors);
    RUN(pieces_make_the_same_bytes);
    RUN(mistakes);
    RUN(long_documents);
    RUN(copies);
    RUN(renamed_copies);
    RUN(broken_copies);
    RUN(failures_travel);
    RUN(files_appear_whole_or_not_at_all);
    RUN(live_streams);
    FINISH();
}
