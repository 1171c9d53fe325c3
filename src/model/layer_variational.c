/* A code that is drawn: two linear heads say each unit's mean and the logarithm of its variance, and
 *     z = mean + exp(log variance / 2) n,  n normal,
 * so that the gradient goes through both (Kingma, Welling 2014). It is drawn in evaluation as in training, by
 * (seed, this layer's place, epoch, the row's number in the data, unit); at inference z is the mean. */
#include <string.h>

#include "math/functions.h"
#include "model/variational.h"

enum { UNITS };

static const cn_option options[] = {
    [UNITS] = CN_UNITS_OPTION,
    {0},
};

enum { MEAN_WEIGHT, MEAN_BIAS, LOG_VARIANCE_WEIGHT, LOG_VARIANCE_BIAS, NPARAMETER };

static size_t units(const cn_node *node)
{
    return node->spec.values[UNITS].count;
}

static cinch_status shape(cn_node *node, cinch_error *error)
{
    node->output = cn_shape_flat(units(node));
    return node->decoder
               ? cn_fail(error, CINCH_USAGE, "a drawn code is the encoder's: it has no place in a decoder")
               : CINCH_OK;
}

static size_t declare(const cn_node *node, cn_declaration *declarations)
{
    static const char *const weights[] = {"mean.weight", "log_variance.weight"};
    static const char *const biases[] = {"mean.bias", "log_variance.bias"};
    size_t in = cn_shape_size(node->input), out = units(node);
    for (size_t head = 0; head < 2; head++) {
        declarations[2 * head] = (cn_declaration){.suffix = weights[head],
                                                  .shape = {.rank = 2, .sizes = {out, in}},
                                                  .packing = CN_PACK_MATRIX,
                                                  .fan_in = in,
                                                  .fan_out = out,
                                                  .weight = true};
        declarations[2 * head + 1] = (cn_declaration){.suffix = biases[head], .shape = cn_shape_flat(out)};
    }
    return NPARAMETER;
}

static size_t kept(const cn_node *node)
{
    return CN_NVARIATIONAL * cn_variational_part(units(node));
}

/* Where penalties of the code find the mean, and leave its slope. */
static void code(const cn_node *node, size_t *mean, size_t *slope)
{
    *mean = CN_MEAN * cn_variational_part(units(node));
    *slope = CN_SLOPE * cn_variational_part(units(node));
}

#define LOOPS(real)                                                                                          \
    static void draw_##real(const cn_random *random, size_t width, size_t part, void *kept_row, void *y)     \
    {                                                                                                        \
        real *row = kept_row, *to = y;                                                                       \
        for (size_t j = 0; j < width; j++) {                                                                 \
            real n = (real)cn_random_normal(random, (uint32_t)j);                                            \
            row[CN_DRAW * part + j] = n;                                                                     \
            to[j] = row[CN_MEAN * part + j] + CN_EXP(row[CN_LOG_VARIANCE * part + j] / 2) * n;               \
        }                                                                                                    \
        memset(row + CN_SLOPE * part, 0, 2 * part * sizeof(real));                                           \
    }                                                                                                        \
    /* dmean += dz, dlog_variance += dz n exp(log variance / 2) / 2 */                                       \
    static void return_##real(size_t width, size_t part, const void *dy, void *kept_row)                     \
    {                                                                                                        \
        const real *from = dy;                                                                               \
        real *row = kept_row;                                                                                \
        for (size_t j = 0; j < width; j++) {                                                                 \
            row[CN_SLOPE * part + j] += from[j];                                                             \
            row[CN_LOG_VARIANCE_SLOPE * part + j] +=                                                         \
                from[j] * row[CN_DRAW * part + j] * CN_EXP(row[CN_LOG_VARIANCE * part + j] / 2) / 2;         \
        }                                                                                                    \
    }                                                                                                        \
    static void add_##real(size_t width, const void *more, void *sums)                                       \
    {                                                                                                        \
        for (size_t j = 0; j < width; j++)                                                                   \
            ((real *)sums)[j] += ((const real *)more)[j];                                                    \
    }
LOOPS(float)
LOOPS(double)

static void (*const draw[])(const cn_random *, size_t, size_t, void *, void *) = {draw_float, draw_double};
static void (*const return_slopes[])(size_t, size_t, const void *, void *) = {return_float, return_double};
static void (*const add[])(size_t, const void *, void *) = {add_float, add_double};

/* A part of what is kept, of the rows from `first` on. */
static void *part_of(const cn_node *node, const cn_flow *flow, const cn_step *step, size_t first,
                     cn_variational_kept which)
{
    return (char *)cn_row(step, flow->kept, flow->kept_stride, first) +
           which * cn_variational_part(units(node)) * step->kernels->real_size;
}

static void forward(const cn_node *node, const cn_flow *flow, const cn_step *step, size_t first, size_t count)
{
    for (size_t head = 0; head < 2; head++)
        step->kernels->product(
            &(cn_product){.rows = count,
                          .in = cn_shape_size(node->input),
                          .out = units(node),
                          .x = cn_row(step, flow->x, flow->x_stride, first),
                          .x_stride = flow->x_stride,
                          .panels = flow->parameters[2 * head]->matrix.panels,
                          .bias = flow->parameters[2 * head + 1]->reals,
                          .activation = CN_LINEAR,
                          .y = part_of(node, flow, step, first, head ? CN_LOG_VARIANCE : CN_MEAN),
                          .y_stride = flow->kept_stride});
    for (size_t r = first; r < first + count; r++) {
        cn_random random = cn_random_at(step->seed, CN_DRAW_LAYER, node->place, step->epoch, step->rows[r]);
        draw[cn_precision(step)](&random, units(node), cn_variational_part(units(node)),
                                 cn_row(step, flow->kept, flow->kept_stride, r),
                                 cn_row(step, flow->y, flow->y_stride, r));
    }
}

/* dx = dmean W_mean + dlog_variance W_log_variance, the second through scratch, a row at a time. */
static void backward(const cn_node *node, const cn_flow *flow, const cn_step *step, size_t first,
                     size_t count)
{
    size_t in = cn_shape_size(node->input);
    cn_product way = {.in = units(node), .out = in, .x_stride = flow->kept_stride, .activation = CN_LINEAR};
    for (size_t r = first; r < first + count; r++)
        return_slopes[cn_precision(step)](units(node), cn_variational_part(units(node)),
                                          cn_row(step, flow->dy, flow->y_stride, r),
                                          cn_row(step, flow->kept, flow->kept_stride, r));
    if (!flow->dx)
        return;
    way.rows = count;
    way.x = part_of(node, flow, step, first, CN_SLOPE);
    way.panels = flow->parameters[MEAN_WEIGHT]->matrix.transposed;
    way.y = cn_row(step, flow->dx, flow->x_stride, first);
    way.y_stride = flow->x_stride;
    step->kernels->product(&way);
    way.rows = 1;
    way.panels = flow->parameters[LOG_VARIANCE_WEIGHT]->matrix.transposed;
    way.y = step->scratch;
    for (size_t r = first; r < first + count; r++) {
        way.x = part_of(node, flow, step, r, CN_LOG_VARIANCE_SLOPE);
        step->kernels->product(&way);
        add[cn_precision(step)](in, step->scratch, cn_row(step, flow->dx, flow->x_stride, r));
    }
}

static size_t scratch(const cn_node *node)
{
    return cn_round_up(cn_shape_size(node->input), CN_PANEL);
}

static void gradient(const cn_node *node, const cn_flow *flow, const cn_step *step, size_t rows, size_t local,
                     const cn_tile *tile, bool accumulate, void *reals)
{
    bool of_mean = local == MEAN_WEIGHT || local == MEAN_BIAS;
    const void *slopes = part_of(node, flow, step, 0, of_mean ? CN_SLOPE : CN_LOG_VARIANCE_SLOPE);
    if (local == MEAN_WEIGHT || local == LOG_VARIANCE_WEIGHT)
        step->kernels->outer(&(cn_outer){.rows = rows,
                                         .a = flow->x,
                                         .a_stride = flow->x_stride,
                                         .b = slopes,
                                         .b_stride = flow->kept_stride,
                                         .panel = tile->panel,
                                         .npanel = tile->npanel,
                                         .row = tile->row,
                                         .nrow = tile->nrow,
                                         .accumulate = accumulate,
                                         .tile = reals});
    else
        step->kernels->column_sums(rows, slopes, flow->kept_stride, tile->first, tile->count, accumulate,
                                   reals);
}

static void lower(const cn_node *node, const cn_parameter *parameters, cn_program *program)
{
    cn_program_add(program, (cn_primitive){.kind = CN_MATMUL,
                                           .input = node->input,
                                           .output = node->output,
                                           .parameter = &parameters[node->parameters[MEAN_WEIGHT]]});
    cn_program_add(program, (cn_primitive){.kind = CN_ADD,
                                           .input = node->output,
                                           .output = node->output,
                                           .parameter = &parameters[node->parameters[MEAN_BIAS]]});
}

const cn_layer cn_layer_variational = {
    .part = {.name = "variational",
             .example = "variational 20",
             .summary = "a code drawn around its mean (Kingma, Welling 2014); with the penalty kl",
             .equation = "z = mean + e^(log_variance / 2) n, both W x + b; at inference the mean",
             .options = options},
    .drawn = true,
    .shape = shape,
    .declare = declare,
    .mirror = cn_mirror_dense,
    .kept = kept,
    .scratch = scratch,
    .code = code,
    .forward = forward,
    .backward = backward,
    .gradient = gradient,
    .lower = lower,
};
