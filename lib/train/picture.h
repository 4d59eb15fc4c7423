/* Training classifiers of pictures: the objective, the data, and what lin-train does with both.
 * SPDX-License-Identifier: MIT */
#ifndef PL_TRAIN_PICTURE_H
#define PL_TRAIN_PICTURE_H

#include "models/image_net.h"
#include "train/job.h"

struct pl_picture_options {
    const char *from;    /* a model whose weights it starts with; NULL: random ones */
    const char *corrupt; /* as of pl_corrupt_parse; NULL: pictures stay as they are */
    int64_t shift;
    bool flip;
};

/* Rows for a struct s whose member m is a struct pl_picture_options. */
/* clang-format off */
#define PL_PICTURE_OPTIONS(s, m)                                                                   \
    PL_TEXT(s, m.from, "from", 0, NULL, "MODEL",                                                   \
            "classifiers: start with the weights of MODEL", "pre.plumb"),                          \
    PL_TEXT(s, m.corrupt, "corrupt", 0, NULL, "TYPE[:N|=X]",                                       \
            "classifiers: corrupt pictures in a new way each time they are seen, as img-corrupt "  \
            "does with severity N or amount X",                                                    \
            "gaussian_noise:5"),                                                                   \
    PL_INT(s, m.shift, "shift", 0, NULL, 0, 1024, "PIXELS",                                        \
           "classifiers: each time a picture is seen it is moved by up to so many pixels, black "  \
           "follows; 0 when not given",                                                            \
           "4"),                                                                                   \
    PL_FLAG(s, m.flip, "flip", 0, "no",                                                            \
            "classifiers: mirror a picture every other time it is seen")

/* Passes over the data: with adam, and of classifiers. */
#define PL_EPOCHS_OPTION(s, m)                                                                     \
    PL_INT(s, m, "epochs", 0, NULL, 1, 1e6, "N",                                                   \
           "passes over the data; forecasters with adam: 10; classifiers, in place of --steps: 5", \
           "10")
/* clang-format on */

/* Trains a classifier of the type on operand 0 and writes it, but for the commit; settings:
 * KEY=VALUE for the options of the type.  epochs: a field of command.  With --explain, says what
 * that would be; writer may be NULL then. */
enum pl_status pl_train_picture(struct pl_run *run, void *command, struct pl_train_options *options,
                                const int64_t *epochs, const struct pl_picture_options *picture,
                                const struct pl_model_type *type, const struct pl_list *settings,
                                struct pl_writer *writer) PL_MUST_CHECK;

#endif
