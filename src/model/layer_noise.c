/* Corrupts values at random in training, so that the layers after it learn to mend them (Vincent et al.:
 * Stacked denoising autoencoders, 2010). What is drawn for value j of row r hangs on (seed, this layer's
 * place, epoch, the row's number in the data, j) alone. */
#include <string.h>

#include "math/draws.h"
#include "model/layer.h"

enum { KIND, AMOUNT };
enum { GAUSSIAN, MASK, SALTPEPPER };

static const char *const kinds[] = {"gaussian", "mask", "saltpepper", NULL};

static const cn_option options[] = {
    [KIND] = {.name = "KIND",
              .type = CN_WORD,
              .value_argument = true,
              .words = kinds,
              .summary = "gaussian adds to each value; mask sets it to 0, saltpepper to 0 or 1"},
    [AMOUNT] = {.name = "AMOUNT",
                .type = CN_NUMBER,
                .value_argument = true,
                .minimum = 0,
                .maximum = 1e6,
                .summary = "gaussian's standard deviation; the probability of mask and saltpepper"},
    {0},
};

static cinch_status shape(cn_node *node, cinch_error *error)
{
    size_t kind = node->spec.values[KIND].word;
    node->output = node->input;
    if (kind != GAUSSIAN && node->spec.values[AMOUNT].number > 1)
        return cn_fail(error, CINCH_USAGE, "a probability is from 0 to 1");
    return CINCH_OK;
}

/* What is set to a constant lets no gradient through. */
static size_t kept(const cn_node *node)
{
    return node->spec.values[KIND].word == GAUSSIAN ? 0 : cn_shape_size(node->input);
}

/* `count` values, at most CN_DRAWN, from one group of words. pass[j]: 1 where x came through, else 0. */
#define NOISE(real)                                                                                          \
    static void add_##real(const cn_random *random, uint32_t group, double amount, size_t count,             \
                           const void *from, void *to, void *pass)                                           \
    {                                                                                                        \
        const real *x = from, deviation = (real)amount;                                                      \
        real *y = to, normals[CN_DRAWN];                                                                     \
        (void)pass;                                                                                          \
        cn_draw_normals_##real(random, group, normals);                                                      \
        for (size_t j = 0; j < count; j++)                                                                   \
            y[j] = x[j] + deviation * normals[j];                                                            \
    }                                                                                                        \
                                                                                                             \
    static void replace_##real(const cn_random *random, uint32_t group, double zeros, double ones,           \
                               size_t count, const real *x, real *y, real *pass)                             \
    {                                                                                                        \
        const uint64_t dark = (uint64_t)(zeros * 4294967296.0),                                              \
                       light = (uint64_t)((zeros + ones) * 4294967296.0);                                    \
        uint32_t words[CN_DRAWN];                                                                            \
        cn_draw_words(random, group, words);                                                                 \
        for (size_t j = 0; j < count; j++) {                                                                 \
            pass[j] = words[j] >= light;                                                                     \
            y[j] = words[j] < dark ? 0 : words[j] < light ? 1 : x[j];                                        \
        }                                                                                                    \
    }                                                                                                        \
                                                                                                             \
    static void mask_##real(const cn_random *random, uint32_t group, double amount, size_t count,            \
                            const void *from, void *to, void *pass)                                          \
    {                                                                                                        \
        replace_##real(random, group, amount, 0, count, from, to, pass);                                     \
    }                                                                                                        \
                                                                                                             \
    static void saltpepper_##real(const cn_random *random, uint32_t group, double amount, size_t count,      \
                                  const void *from, void *to, void *pass)                                    \
    {                                                                                                        \
        replace_##real(random, group, amount / 2, amount / 2, count, from, to, pass);                        \
    }                                                                                                        \
                                                                                                             \
    static void multiply_##real(size_t width, const void *pass, const void *from, void *to)                  \
    {                                                                                                        \
        const real *a = pass, *b = from;                                                                     \
        real *c = to;                                                                                        \
        for (size_t j = 0; j < width; j++)                                                                   \
            c[j] = a[j] * b[j];                                                                              \
    }
NOISE(float)
NOISE(double)

static void (*const corrupt[][2])(const cn_random *, uint32_t, double, size_t, const void *, void *,
                                  void *) = {
    [GAUSSIAN] = {add_float, add_double},
    [MASK] = {mask_float, mask_double},
    [SALTPEPPER] = {saltpepper_float, saltpepper_double},
};

static void (*const multiply[])(size_t, const void *, const void *, void *) = {multiply_float,
                                                                               multiply_double};

static void corrupt_row(const cn_node *node, const cn_flow *flow, const cn_step *step, size_t row)
{
    size_t width = cn_shape_size(node->input), real_size = step->kernels->real_size;
    const char *x = cn_row(step, flow->x, flow->x_stride, row);
    char *y = cn_row(step, flow->y, flow->y_stride, row),
         *pass = flow->kept ? cn_row(step, flow->kept, flow->kept_stride, row) : NULL;
    cn_random random = cn_random_at(step->seed, CN_DRAW_LAYER, node->place, step->epoch, step->rows[row]);
    for (size_t j = 0; j < width; j += CN_DRAWN)
        corrupt[node->spec.values[KIND].word][cn_precision(step)](
            &random, (uint32_t)(j / CN_DRAWN), node->spec.values[AMOUNT].number,
            width - j < CN_DRAWN ? width - j : CN_DRAWN, x + j * real_size, y + j * real_size,
            pass ? pass + j * real_size : NULL);
}

static void forward(const cn_node *node, const cn_flow *flow, const cn_step *step, size_t first, size_t count)
{
    for (size_t r = first; r < first + count; r++)
        if (step->training || step->noise)
            corrupt_row(node, flow, step, r);
        else
            memcpy(cn_row(step, flow->y, flow->y_stride, r), cn_row(step, flow->x, flow->x_stride, r),
                   cn_shape_size(node->input) * step->kernels->real_size);
}

static void backward(const cn_node *node, const cn_flow *flow, const cn_step *step, size_t first,
                     size_t count)
{
    size_t width = cn_shape_size(node->input);
    for (size_t r = first; flow->dx && r < first + count; r++) {
        const void *dy = cn_row(step, flow->dy, flow->y_stride, r);
        void *dx = cn_row(step, flow->dx, flow->x_stride, r);
        if (flow->kept)
            multiply[cn_precision(step)](width, cn_row(step, flow->kept, flow->kept_stride, r), dy, dx);
        else
            memcpy(dx, dy, width * step->kernels->real_size);
    }
}

static void lower(const cn_node *node, const cn_parameter *parameters, cn_program *program)
{
    (void)node;
    (void)parameters;
    (void)program; /* nothing at inference */
}

const cn_layer cn_layer_noise = {
    .part = {.name = "noise",
             .example = "noise gaussian 0.5",
             .summary = "corrupts values at random in training, on scaled values (Vincent et al. 2010)",
             .equation = "gaussian: y = x + AMOUNT n; mask: y = 0 with probability AMOUNT, else x; "
                         "saltpepper: y = 0 or 1 with AMOUNT/2 each, else x",
             .options = options},
    .shape = shape,
    .kept = kept,
    .forward = forward,
    .backward = backward,
    .lower = lower,
};
