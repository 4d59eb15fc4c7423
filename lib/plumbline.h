/* plumbline: the library's public face.
 * SPDX-License-Identifier: MIT
 *
 * One header a noun, grouped by layer, lowest first; a layer uses only those above it here. */
#ifndef PLUMBLINE_H
#define PLUMBLINE_H

#include "base/buffer.h"
#include "base/context.h"
#include "base/crc32.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/meta.h"
#include "base/number.h"
#include "base/parallel.h"
#include "base/progress.h"
#include "base/rng.h"
#include "base/table.h"
#include "base/text.h"
#include "base/version.h"
#include "cli/option.h"
#include "cli/tool.h"
#include "tensor/blas.h"
#include "tensor/compare.h"
#include "tensor/dtype.h"
#include "tensor/slice.h"
#include "tensor/statistics.h"
#include "tensor/tensor.h"
#include "linalg/symmetric.h"
#include "stream/bundle.h"
#include "stream/directory.h"
#include "stream/header.h"
#include "stream/history.h"
#include "stream/pattern.h"
#include "stream/reader.h"
#include "inspect/survey.h"
#include "edit/transform.h"
#include "stream/writer.h"
#include "formats/input.h"
#include "models/gram.h"
#include "models/linear.h"
#include "models/linear_adam.h"
#include "models/linear_net.h"
#include "models/linear_options.h"
#include "models/registry.h"

#endif
