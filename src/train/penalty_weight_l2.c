#include "math/tree.h"
#include "train/penalty.h"

enum { WEIGHT };

static const cn_option options[] = {
    [WEIGHT] = CN_PENALTY_WEIGHT,
    {0},
};

#define WEIGHT_L2(real)                                                                                      \
    static double weights_##real(const cn_spec *spec, const void *weights, size_t count, void *gradient)     \
    {                                                                                                        \
        const real *w = weights, factor = (real)spec->values[WEIGHT].number;                                 \
        real *g = gradient;                                                                                  \
        double sums[CN_PENALTY_LANES] = {0};                                                                 \
        for (size_t i = 0; i < count; i += CN_PENALTY_LANES)                                                 \
            for (size_t lane = 0; lane < CN_PENALTY_LANES; lane++)                                           \
                sums[lane] += (double)w[i + lane] * (double)w[i + lane];                                     \
        for (size_t i = 0; g && i < count; i++)                                                              \
            g[i] += 2 * factor * w[i];                                                                       \
        return spec->values[WEIGHT].number * cn_tree_sum(sums, CN_PENALTY_LANES);                            \
    }
WEIGHT_L2(float)
WEIGHT_L2(double)

const cn_penalty cn_penalty_weight_l2 = {
    .part = {.name = "weight_l2",
             .example = "weight_l2 1e-4",
             .summary = "sum of the squared weights, biases left out",
             .equation = "W sum w^2",
             .options = options},
    .weights = {weights_float, weights_double},
};
