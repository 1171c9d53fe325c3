#include "math/tree.h"
#include "train/penalty.h"

enum { WEIGHT };

static const cn_option options[] = {
    [WEIGHT] = CN_PENALTY_WEIGHT,
    {0},
};

#define SIGN(w) ((w) > 0 ? 1 : (w) < 0 ? -1 : 0)

#define WEIGHT_L1(real)                                                                                      \
    static double weights_##real(const cn_spec *spec, const void *weights, size_t count, void *gradient)     \
    {                                                                                                        \
        const real *w = weights, factor = (real)spec->values[WEIGHT].number;                                 \
        real *g = gradient;                                                                                  \
        double sums[CN_PENALTY_LANES] = {0};                                                                 \
        for (size_t i = 0; i < count; i += CN_PENALTY_LANES)                                                 \
            for (size_t lane = 0; lane < CN_PENALTY_LANES; lane++)                                           \
                sums[lane] += w[i + lane] < 0 ? -w[i + lane] : w[i + lane];                                  \
        for (size_t i = 0; g && i < count; i++)                                                              \
            g[i] += factor * SIGN(w[i]);                                                                     \
        return spec->values[WEIGHT].number * cn_tree_sum(sums, CN_PENALTY_LANES);                            \
    }
WEIGHT_L1(float)
WEIGHT_L1(double)

const cn_penalty cn_penalty_weight_l1 = {
    .part = {.name = "weight_l1",
             .example = "weight_l1 1e-5",
             .summary = "sum of the weights' magnitudes, biases left out",
             .equation = "W sum |w|",
             .options = options},
    .weights = {weights_float, weights_double},
};
