/* Learns which N columns of a row say most about all of them (Balin, Abid, Zou: Concrete Autoencoders,
 * ICML 2019). In training each value of the code is a mixture of all columns, drawn anew for every row and
 * epoch; the temperature falls from `start` in the first epoch to `end` in the last, and the mixtures fall
 * upon single columns. Outside of training it picks the column of the largest logit, as it is.
 * math/concrete.h has the equations. */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "math/concrete.h"
#include "model/layer.h"

enum { CHOICES, START, END };

static const cn_option options[] = {
    [CHOICES] = {.name = "N",
                 .type = CN_COUNT,
                 .value_argument = true,
                 .minimum = 1,
                 .maximum = 1 << 24,
                 .summary = "columns to choose; two choices may fall on one"},
    [START] = {.name = "start",
               .type = CN_NUMBER,
               .standard = "10",
               .maximum = 1e6,
               .open_minimum = true,
               .summary = "temperature of the first epoch"},
    [END] = {.name = "end",
             .type = CN_NUMBER,
             .standard = "0.01",
             .minimum = 1e-6,
             .maximum = 1e6,
             .summary = "temperature of the last"},
    {0},
};

enum { LOGITS };

static size_t choices(const cn_node *node)
{
    return node->spec.values[CHOICES].count;
}

static cinch_status shape(cn_node *node, cinch_error *error)
{
    size_t reals;
    if (!cn_multiply(choices(node), cn_concrete_stride(cn_shape_size(node->input)), &reals))
        return cn_fail(error, CINCH_USAGE, "%zu choices among %zu columns are too many", choices(node),
                       cn_shape_size(node->input));
    node->output = cn_shape_flat(choices(node));
    return CINCH_OK;
}

static size_t declare(const cn_node *node, cn_declaration *declarations)
{
    size_t in = cn_shape_size(node->input);
    declarations[LOGITS] = (cn_declaration){.suffix = "logits",
                                            .shape = {.rank = 2, .sizes = {choices(node), in}},
                                            .packing = CN_PACK_VECTOR,
                                            .fan_in = in,
                                            .fan_out = choices(node),
                                            .work = 2};
    return 1;
}

/* The mixtures: one of all columns for each choice. */
static size_t kept(const cn_node *node)
{
    return choices(node) * cn_concrete_stride(cn_shape_size(node->input));
}

/* T = start (end/start)^(epoch/(epochs - 1)); of a single epoch `start`. */
static cn_concrete concrete_of(const cn_node *node, const cn_flow *flow, const cn_step *step)
{
    double start = node->spec.values[START].number, end = node->spec.values[END].number;
    double share = step->epochs > 1 ? (double)step->epoch / (double)(step->epochs - 1) : 0;
    return (cn_concrete){.in = cn_shape_size(node->input),
                         .units = choices(node),
                         .logits = flow->parameters[LOGITS]->reals,
                         .temperature = start * pow(end / start, share)};
}

static void pick(const cn_node *node, const cn_flow *flow, const cn_step *step, size_t first, size_t count)
{
    size_t in = cn_shape_size(node->input), size = step->kernels->real_size;
    for (size_t i = 0; i < choices(node); i++) {
        const char *logits = (const char *)flow->parameters[LOGITS]->reals + i * in * size;
        size_t column = cn_concrete_choices[cn_precision(step)](in, logits);
        for (size_t r = first; r < first + count; r++)
            memcpy((char *)cn_row(step, flow->y, flow->y_stride, r) + i * size,
                   (const char *)cn_row(step, flow->x, flow->x_stride, r) + column * size, size);
    }
}

static void forward(const cn_node *node, const cn_flow *flow, const cn_step *step, size_t first, size_t count)
{
    if (!step->training) {
        pick(node, flow, step, first, count);
        return;
    }
    cn_concrete concrete = concrete_of(node, flow, step);
    for (size_t r = first; r < first + count; r++) {
        cn_random random = cn_random_at(step->seed, CN_DRAW_LAYER, node->place, step->epoch, step->rows[r]);
        cn_concrete_rows[cn_precision(step)](&concrete, &random, cn_row(step, flow->x, flow->x_stride, r),
                                             cn_row(step, flow->kept, flow->kept_stride, r),
                                             cn_row(step, flow->y, flow->y_stride, r));
    }
}

/* Nothing lies before it, and `gradient` needs dy as it is. */
static void backward(const cn_node *node, const cn_flow *flow, const cn_step *step, size_t first,
                     size_t count)
{
    (void)node, (void)flow, (void)step, (void)first, (void)count;
}

static void gradient(const cn_node *node, const cn_flow *flow, const cn_step *step, size_t rows, size_t local,
                     const cn_tile *tile, bool accumulate, void *reals)
{
    (void)local;
    cn_concrete concrete = concrete_of(node, flow, step);
    cn_concrete_batch batch = {.rows = rows,
                               .x = flow->x,
                               .y = flow->y,
                               .dy = flow->dy,
                               .mixtures = flow->kept,
                               .x_stride = flow->x_stride,
                               .y_stride = flow->y_stride,
                               .mixtures_stride = flow->kept_stride};
    cn_concrete_gradients[cn_precision(step)](&concrete, &batch, tile->first, tile->count, accumulate, reals);
}

static size_t column(const cn_node *node, const cn_parameter *parameters, size_t index)
{
    size_t in = cn_shape_size(node->input);
    return cn_concrete_choices[0](in, parameters[node->parameters[LOGITS]].values + index * in);
}

static void lower(const cn_node *node, const cn_parameter *parameters, cn_program *program)
{
    size_t *columns = cn_new(choices(node), sizeof *columns, NULL);
    program->failed |= !columns;
    for (size_t i = 0; columns && i < choices(node); i++)
        columns[i] = column(node, parameters, i);
    cn_program_add(
        program,
        (cn_primitive){.kind = CN_GATHER, .input = node->input, .output = node->output, .columns = columns});
}

const cn_layer cn_layer_concrete = {
    .part = {.name = "concrete",
             .example = "concrete 5 start=5 end=0.1",
             .summary = "chooses N columns of the row; first in the encoder (Balin et al. 2019)",
             .equation = "y = softmax((logits + gumbel) / T) x, at last x of the largest logit; T falls from "
                         "start to end over the epochs",
             .options = options},
    .first = true,
    .by_epochs = true,
    .shape = shape,
    .declare = declare,
    .mirror = cn_mirror_dense,
    .kept = kept,
    .forward = forward,
    .backward = backward,
    .gradient = gradient,
    .column = column,
    .lower = lower,
};
