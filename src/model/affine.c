#include "model/affine.h"

/* Outputs from `unit` on, `out` of them, of rows first, first + 1, ... */
static void forward(const cn_affine *affine, const cn_flow *flow, const cn_step *step, size_t first,
                    size_t count, size_t unit, size_t out)
{
    void *z = flow->kept ? cn_row(step, flow->kept, flow->kept_stride, first) : NULL;
    step->kernels->product(
        &(cn_product){.rows = count,
                      .in = affine->in,
                      .out = out,
                      .x = cn_row(step, flow->x, flow->x_stride, first),
                      .x_stride = flow->x_stride,
                      .panels = cn_row(step, affine->forward, affine->in, unit),
                      .bias = cn_row(step, affine->bias, 1, unit),
                      .activation = flow->logits ? CN_LINEAR : affine->activation,
                      .z = z ? cn_row(step, z, 1, unit) : NULL,
                      .y = cn_row(step, cn_row(step, flow->y, flow->y_stride, first), 1, unit),
                      .y_stride = flow->y_stride});
}

/* dx = dz W: inputs from `unit` on, `in` of them. */
static void back(const cn_affine *affine, const cn_flow *flow, const cn_step *step, size_t first,
                 size_t count, size_t unit, size_t in)
{
    step->kernels->product(
        &(cn_product){.rows = count,
                      .in = affine->out,
                      .out = in,
                      .x = cn_row(step, flow->dy, flow->y_stride, first),
                      .x_stride = flow->y_stride,
                      .panels = cn_row(step, affine->backward, affine->out, unit),
                      .activation = CN_LINEAR,
                      .y = cn_row(step, cn_row(step, flow->dx, flow->x_stride, first), 1, unit),
                      .y_stride = flow->x_stride});
}

void cn_affine_forward(const cn_affine *affine, const cn_flow *flow, const cn_step *step, size_t first,
                       size_t count)
{
    forward(affine, flow, step, first, count, 0, affine->out);
}

void cn_affine_forward_columns(const cn_affine *affine, const cn_flow *flow, const cn_step *step, size_t rows,
                               size_t first, size_t count)
{
    forward(affine, flow, step, 0, rows, first, count);
}

#define ADD(real)                                                                                            \
    static void add_##real(size_t width, const void *more, void *sums)                                       \
    {                                                                                                        \
        for (size_t j = 0; j < width; j++)                                                                   \
            ((real *)sums)[j] += ((const real *)more)[j];                                                    \
    }
ADD(float)
ADD(double)

static void (*const add[])(size_t, const void *, void *) = {add_float, add_double};

void cn_affine_slopes(const cn_affine *affine, const cn_flow *flow, const cn_step *step, size_t first,
                      size_t count)
{
    void *dy = cn_row(step, flow->dy, flow->y_stride, first);
    if (!flow->logits && affine->activation != CN_LINEAR)
        step->kernels->activate_backward(affine->activation, count, affine->out, flow->y_stride,
                                         flow->kept ? cn_row(step, flow->kept, flow->kept_stride, first)
                                                    : NULL,
                                         cn_row(step, flow->y, flow->y_stride, first), dy, dy);
    for (size_t r = first; flow->dz && r < first + count; r++)
        add[cn_precision(step)](affine->out, cn_row(step, flow->dz, flow->y_stride, r),
                                cn_row(step, flow->dy, flow->y_stride, r));
}

void cn_affine_backward(const cn_affine *affine, const cn_flow *flow, const cn_step *step, size_t first,
                        size_t count)
{
    cn_affine_slopes(affine, flow, step, first, count);
    if (flow->dx)
        back(affine, flow, step, first, count, 0, affine->in);
}

void cn_affine_back_columns(const cn_affine *affine, const cn_flow *flow, const cn_step *step, size_t rows,
                            size_t first, size_t count)
{
    back(affine, flow, step, 0, rows, first, count);
}

/* ---- Over bundles --------------------------------------------------------------------------------------
 *
 * A table's column is a plane of as many values as there are bundles: each place sees the one of its own. */

bool cn_affine_fits(const cn_node *node)
{
    enum { MOST_WEIGHTS = 1 << 10 }; /* a bundle's sums of more would not stay near */
    return cn_shape_size(node->input) <= MOST_WEIGHTS / cn_shape_size(node->output);
}

static const size_t itself[] = {0};

static cn_run all_of(size_t nbundle)
{
    return (cn_run){.count = nbundle, .x_step = 1, .y_step = 1};
}

static cn_view view_of(const cn_run *run)
{
    return (cn_view){.ncell = 1, .offsets = itself, .taps = itself, .nrun = 1, .runs = run};
}

/* y = W x + bias, W in panels of outputs. */
static void multiply(const cn_step *step, size_t nbundle, size_t in, size_t out, const void *panels,
                     const void *bias, const void *x, void *y)
{
    const cn_run run = all_of(nbundle);
    const cn_view view = view_of(&run);
    for (size_t j = 0; j < out; j += CN_PANEL)
        step->kernels->bundle_sums(&(cn_bundle_sums){.views = &view,
                                                     .nview = 1,
                                                     .out = out - j < CN_PANEL ? out - j : CN_PANEL,
                                                     .in = in,
                                                     .x = x,
                                                     .x_plane = nbundle,
                                                     .weight = cn_row(step, panels, in, j),
                                                     .weight_out = 1,
                                                     .weight_in = CN_PANEL,
                                                     .bias = bias ? cn_row(step, bias, 1, j) : NULL,
                                                     .y = cn_bundle_at(step, y, nbundle, j),
                                                     .y_plane = nbundle});
}

void cn_affine_bundle_forward(const cn_affine *affine, const cn_flow *flow, const cn_step *step,
                              size_t nbundle)
{
    void *z = flow->kept ? flow->kept : flow->y;
    multiply(step, nbundle, affine->in, affine->out, affine->forward, affine->bias, flow->x, z);
    if (!flow->logits)
        cn_activate_all(step->kernels, affine->activation, affine->out * nbundle * CN_BUNDLE, z, flow->y);
}

void cn_affine_bundle_backward(const cn_affine *affine, const cn_flow *flow, const cn_step *step,
                               size_t nbundle)
{
    if (!flow->logits)
        cn_activate_all_backward(step->kernels, affine->activation, affine->out * nbundle * CN_BUNDLE,
                                 flow->kept ? flow->kept : flow->y, flow->y, flow->dy);
    if (flow->dx)
        multiply(step, nbundle, affine->out, affine->in, affine->backward, NULL, flow->dy, flow->dx);
}

void cn_affine_bundle_gradient(const cn_step *step, size_t nbundle, size_t in, const void *from, size_t out,
                               const void *to, void *sums)
{
    const cn_run run = all_of(nbundle);
    const cn_view view = view_of(&run);
    step->kernels->bundle_products(&(cn_bundle_products){.views = &view,
                                                         .nview = 1,
                                                         .out = out,
                                                         .in = in,
                                                         .z = to,
                                                         .z_plane = nbundle,
                                                         .x = from,
                                                         .x_plane = nbundle,
                                                         .sums = sums,
                                                         .sum_out = 1,
                                                         .sum_in = out});
}

/* ---- At inference -------------------------------------------------------------------------------------- */

void cn_affine_lower(const cn_node *node, const cn_parameter *weight, bool transposed,
                     const cn_parameter *bias, cn_activation activation, cn_program *program)
{
    cn_program_add(program, (cn_primitive){.kind = CN_MATMUL,
                                           .input = node->input,
                                           .output = node->output,
                                           .parameter = weight,
                                           .transposed = transposed});
    cn_program_add(
        program,
        (cn_primitive){.kind = CN_ADD, .input = node->output, .output = node->output, .parameter = bias});
    cn_program_add(program, (cn_primitive){.kind = CN_ACTIVATE,
                                           .input = node->output,
                                           .output = node->output,
                                           .activation = activation});
}
