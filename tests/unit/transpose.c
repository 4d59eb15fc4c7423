/* Transposes of any shape, inside larger matrices.
 * SPDX-License-Identifier: MIT */
#include "check.h"

#include "tensor/real.h"

enum { MOST = 35, IN = 41, OUT = 39 };

static void any_shape(void)
{
    static float in[MOST * IN], out[MOST * OUT];

    for (int i = 0; i < MOST * IN; i++)
        in[i] = (float)i;
    for (int rows = 0; rows <= MOST; rows++)
        for (int columns = 0; columns <= MOST; columns++) {
            int wrong = 0;
            for (int i = 0; i < MOST * OUT; i++)
                out[i] = -1;
            pl_real_transpose(rows, columns, in, IN, out, OUT);
            for (int c = 0; c < MOST; c++)
                for (int j = 0; j < OUT; j++) {
                    float expected = c < columns && j < rows ? in[j * IN + c] : -1;
                    wrong += out[c * OUT + j] != expected;
                }
            CHECK(wrong == 0);
        }
}

int main(void)
{
    RUN(any_shape);
    FINISH();
}
