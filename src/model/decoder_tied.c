/* The encoder's dense layers from last to first, each with the transposed weight of its own: one parameter
 * that both use, its gradient the sum of the two. Only the biases are the decoder's. Layers that only corrupt
 * are left out; any other layer is refused. */
#include <string.h>

#include "model/affine.h"
#include "model/decoder.h"

/* ---- The layer that it is made of: y = ACT(WT x + b), W of the encoder's layer `layer` ----------------- */

enum { UNITS, ACTIVATION, LAYER };

static const cn_option layer_options[] = {
    [UNITS] = {.name = "N", .type = CN_COUNT, .value_argument = true, .minimum = 1, .summary = "units"},
    [ACTIVATION] = CN_ACTIVATION_OPTION,
    [LAYER] = {.name = "layer", .type = CN_COUNT, .summary = "the encoder's layer whose weight it shares"},
    {0},
};

enum { WEIGHT, BIAS };

static cn_activation activation(const cn_node *node)
{
    return (cn_activation)node->spec.values[ACTIVATION].word;
}

static cinch_status shape(cn_node *node, cinch_error *error)
{
    (void)error;
    node->output = cn_shape_flat(node->spec.values[UNITS].count);
    return CINCH_OK;
}

static size_t declare(const cn_node *node, cn_declaration *declarations)
{
    declarations[WEIGHT] = (cn_declaration){.owner = node->spec.values[LAYER].count, .local = WEIGHT};
    declarations[BIAS] = (cn_declaration){.suffix = "bias", .shape = node->output};
    return 2;
}

static size_t kept(const cn_node *node)
{
    return cn_activation_needs_input(activation(node)) ? cn_shape_size(node->output) : 0;
}

/* The matrix is the encoder's: what goes in there comes out here. */
static cn_affine affine(const cn_node *node, const cn_flow *flow)
{
    const cn_matrix *matrix = &flow->parameters[WEIGHT]->matrix;
    return (cn_affine){.in = matrix->out,
                       .out = matrix->in,
                       .activation = activation(node),
                       .forward = matrix->transposed,
                       .backward = matrix->panels,
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

/* dW = sum over rows of x dzT, db = sum of dz. x is an activation buffer, so what its padding gives is taken
 * out of the tile again. */
static void gradient(const cn_node *node, const cn_flow *flow, const cn_step *step, size_t rows, size_t local,
                     const cn_tile *tile, bool accumulate, void *reals)
{
    (void)node;
    if (local == BIAS) {
        step->kernels->column_sums(rows, flow->dy, flow->y_stride, tile->first, tile->count, accumulate,
                                   reals);
        return;
    }
    step->kernels->outer(&(cn_outer){.rows = rows,
                                     .a = flow->dy,
                                     .a_stride = flow->y_stride,
                                     .b = flow->x,
                                     .b_stride = flow->x_stride,
                                     .panel = tile->panel,
                                     .npanel = tile->npanel,
                                     .row = tile->row,
                                     .nrow = tile->nrow,
                                     .accumulate = accumulate,
                                     .tile = reals});
    size_t left = flow->parameters[WEIGHT]->matrix.out - (tile->panel + tile->npanel - 1) * CN_PANEL;
    for (size_t k = 0; left < CN_PANEL && k < tile->nrow; k++)
        memset(cn_row(step, cn_row(step, reals, CN_PANEL, (tile->npanel - 1) * tile->nrow + k), 1, left), 0,
               (CN_PANEL - left) * step->kernels->real_size);
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
        cn_affine_bundle_gradient(step, nbundle, itself.out, flow->dy, itself.in, flow->x, sums);
}

static const cn_bundled bundled = {.fits = cn_affine_fits,
                                   .kept = kept,
                                   .forward = bundle_forward,
                                   .backward = bundle_backward,
                                   .gradient = bundle_gradient};

static void lower(const cn_node *node, const cn_parameter *parameters, cn_program *program)
{
    cn_affine_lower(node, &parameters[node->parameters[WEIGHT]], true, &parameters[node->parameters[BIAS]],
                    activation(node), program);
}

static const cn_layer tied_layer = {
    .part = {.name = "tied", .summary = "transposed weight", .options = layer_options},
    .shape = shape,
    .declare = declare,
    .activation = activation,
    .kept = kept,
    .forward = forward,
    .backward = backward,
    .gradient = gradient,
    .bundled = &bundled,
    .columned = &columned,
    .lower = lower,
};

static const cn_part *const layers[] = {&tied_layer.part, NULL};

/* ---- The decoder --------------------------------------------------------------------------------------- */

enum { ACTIVATIONS };

static const cn_option options[] = {
    [ACTIVATIONS] = {.name = "ACT",
                     .type = CN_WORD,
                     .value_argument = true,
                     .repeats = true,
                     .standard = "linear",
                     .words = cn_activation_names,
                     .summary = "activation of each layer from the code outwards; the last repeats"},
    {0},
};

static cinch_status refuse_layer(const cn_node *node, cinch_error *error)
{
    cn_text spec = {0};
    cn_spec_print(&node->spec, &spec);
    cinch_status status =
        cn_fail(error, CINCH_USAGE,
                "tied: the encoder's layer %zu (%s) is not dense: only dense layers' weights can be shared",
                node->index, spec.chars ? spec.chars : node->layer->part.name);
    cn_text_clear(&spec);
    return status;
}

/* Counts the dense layers; refuses where there is another that does more than corrupt. */
static cinch_status count_dense(const cn_node *encoder, size_t count, size_t *ndense, cinch_error *error)
{
    *ndense = 0;
    for (const cn_node *node = encoder; node < encoder + count; node++) {
        if (!node->layer->dense && (node->layer->mirror || node->layer->declare))
            return refuse_layer(node, error);
        *ndense += node->layer->dense;
    }
    return *ndense ? CINCH_OK : cn_fail(error, CINCH_USAGE, "tied: the encoder has no dense layer");
}

static cinch_status expand(const cn_spec *spec, const cn_node *encoder, size_t count, cn_text *pipeline,
                           cinch_error *error)
{
    size_t ndense, done = 0;
    cinch_status status = count_dense(encoder, count, &ndense, error);
    if (status)
        return status;
    if (spec->nrepeat > ndense)
        return cn_fail(error, CINCH_USAGE, "tied: %zu activations for %zu dense layer%s", spec->nrepeat,
                       ndense, ndense == 1 ? "" : "s");
    for (size_t i = count; i-- > 0;) {
        if (!encoder[i].layer->dense)
            continue;
        size_t act = spec->repeats[done < spec->nrepeat ? done : spec->nrepeat - 1];
        cn_text_add(pipeline, "%stied %zu %s layer=%zu", done++ ? " | " : "", cn_shape_size(encoder[i].input),
                    cn_activation_names[act], encoder[i].index);
    }
    return CINCH_OK;
}

const cn_decoder cn_decoder_tied = {
    .part = {.name = "tied",
             .example = "tied linear",
             .summary = "the transposed weights of the encoder's dense layers, with biases of its own",
             .equation = "y = ACT(W^T x + b)",
             .options = options},
    .layers = layers,
    .expand = expand,
};
