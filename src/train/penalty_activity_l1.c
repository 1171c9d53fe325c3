#include "train/penalty.h"

enum { WEIGHT };

static const cn_option options[] = {
    [WEIGHT] = CN_PENALTY_WEIGHT,
    {0},
};

#define ACTIVITY_L1(real)                                                                                    \
    static void codes_##real(const cn_spec *spec, size_t rows, size_t width, size_t stride,                  \
                             const void *codes, double scale, void *slope, double *values)                   \
    {                                                                                                        \
        double weight = spec->values[WEIGHT].number;                                                         \
        const real step = (real)(weight * scale);                                                            \
        for (size_t r = 0; r < rows; r++) {                                                                  \
            const real *code = (const real *)codes + r * stride;                                             \
            real *to = slope ? (real *)slope + r * stride : NULL;                                            \
            double sum = 0;                                                                                  \
            for (size_t j = 0; j < width; j++)                                                               \
                sum += code[j] < 0 ? -code[j] : code[j];                                                     \
            for (size_t j = 0; to && j < width; j++)                                                         \
                to[j] += code[j] > 0 ? step : code[j] < 0 ? -step : 0;                                       \
            values[r] += weight * sum;                                                                       \
        }                                                                                                    \
    }
ACTIVITY_L1(float)
ACTIVITY_L1(double)

const cn_penalty cn_penalty_activity_l1 = {
    .part = {.name = "activity_l1",
             .example = "activity_l1 1e-4",
             .summary = "magnitude of the code, a sparse code",
             .equation = "W mean over rows of sum |code|",
             .options = options},
    .codes = {codes_float, codes_double},
};
