/* Makes the inputs of the benchmarks, the same bytes on every machine.
 * SPDX-License-Identifier: MIT
 *
 *   generate hourly > FILE        a wide CSV of ETTh1's size: 17,420 hours of 7 columns
 *   generate table MB > FILE      a wide CSV: time stamps, 7 columns of six digits, 1 of seventeen
 *   generate panel N ROWS > FILE  a long CSV: N series, one behind the other, of ROWS hours each
 *   generate stream GB > FILE     a tensor stream of tensors of up to 1 GiB of 32-bit floats
 *   generate checkpoint GB FOLDER the folder of a Llama of 16-bit floats, in shards of 1 GB */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "plumbline.h"

enum { MIB = 1 << 20, HOUR = 3600, START = 1420070400 }; /* 2015-01-01 */

static struct pl_context context;

static void must(enum pl_status status)
{
    if (status == PL_OK)
        return;
    fprintf(stderr, "generate: %s\n", context.message);
    exit((int)status);
}

static const char *stamp(int64_t row)
{
    static char text[32];
    time_t when = START + row * HOUR;
    struct tm fields;

    gmtime_r(&when, &fields);
    strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &fields);
    return text;
}

/* A level, a daily wave and noise; the same for equal series and row. */
static double value(const struct pl_rng *rng, int64_t series, int64_t row)
{
    double noise = pl_rng_normal(rng, ((uint64_t)series << 32) + (uint64_t)row);
    double wave = sin(0.2617993877991494 * (double)(row % 24 + series % 24));

    return 10 + (double)(series % 90) + (1 + (double)(series % 5)) * wave + noise;
}

static void hourly(void)
{
    struct pl_rng rng = pl_rng_init(1, "hourly");

    puts("date,HUFL,HULL,MUFL,MULL,LUFL,LULL,OT");
    for (int64_t row = 0; row < 17420; row++) {
        fputs(stamp(row), stdout);
        for (int64_t column = 0; column < 7; column++)
            printf(",%.17g", (double)(float)value(&rng, column, row));
        putchar('\n');
    }
}

static void table(int64_t bytes)
{
    struct pl_rng rng = pl_rng_init(1, "table");
    int64_t written = printf("time,a,b,c,d,e,f,g,h\n");

    for (int64_t row = 0; written < bytes; row++) {
        written += printf("%s", stamp(row));
        for (int64_t column = 0; column < 7; column++)
            written += printf(",%.6g", value(&rng, column, row));
        written += printf(",%.17g\n", value(&rng, 7, row));
    }
}

static void panel(int64_t count, int64_t rows)
{
    struct pl_rng rng = pl_rng_init(1, "panel");
    char(*stamps)[20] = pl_new(&context, (size_t)rows, sizeof *stamps);

    if (!stamps)
        must(context.status);
    for (int64_t row = 0; row < rows; row++)
        memcpy(stamps[row], stamp(row), sizeof *stamps);
    puts("id,time,value");
    for (int64_t series = 0; series < count; series++)
        for (int64_t row = 0; row < rows; row++)
            printf("s%04lld,%s,%.6g\n", (long long)series, stamps[row], value(&rng, series, row));
    free(stamps);
}

/* Random mantissas, exponents near that of 1: what weights look like. */
static void fill(float *block, size_t count)
{
    static uint64_t state = 1;

    for (size_t i = 0; i < count; i++) {
        state = state * 6364136223846793005 + 1442695040888963407;
        block[i] = (float)((double)(state >> 40) / (1 << 24) - 0.5);
    }
}

static void stream(int64_t gigabytes)
{
    struct pl_writer *writer = pl_writer_open(&context, NULL);
    float *block = pl_new(&context, MIB / sizeof *block, sizeof *block);
    int64_t left = gigabytes * 1000; /* in MiB: a little more than the gigabytes asked for */

    if (!writer || !block)
        must(context.status);
    for (int number = 0; left > 0; number++) {
        static const int64_t sizes[] = {1024, 1, 64, 256, 16};
        int64_t size = sizes[number % 5] < left ? sizes[number % 5] : left;
        int64_t dims[2] = {size, MIB / (int64_t)sizeof *block};
        char name[32];

        snprintf(name, sizeof name, "layer.%d.weight", number);
        must(pl_writer_begin(&context, writer, name, PL_F32, 2, dims));
        for (int64_t i = 0; i < size; i++) {
            fill(block, MIB / sizeof *block);
            must(pl_writer_bytes(&context, writer, block, MIB));
        }
        must(pl_writer_finish(&context, writer));
        left -= size;
    }
    must(pl_writer_end(&context, writer));
    must(pl_writer_commit(&context, writer));
    free(block);
}

/* ---- A checkpoint ------------------------------------------------------------------------- */

enum { DIM = 2048, MLP = 5632, VOCABULARY = 32000, LAYER_TENSORS = 9, SHARD = 1000000000 };

struct weight {
    char name[64];
    int64_t rows, columns; /* columns 0: a vector */
    int shard;
};

struct checkpoint {
    struct weight *weights;
    int count, layers, shards;
};

static int64_t weight_size(const struct weight *weight)
{
    return 2 * weight->rows * (weight->columns ? weight->columns : 1);
}

static void add_weight(struct checkpoint *checkpoint, int64_t *filled, int64_t rows,
                       int64_t columns, const char *format, int layer)
{
    struct weight *weight = &checkpoint->weights[checkpoint->count++];
    snprintf(weight->name, sizeof weight->name, format, layer);
    weight->rows = rows;
    weight->columns = columns;
    if (*filled > 0 && *filled + weight_size(weight) > SHARD) {
        checkpoint->shards++;
        *filled = 0;
    }
    *filled += weight_size(weight);
    weight->shard = checkpoint->shards;
}

static void plan_checkpoint(struct checkpoint *checkpoint, int64_t bytes)
{
    static const struct {
        const char *format;
        int64_t rows, columns;
    } parts[LAYER_TENSORS] = {
        {"model.layers.%d.input_layernorm.weight", DIM, 0},
        {"model.layers.%d.self_attn.q_proj.weight", DIM, DIM},
        {"model.layers.%d.self_attn.k_proj.weight", DIM, DIM},
        {"model.layers.%d.self_attn.v_proj.weight", DIM, DIM},
        {"model.layers.%d.self_attn.o_proj.weight", DIM, DIM},
        {"model.layers.%d.post_attention_layernorm.weight", DIM, 0},
        {"model.layers.%d.mlp.gate_proj.weight", MLP, DIM},
        {"model.layers.%d.mlp.up_proj.weight", MLP, DIM},
        {"model.layers.%d.mlp.down_proj.weight", DIM, MLP},
    };
    const int64_t tables = 4 * (int64_t)VOCABULARY * DIM;
    const int64_t layer = 2 * (4 * (int64_t)DIM * DIM + 3 * (int64_t)DIM * MLP);
    int64_t filled = 0;

    checkpoint->layers = bytes > tables + layer ? (int)((bytes - tables) / layer) : 1;
    checkpoint->weights =
        calloc((size_t)checkpoint->layers * LAYER_TENSORS + 3, sizeof *checkpoint->weights);
    if (!checkpoint->weights)
        must(PL_SYSTEM);
    add_weight(checkpoint, &filled, VOCABULARY, DIM, "model.embed_tokens.weight", 0);
    for (int i = 0; i < checkpoint->layers; i++)
        for (int part = 0; part < LAYER_TENSORS; part++)
            add_weight(checkpoint, &filled, parts[part].rows, parts[part].columns,
                       parts[part].format, i);
    add_weight(checkpoint, &filled, DIM, 0, "model.norm.weight", 0);
    add_weight(checkpoint, &filled, VOCABULARY, DIM, "lm_head.weight", 0);
    checkpoint->shards++;
}

static FILE *create(const char *folder, const char *format, int shard, int shards)
{
    char path[4096], name[128];
    snprintf(name, sizeof name, format, shard, shards);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    if (!file) {
        perror(path);
        exit(5);
    }
    return file;
}

static void close_file(FILE *file)
{
    if (ferror(file) || fclose(file) != 0) {
        perror("generate");
        exit(5);
    }
}

/* The weights of 16 bits, a megabyte at a time: the high halves of floats. */
static void write_weight(FILE *file, const struct weight *weight)
{
    static float block[MIB / sizeof(float)];
    static uint16_t halves[MIB / sizeof(float)];
    const int64_t most = MIB / (int64_t)sizeof *block;

    for (int64_t left = weight_size(weight) / 2, count; left > 0; left -= count) {
        count = left < most ? left : most;
        fill(block, (size_t)count);
        for (int64_t i = 0; i < count; i++) {
            uint32_t bits;
            memcpy(&bits, &block[i], sizeof bits);
            halves[i] = (uint16_t)(bits >> 16);
        }
        fwrite(halves, sizeof *halves, (size_t)count, file);
    }
}

static void write_shard(const struct checkpoint *checkpoint, const char *folder, int shard)
{
    FILE *file = create(folder, "model-%05d-of-%05d.safetensors", shard + 1, checkpoint->shards);
    char *header = calloc((size_t)checkpoint->count + 1, 192);
    int64_t offset = 0;
    uint64_t size = 0;

    for (int i = 0; header && i < checkpoint->count; i++) {
        const struct weight *weight = &checkpoint->weights[i];
        char dims[48];
        if (weight->shard != shard)
            continue;
        snprintf(dims, sizeof dims, weight->columns ? "%lld,%lld" : "%lld", (long long)weight->rows,
                 (long long)weight->columns);
        size += (uint64_t)sprintf(
            header + size,
            "%s\"%s\":{\"dtype\":\"BF16\",\"shape\":[%s],\"data_offsets\":[%lld,%lld]}",
            offset > 0 ? "," : "{", weight->name, dims, (long long)offset,
            (long long)(offset + weight_size(weight)));
        offset += weight_size(weight);
    }
    size += (uint64_t)sprintf(header + size, "}");
    fwrite(&size, sizeof size, 1, file);
    fwrite(header, 1, size, file);
    for (int i = 0; i < checkpoint->count; i++)
        if (checkpoint->weights[i].shard == shard)
            write_weight(file, &checkpoint->weights[i]);
    close_file(file);
    free(header);
}

static void checkpoint(int64_t bytes, const char *folder)
{
    struct checkpoint checkpoint = {0};

    plan_checkpoint(&checkpoint, bytes);
    for (int i = 0; i < checkpoint.shards; i++)
        write_shard(&checkpoint, folder, i);
    FILE *file = create(folder, "model.safetensors.index.json", 0, 0);
    fprintf(file, "{\"weight_map\":{");
    for (int i = 0; i < checkpoint.count; i++)
        fprintf(file, "%s\"%s\":\"model-%05d-of-%05d.safetensors\"", i ? "," : "",
                checkpoint.weights[i].name, checkpoint.weights[i].shard + 1, checkpoint.shards);
    fprintf(file, "}}\n");
    close_file(file);
    file = create(folder, "config.json", 0, 0);
    fprintf(file,
            "{\"model_type\":\"llama\",\"hidden_size\":%d,\"intermediate_size\":%d,"
            "\"num_hidden_layers\":%d,\"num_attention_heads\":16,\"num_key_value_heads\":16,"
            "\"vocab_size\":%d,\"max_position_embeddings\":2048,\"rms_norm_eps\":1e-5,"
            "\"rope_theta\":10000,\"tie_word_embeddings\":false,\"hidden_act\":\"silu\"}\n",
            DIM, MLP, checkpoint.layers, VOCABULARY);
    close_file(file);
    free(checkpoint.weights);
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    int64_t a = argc > 2 ? atoll(argv[2]) : 0, b = argc > 3 ? atoll(argv[3]) : 0;

    if (!strcmp(what, "hourly"))
        hourly();
    else if (!strcmp(what, "table"))
        table(a * 1000000);
    else if (!strcmp(what, "panel"))
        panel(a, b);
    else if (!strcmp(what, "stream"))
        stream(a);
    else if (!strcmp(what, "checkpoint") && argc > 3)
        checkpoint(a * 1000000000, argv[3]);
    else
        return 2;
    return fflush(stdout) || ferror(stdout) ? 5 : 0;
}
