/* Classifiers of pictures: gradients of whole nets, and that weights tell their configuration.
 * SPDX-License-Identifier: MIT */
#include "check.h"

#include <unistd.h>

#include "base/rng.h"
#include "models/image_import.h"
#include "models/image_score.h"
#include "models/image_stream.h"
#include "models/model_stream.h"
#include "tensor/blas.h"

enum { COUNT = 6, HEIGHT = 9, WIDTH = 8, CHANNELS = 2, CLASSES = 3 };

static struct pl_context context = {.threads = 1};
static uint8_t pixels[COUNT * HEIGHT * WIDTH * CHANNELS];
static int32_t labels[COUNT] = {0, 2, 1, 1, 0, 2};
static const struct pl_pictures pictures = {COUNT,   HEIGHT, WIDTH,  CHANNELS,
                                            CLASSES, pixels, labels, "pictures"};

static const struct net {
    const char *type;
    const char *settings[8];
} nets[] = {
    {"mlp", {"widths=7,5", "activation=tanh", "mean=0.5,0.4"}},
    {"mlp", {"widths=none"}},
    {"cnn", {"widths=4,5", "stride=2,1", "pool=1,2", "dense=6", "activation=tanh", "std=0.3"}},
    {"cnn", {"widths=4", "kernel=4", "pad=1", "norm=batch", "head=mean", "dense=none"}},
    {"resnet", {"widths=4,6", "blocks=1,2", "activation=tanh"}},
    {"resnet",
     {"widths=8,12", "blocks=2,1", "block=bottleneck", "stem-kernel=5", "stem-stride=2",
      "stem-pool=yes", "activation=tanh"}},
};
enum { NETS = sizeof nets / sizeof *nets };

static size_t count_settings(const struct net *net)
{
    size_t count = 0;
    while (net->settings[count])
        count++;
    return count;
}

static bool start(struct pl_image_net *net, const struct net *wanted)
{
    const struct pl_model_type *type = pl_model_find(wanted->type);
    if (pl_image_init(&context, net, type, wanted->settings, count_settings(wanted), &pictures) ||
        pl_parameters_start(&context, &net->parameters, 1, 1) ||
        pl_parameters_gradients(&context, &net->parameters)) {
        printf("# %s\n", context.message);
        return false;
    }
    return true;
}

static double loss_of(struct pl_image_net *net, double momentum, bool back)
{
    struct pl_tape tape = {.context = &context, .recording = back};
    struct pl_image_pass pass = {.tape = &tape, .net = net, .momentum = momentum};
    struct pl_variable *loss =
        pl_op_class_loss(&tape, pl_image_logits(&pass, &pictures, 0, pictures.count), labels, NULL);
    double value = loss ? (double)loss->value[0] : (double)NAN;
    if (!loss || (back && pl_tape_backward(&tape, loss, 1)))
        printf("# %s\n", context.message);
    pl_tape_release(&tape);
    return value;
}

static void compare_slopes(struct pl_image_net *net, double momentum,
                           const struct pl_parameter *parameter)
{
    const struct pl_variable *variable = &parameter->variable;
    const double h = 1e-5;
    for (int64_t i = 0; i < variable->count; i += variable->count / 3 + 1) {
        pl_real before = variable->value[i];
        variable->value[i] = before + h;
        double above = loss_of(net, momentum, false);
        variable->value[i] = before - h;
        double slope = (above - loss_of(net, momentum, false)) / (2 * h);
        variable->value[i] = before;
        if (!(fabs(slope - variable->gradient[i]) < 1e-6))
            printf("# %s[%lld]: %g, slope is %g\n", parameter->name, (long long)i,
                   variable->gradient[i], slope);
        CHECK(fabs(slope - variable->gradient[i]) < 1e-6);
    }
}

static void gradients(void)
{
    for (int n = 0; n < NETS; n++)
        for (int training = 0; training < 2; training++) {
            struct pl_image_net net;
            bool ok = start(&net, &nets[n]);
            CHECK(ok);
            CHECK(ok && isfinite(loss_of(&net, training * 0.1, true)));
            for (size_t i = 0; ok && i < net.parameters.count; i++)
                if (!net.parameters.items[i]->frozen)
                    compare_slopes(&net, training * 0.1, net.parameters.items[i]);
            pl_image_release(&net);
        }
}

/* Writes the net to a file, reads it as a bundle and gives back how that went. */
static bool pass_on(struct pl_image_net *net, struct pl_bundle *bundle, bool weights)
{
    char path[] = "/tmp/image_net_XXXXXX";
    bool found = false;
    int fd = mkstemp(path);
    if (fd < 0)
        return false;
    struct pl_writer *writer = pl_writer_open(&context, path);
    bool ok = writer &&
              !(weights ? pl_parameters_write(&context, &net->parameters, writer)
                        : pl_image_write(&context, net, NULL, writer)) &&
              !pl_writer_end(&context, writer) && !pl_writer_commit(&context, writer);
    struct pl_reader *reader = ok ? pl_reader_open(&context, path, PL_READER_NO_MMAP) : NULL;
    ok = reader && !pl_bundle_read(&context, bundle, reader, &found) && found;
    pl_reader_close(reader);
    close(fd);
    unlink(path);
    return ok;
}

/* The way through a stream changes nothing; the bare weights need no more than what is given. */
static void streams(void)
{
    static const char *const told[NETS][4] = {
        {"activation=tanh", "mean=0.5,0.4"},
        {NULL},
        {"stride=2,1", "pool=1,2", "activation=tanh", "std=0.3"},
        {"pad=1", "pool=2", "head=mean"},
        {"activation=tanh"},
        {"stem-stride=2", "stem-pool=yes", "activation=tanh"},
    };
    for (int n = 0; n < NETS; n++) {
        struct pl_image_net net, read, imported;
        struct pl_bundle model = {0}, weights = {0};
        size_t count = 0;
        while (count < 4 && told[n][count])
            count++;
        CHECK(start(&net, &nets[n]));
        double loss = loss_of(&net, 0, false);
        CHECK(pass_on(&net, &model, false) && pl_image_is(&model));
        CHECK(pl_image_read(&context, &read, &model) == PL_OK);
        CHECK(loss_of(&read, 0, false) == loss);
        CHECK(pass_on(&net, &weights, true));
        CHECK(pl_image_import(&context, &imported, net.type, told[n], count, &weights) == PL_OK);
        CHECK(loss_of(&imported, 0, false) == loss);
        pl_image_release(&net);
        pl_image_release(&read);
        pl_image_release(&imported);
        pl_bundle_release(&model);
        pl_bundle_release(&weights);
    }
}

/* Weights under the names that a list of layers gives them, in an order of their own. */
static void other_names(void)
{
    static const char *const names[] = {"features.10.weight", "features.10.bias",
                                        "features.2.weight",  "features.2.bias",
                                        "classifier.weight",  "classifier.bias"};
    static const int64_t dims[][4] = {{4, 3, 3, 3}, {4}, {3, 1, 3, 3}, {3}, {2, 4}, {2}};
    static const int ranks[] = {4, 1, 4, 1, 2, 1};
    static const char *const head[] = {"head=mean"};
    static double values[256];
    struct pl_bundle_tensor tensors[6];
    struct pl_bundle bundle = {.source = "file", .tensors = tensors, .tensor_count = 6};
    struct pl_image_net net;
    for (int i = 0; i < 6; i++)
        tensors[i] = (struct pl_bundle_tensor){(char *)(uintptr_t)names[i],
                                               pl_tensor_view(PL_F64, ranks[i], dims[i], values)};
    values[5] = 7;
    CHECK(pl_image_import(&context, &net, pl_model_find("cnn"), head, 1, &bundle) == PL_OK);
    CHECK(net.parameters.count == 6);
    const struct pl_parameter *first = pl_parameter_find(&net.parameters, "conv0.weight");
    CHECK(first && first->variable.dims[0] == 3 && first->variable.value[5] == 7);
    CHECK(pl_parameter_find(&net.parameters, "fc0.bias") != NULL);
    CHECK_TEXT(tensors[0].name, "features.10.weight"); /* the bundle's own stay */
    pl_image_release(&net);
    tensors[2].tensor.dims[1] = 2;
    tensors[5].tensor.dims[0] = 3;
    CHECK(pl_image_import(&context, &net, pl_model_find("cnn"), head, 1, &bundle) == PL_BAD_DATA);
    CHECK_TEXT(context.message, "file: not the parameters of this cnn: wrong shape of 'fc0.bias': "
                                "[3] instead of [2]");
    pl_image_release(&net);
}

static void refuse(const char *type, const char *setting, const char *message)
{
    struct pl_image_net net;
    enum pl_status status =
        pl_image_init(&context, &net, pl_model_find(type), &setting, 1, &pictures);
    CHECK(status != PL_OK);
    CHECK_TEXT(context.message, message);
    pl_image_release(&net);
}

static void refusals(void)
{
    refuse("mlp", "widths=3,x", "--set widths=3,x: not whole numbers with commas between");
    refuse("mlp", "widths=3,", "--set widths=3,: not whole numbers with commas between");
    refuse("mlp", "widths=3,0", "--set widths=3,0: numbers must be at least 1");
    refuse("mlp", "stride=2",
           "mlp has no option 'stride'; it has classes, mean, std, activation, "
           "init, inputs, widths");
    refuse("mlp", "inputs=5", "pictures: pictures of 9 x 8 x 2 numbers; the model takes 5");
    refuse("mlp", "mean=1,2,3", "--set mean=1,2,3: 3 numbers for 2 channels");
    refuse("mlp", "mean=a", "--set mean=a: not numbers with commas between");
    refuse("mlp", "std=0", "--set std=0: must be more than 0");
    refuse("mlp", "classes=2", "pictures: label 2, but the model has 2 classes");
    refuse("cnn", "widths=none", "--set widths=none: a cnn has one convolution at least");
    refuse("cnn", "stride=1,2", "--set stride=1,2: 2 numbers for 3 layers");
    refuse("cnn", "pool=4",
           "the pictures are too small: nothing is left of 9 x 8 pixels behind "
           "conv1 (a smaller kernel, stride or pool, or fewer widths)");
    refuse("cnn", "features=7",
           "pictures: pictures of 9 x 8 pixels become 64 numbers before the dense layers; the "
           "model takes 7 (another size, or the model's stride, pad or pool is not what it was "
           "trained with)");
    refuse("cnn", "channels=3", "pictures: pictures of 2 channels; the model takes 3");
    refuse("resnet", "blocks=1,2", "--set blocks=1,2: 2 numbers for 3 layers");
}

/* Three pictures at known probabilities of two classes. */
static void calibration(void)
{
    struct pl_tape tape = {.context = &context};
    pl_real values[] = {log(0.9), log(0.1), log(0.35), log(0.65), log(0.9), log(0.1)};
    struct pl_variable logits = {.rank = 2, .dims = {3, 2}, .count = 6, .value = values};
    static const int32_t truth[] = {0, 0, 1};
    struct pl_image_score score = {0};
    CHECK(pl_image_score_add(&tape, &logits, truth, &score) == PL_OK);
    CHECK(score.count == 3 && score.right == 1);
    CHECK_NEAR(score.nats, -log(0.9) - log(0.35) - log(0.1), 1e-12);
    CHECK_NEAR(pl_image_calibration(&score), (fabs(1 - 1.8) + 0.65) / 3, 1e-12);
    pl_tape_release(&tape);
}

int main(void)
{
    struct pl_rng rng = pl_rng_init(1, "pixels");
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)pl_rng_below(&rng, i, 256);
    if (pl_blas_open(&context)) {
        printf("# %s\n", context.message);
        return 1;
    }
    RUN(gradients);
    RUN(streams);
    RUN(other_names);
    RUN(refusals);
    RUN(calibration);
    FINISH();
}
