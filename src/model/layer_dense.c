/* y = f(W x + b), W (out, in), b (out). */
#include "model/affine.h"

enum { UNITS, ACTIVATION };

static const cn_option options[] = {
    [UNITS] = CN_UNITS_OPTION,
    [ACTIVATION] = CN_ACTIVATION_OPTION,
    {0},
};

enum { WEIGHT, BIAS };

static size_t units(const cn_node *node)
{
    return node->spec.values[UNITS].count;
}

static cn_activation activation(const cn_node *node)
{
    return (cn_activation)node->spec.values[ACTIVATION].word;
}

static cinch_status shape(cn_node *node, cinch_error *error)
{
    (void)error;
    node->output = cn_shape_flat(units(node));
    return CINCH_OK;
}

static size_t declare(const cn_node *node, cn_declaration *declarations)
{
    size_t in = cn_shape_size(node->input), out = units(node);
    declarations[WEIGHT] = (cn_declaration){.suffix = "weight",
                                            .shape = {.rank = 2, .sizes = {out, in}},
                                            .packing = CN_PACK_MATRIX,
                                            .fan_in = in,
                                            .fan_out = out,
                                            .weight = true};
    declarations[BIAS] = (cn_declaration){.suffix = "bias", .shape = cn_shape_flat(out)};
    return 2;
}

static size_t kept(const cn_node *node)
{
    return cn_activation_needs_input(activation(node)) ? units(node) : 0;
}

static cn_affine affine(const cn_node *node, const cn_flow *flow)
{
    const cn_matrix *matrix = &flow->parameters[WEIGHT]->matrix;
    return (cn_affine){.in = matrix->in,
                       .out = matrix->out,
                       .activation = activation(node),
                       .forward = matrix->panels,
                       .backward = matrix->transposed,
                       .bias = flow->parameters[BIAS]->reals};
}

static void forward(const cn_node *node, const cn_flow *flow, const cn_step *step, size_t first, size_t count)
{
    cn_affine itself = affine(node, flow);
    cn_affine_forward(&itself, flow, step, first, count);
}

static void backward(const cn_node *node, const cn_flow *flow, const cn_step *step, size_t first,
                     size_t count)
{
    cn_affine itself = affine(node, flow);
    cn_affine_backward(&itself, flow, step, first, count);
}

/* dW = sum over rows of dz xT, db = sum of dz. */
static void gradient(const cn_node *node, const cn_flow *flow, const cn_step *step, size_t rows, size_t local,
                     const cn_tile *tile, bool accumulate, void *reals)
{
    (void)node;
    if (local == WEIGHT)
        step->kernels->outer(&(cn_outer){.rows = rows,
                                         .a = flow->x,
                                         .a_stride = flow->x_stride,
                                         .b = flow->dy,
                                         .b_stride = flow->y_stride,
                                         .panel = tile->panel,
                                         .npanel = tile->npanel,
                                         .row = tile->row,
                                         .nrow = tile->nrow,
                                         .accumulate = accumulate,
                                         .tile = reals});
    else
        step->kernels->column_sums(rows, flow->dy, flow->y_stride, tile->first, tile->count, accumulate,
                                   reals);
}

static void forward_columns(const cn_node *node, const cn_flow *flow, const cn_step *step, size_t rows,
                            size_t first, size_t count)
{
    cn_affine itself = affine(node, flow);
    cn_affine_forward_columns(&itself, flow, step, rows, first, count);
}

static void slopes(const cn_node *node, const cn_flow *flow, const cn_step *step, size_t first, size_t count)
{
    cn_affine itself = affine(node, flow);
    cn_affine_slopes(&itself, flow, step, first, count);
}

static void back_columns(const cn_node *node, const cn_flow *flow, const cn_step *step, size_t rows,
                         size_t first, size_t count)
{
    cn_affine itself = affine(node, flow);
    cn_affine_back_columns(&itself, flow, step, rows, first, count);
}

static const cn_columned columned = {.forward = forward_columns, .slopes = slopes, .back = back_columns};

static void bundle_forward(const cn_node *node, const cn_flow *flow, const cn_step *step, size_t nbundle)
{
    cn_affine itself = affine(node, flow);
    cn_affine_bundle_forward(&itself, flow, step, nbundle);
}

static void bundle_backward(const cn_node *node, const cn_flow *flow, const cn_step *step, size_t nbundle)
{
    cn_affine itself = affine(node, flow);
    cn_affine_bundle_backward(&itself, flow, step, nbundle);
}

static void bundle_gradient(const cn_node *node, const cn_flow *flow, const cn_step *step, size_t nbundle,
                            size_t local, void *sums)
{
    cn_affine itself = affine(node, flow);
    if (local == BIAS)
        step->kernels->bundle_totals(itself.out, nbundle, flow->dy, sums);
    else
        cn_affine_bundle_gradient(step, nbundle, itself.in, flow->x, itself.out, flow->dy, sums);
}

static const cn_bundled bundled = {.fits = cn_affine_fits,
                                   .kept = kept,
                                   .forward = bundle_forward,
                                   .backward = bundle_backward,
                                   .gradient = bundle_gradient};

static void lower(const cn_node *node, const cn_parameter *parameters, cn_program *program)
{
    cn_affine_lower(node, &parameters[node->parameters[WEIGHT]], false, &parameters[node->parameters[BIAS]],
                    activation(node), program);
}

const cn_layer cn_layer_dense = {
    .part = {.name = "dense",
             .example = "dense 32 relu",
             .summary = "fully connected",
             .equation = "y = ACT(W x + b)",
             .options = options},
    .dense = true,
    .shape = shape,
    .declare = declare,
    .activation = activation,
    .mirror = cn_mirror_dense,
    .kept = kept,
    .forward = forward,
    .backward = backward,
    .gradient = gradient,
    .bundled = &bundled,
    .columned = &columned,
    .lower = lower,
};
