#include "model/affine.h"

void cn_affine_forward(const cn_affine *affine, const cn_flow *flow, const cn_step *step, size_t first,
                       size_t count)
{
    step->kernels->product(
        &(cn_product){.rows = count,
                      .in = affine->in,
                      .out = affine->out,
                      .x = cn_row(step, flow->x, flow->x_stride, first),
                      .x_stride = flow->x_stride,
                      .panels = affine->forward,
                      .bias = affine->bias,
                      .activation = flow->logits ? CN_LINEAR : affine->activation,
                      .z = flow->kept ? cn_row(step, flow->kept, flow->kept_stride, first) : NULL,
                      .y = cn_row(step, flow->y, flow->y_stride, first),
                      .y_stride = flow->y_stride});
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

void cn_affine_backward(const cn_affine *affine, const cn_flow *flow, const cn_step *step, size_t first,
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
    if (flow->dx)
        step->kernels->product(&(cn_product){.rows = count,
                                             .in = affine->out,
                                             .out = affine->in,
                                             .x = dy,
                                             .x_stride = flow->y_stride,
                                             .panels = affine->backward,
                                             .activation = CN_LINEAR,
                                             .y = cn_row(step, flow->dx, flow->x_stride, first),
                                             .y_stride = flow->x_stride});
}

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
