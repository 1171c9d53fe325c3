/* Sets values to 0 with probability P and scales the rest by 1/(1 - P), in training only (Srivastava et
 * al. 2014). The factor of value j in row r is drawn by (seed, this layer's place, epoch, the row's number
 * in the data, j). */
#include <string.h>

#include "model/layer.h"

enum { PROBABILITY };

static const cn_option options[] = {
    [PROBABILITY] = {.name = "P",
                     .type = CN_NUMBER,
                     .value_argument = true,
                     .minimum = 0,
                     .maximum = 1,
                     .open_maximum = true,
                     .summary = "share of values set to 0"},
    {0},
};

static cinch_status shape(cn_node *node, cinch_error *error)
{
    (void)error;
    node->output = node->input;
    return CINCH_OK;
}

static size_t kept(const cn_node *node)
{
    return cn_shape_size(node->input);
}

/* factors[j]: 0 or 1/(1 - P), for one row; y = factors x and dx = factors dy are `multiply`. */
#define DROPOUT(real)                                                                                        \
    static void draw_##real(const cn_random *random, double probability, size_t width, void *factors)        \
    {                                                                                                        \
        real *factor = factors, survivor = (real)(1 / (1 - probability));                                    \
        uint64_t limit = (uint64_t)(probability * 4294967296.0);                                             \
        for (size_t j = 0; j < width; j += 4) {                                                              \
            uint32_t words[4];                                                                               \
            cn_random_block(random, (uint32_t)(j / 4), words);                                               \
            for (size_t i = 0; i < 4 && j + i < width; i++)                                                  \
                factor[j + i] = words[i] < limit ? 0 : survivor;                                             \
        }                                                                                                    \
    }                                                                                                        \
    static void multiply_##real(size_t width, const void *factors, const void *from, void *to)               \
    {                                                                                                        \
        const real *a = factors, *b = from;                                                                  \
        real *c = to;                                                                                        \
        for (size_t j = 0; j < width; j++)                                                                   \
            c[j] = a[j] * b[j];                                                                              \
    }
DROPOUT(float)
DROPOUT(double)

static void (*const draw[])(const cn_random *, double, size_t, void *) = {draw_float, draw_double};
static void (*const multiply[])(size_t, const void *, const void *, void *) = {multiply_float,
                                                                               multiply_double};

static void forward(const cn_node *node, const cn_flow *flow, const cn_step *step, size_t first, size_t count)
{
    size_t width = cn_shape_size(node->input), precision = cn_precision(step);
    for (size_t r = first; r < first + count; r++) {
        const void *x = cn_row(step, flow->x, flow->x_stride, r);
        void *y = cn_row(step, flow->y, flow->y_stride, r);
        if (!step->training && !step->noise) {
            memcpy(y, x, width * step->kernels->real_size);
            continue;
        }
        void *factors = cn_row(step, flow->kept, flow->kept_stride, r);
        cn_random random = cn_random_at(step->seed, CN_DRAW_LAYER, node->place, step->epoch, step->rows[r]);
        draw[precision](&random, node->spec.values[PROBABILITY].number, width, factors);
        multiply[precision](width, factors, x, y);
    }
}

static void backward(const cn_node *node, const cn_flow *flow, const cn_step *step, size_t first,
                     size_t count)
{
    for (size_t r = first; flow->dx && r < first + count; r++)
        multiply[cn_precision(step)](
            cn_shape_size(node->input), cn_row(step, flow->kept, flow->kept_stride, r),
            cn_row(step, flow->dy, flow->y_stride, r), cn_row(step, flow->dx, flow->x_stride, r));
}

static void lower(const cn_node *node, const cn_parameter *parameters, cn_program *program)
{
    (void)node;
    (void)parameters;
    (void)program; /* nothing at inference */
}

const cn_layer cn_layer_dropout = {
    .part = {.name = "dropout",
             .example = "dropout 0.2",
             .summary = "sets values to 0 at random in training (Srivastava et al. 2014)",
             .equation = "y = x m / (1 - P), m = 0 with probability P, else 1",
             .options = options},
    .shape = shape,
    .kept = kept,
    .forward = forward,
    .backward = backward,
    .lower = lower,
};
