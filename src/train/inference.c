#include "train/inference.h"

#include <string.h>

#include "base/memory.h"
#include "model/convolving.h"

/* Of one buffer: rows that stay in the cache, and very near where the matrices stay in it too. */
enum { NEAR_ROWS = 24, MOST_ROWS = 96, MOST_REALS = 1 << 17, NEAR_WEIGHTS = 1 << 17 };
/* A row must not be wider to go in a bundle, and fewer rows in hand go faster one by one. */
enum { WIDEST_BUNDLED = 1 << 14, FEWEST_BUNDLED = 8 };

/* One primitive with what is done in one with it: behind a product or a convolution a bias and an activation,
 * before a convolution an upsampling and behind it a pooling of maxima. */
typedef struct operation {
    cn_primitive_kind kind;
    size_t in, out;
    size_t plane; /* values that share one of the vector's */
    cn_matrix matrix;
    float *vector; /* a bias or a factor of each feature (channel), padded to CN_PANEL; NULL: none */
    cn_activation activation;
    float factor;
    size_t *columns; /* of CN_GATHER: [out] */
    cn_pooling pooling;
    cn_convolving convolving;       /* of a convolution, its activation too */
    const float *weight, *unfolded; /* the model's, or folded; the model's */
    float *folded;                  /* owned; NULL: it is not */
    float *room;                    /* [threads][nroom]: CN_IMAGES images spread, then scratch */
    size_t nroom, nspread;
    bool bundled;   /* may go over bundles of rows */
    void *stencils; /* once it does: a convolution's plan for them */
} operation;

struct cn_inference {
    const cn_kernels *kernels;
    operation *operations;
    size_t noperation;
    cinch_shape in, out;
    size_t stride; /* of every buffer, the widest */
    size_t nthread;
    size_t rows;    /* of one run at most */
    float *buffers; /* [threads][2][rows][stride]; bundles of rows take their rows' place */
    bool bundled;   /* where there are rows enough: prepared for that */
    float *scratch; /* [threads][nscratch]: of convolutions over bundles */
    size_t nscratch;
};

/* ---- Planning ------------------------------------------------------------------------------------------ */

static float *padded_vector(const cn_parameter *parameter, cinch_error *error)
{
    float *vector = cn_new(cn_round_up(parameter->count, CN_PANEL), sizeof *vector, error);
    if (vector)
        memcpy(vector, parameter->values, parameter->count * sizeof *vector);
    return vector;
}

/* The parameter's values, (rows, columns), as (columns, rows). */
static float *transposed_values(const cn_parameter *parameter, size_t rows, size_t columns,
                                cinch_error *error)
{
    float *values = cn_new(parameter->count, sizeof *values, error);
    for (size_t i = 0; values && i < rows; i++)
        for (size_t j = 0; j < columns; j++)
            values[j * rows + i] = parameter->values[i * columns + j];
    return values;
}

static cinch_status plan_product(const cn_inference *inference, operation *planned,
                                 const cn_primitive *primitive, cinch_error *error)
{
    size_t count;
    planned->matrix = (cn_matrix){.in = planned->in, .out = planned->out};
    if (!cn_multiply(cn_round_up(planned->out, CN_PANEL), planned->in, &count))
        return cn_fail(error, CINCH_MEMORY, "%s is too large", primitive->parameter->name);
    if (!(planned->matrix.panels = cn_new(count, sizeof(float), error)))
        return CINCH_MEMORY;
    float *transposed = NULL;
    if (primitive->transposed &&
        !(transposed = transposed_values(primitive->parameter, planned->in, planned->out, error)))
        return CINCH_MEMORY;
    inference->kernels->pack(transposed ? transposed : primitive->parameter->values, &planned->matrix);
    cn_free(transposed);
    return CINCH_OK;
}

static cinch_status plan_gather(operation *planned, const cn_primitive *primitive, cinch_error *error)
{
    if (!(planned->columns = cn_new(planned->out, sizeof *planned->columns, error)))
        return CINCH_MEMORY;
    memcpy(planned->columns, primitive->columns, planned->out * sizeof *planned->columns);
    return CINCH_OK;
}

static bool is_convolution(const operation *planned)
{
    return planned->kind == CN_CONV || planned->kind == CN_CONV_TRANSPOSE;
}

/* The weight of a convolution that goes as products; its transpose where it goes up. */
static cinch_status plan_windows(const cn_inference *inference, operation *planned,
                                 const cn_parameter *parameter, cinch_error *error)
{
    cn_matrix *matrix = &planned->matrix;
    *matrix = cn_windows_matrix(parameter->shape);
    if (!(matrix->panels = cn_new(cn_round_up(matrix->out, CN_PANEL) * matrix->in, sizeof(float), error)) ||
        (planned->convolving.up &&
         !(matrix->transposed = cn_new(matrix->in * matrix->out, sizeof(float), error))))
        return CINCH_MEMORY;
    cn_windows_pack(inference->kernels, parameter->shape, parameter->values, matrix);
    return CINCH_OK;
}

/* The model's weight, and the upsampling before it where that is better done in one. */
static cinch_status plan_convolution(cn_inference *inference, operation *before,
                                     const cn_primitive *primitive, cinch_error *error)
{
    cn_convolving layer =
        cn_convolving_plain(&primitive->convolution, primitive->kind == CN_CONV_TRANSPOSE, CN_LINEAR);
    bool repeated =
        before && before->kind == CN_RESIZE && cn_convolving_fuses(&layer, before->pooling.size, 1);
    operation *planned = repeated ? before : &inference->operations[inference->noperation++];
    size_t in = repeated ? before->in : cn_shape_size(primitive->input);
    if (repeated)
        layer = cn_convolving_fused(&layer, before->pooling.size, 1);
    *planned = (operation){.kind = primitive->kind,
                           .in = in,
                           .out = cn_shape_size(primitive->output),
                           .convolving = layer,
                           .weight = primitive->parameter->values,
                           .unfolded = primitive->parameter->values};
    return layer.windows ? plan_windows(inference, planned, primitive->parameter, error) : CINCH_OK;
}

/* Once all is known of it: its weight folded, its room. */
static cinch_status finish_convolution(const cn_inference *inference, operation *planned, cinch_error *error)
{
    const cn_convolving *layer = &planned->convolving;
    size_t count;
    if (layer->repeat > 1) {
        planned->folded = cn_new(cn_convolving_folded(layer), sizeof *planned->folded, error);
        if (!planned->folded)
            return CINCH_MEMORY;
        planned->weight = cn_convolving_weight(layer, inference->kernels, planned->weight, planned->folded);
    }
    planned->nspread = cn_round_up(cn_convolving_spread(layer), CN_PANEL);
    planned->nroom = cn_round_up(CN_IMAGES * planned->nspread + cn_convolving_scratch(layer), CN_PANEL);
    if (!cn_multiply(planned->nroom, inference->nthread, &count))
        return cn_fail(error, CINCH_MEMORY, "an image of %zu values is too large", planned->out);
    planned->room = cn_new(count, sizeof *planned->room, error);
    return planned->room ? CINCH_OK : CINCH_MEMORY;
}

/* Whether the primitive can be done by the product or the convolution before it: a bias, if it has none yet,
 * or an activation as the last thing that it does. */
static bool follows(const operation *before, const cn_primitive *primitive)
{
    if (!before || (before->kind != CN_MATMUL && !is_convolution(before)) ||
        before->activation != CN_LINEAR || (is_convolution(before) && before->convolving.pool > 1))
        return false;
    return (primitive->kind == CN_ADD && !before->vector) || primitive->kind == CN_ACTIVATE;
}

/* A pooling of maxima that the convolution before it can do. */
static bool pools(const operation *before, const cn_primitive *primitive)
{
    return primitive->kind == CN_MAXPOOL && before && is_convolution(before) &&
           before->convolving.pool == 1 &&
           cn_convolving_fuses(&before->convolving, before->convolving.repeat, primitive->pooling.size);
}

static cinch_status plan_primitive(cn_inference *inference, const cn_primitive *primitive, cinch_error *error)
{
    operation *before = inference->noperation ? &inference->operations[inference->noperation - 1] : NULL;
    if ((primitive->kind == CN_ACTIVATE && primitive->activation == CN_LINEAR) ||
        primitive->kind == CN_RESHAPE)
        return CINCH_OK;
    if (primitive->kind == CN_CONV || primitive->kind == CN_CONV_TRANSPOSE)
        return plan_convolution(inference, before, primitive, error);
    if (pools(before, primitive)) {
        before->convolving = cn_convolving_fused(&before->convolving, 1, primitive->pooling.size);
        before->out = cn_shape_size(primitive->output);
        return CINCH_OK;
    }
    operation *planned =
        follows(before, primitive) ? before : &inference->operations[inference->noperation++];
    if (planned != before)
        *planned = (operation){.kind = primitive->kind,
                               .in = cn_shape_size(primitive->input),
                               .out = cn_shape_size(primitive->output),
                               .factor = (float)primitive->factor,
                               .pooling = primitive->pooling};
    if (primitive->kind == CN_MATMUL)
        return plan_product(inference, planned, primitive, error);
    if (primitive->kind == CN_GATHER)
        return plan_gather(planned, primitive, error);
    planned->plane = primitive->parameter ? planned->out / primitive->parameter->count : 1;
    if (primitive->kind == CN_ACTIVATE)
        planned->activation = planned->convolving.activation = primitive->activation;
    else if (primitive->parameter && !(planned->vector = padded_vector(primitive->parameter, error)))
        return CINCH_MEMORY;
    return CINCH_OK;
}

/* Whether it goes over bundles with the same bits as over rows: what conv and deconv do, and behind them what
 * is done value by value. Where the remainders of a stride have not all as many cells of the window, planes
 * add all channels of one before those of the next: no stencil does that. */
static bool takes_bundles(const operation *planned, bool before)
{
    const cn_convolution *c = &planned->convolving.convolution;
    if (is_convolution(planned))
        return planned->vector && cn_convolving_fits(&planned->convolving) &&
               (planned->convolving.up ||
                (c->kernel_height % c->stride == 0 && c->kernel_width % c->stride == 0));
    return before &&
           (planned->kind == CN_ACTIVATE || planned->kind == CN_MAXPOOL || planned->kind == CN_RESIZE);
}

/* Marks them; whether there are any. */
static bool mark_bundled(cn_inference *inference)
{
    bool before = false, any = false;
    for (size_t i = 0; i < inference->noperation && inference->stride <= WIDEST_BUNDLED; i++) {
        operation *planned = &inference->operations[i];
        any |= before = planned->bundled = takes_bundles(planned, before);
    }
    return any;
}

/* Rows in hand: near, but so many that weights are worth their way; of bundles whole ones. */
static size_t rows_in_hand(size_t stride, size_t weights, bool bundled)
{
    size_t most = weights <= NEAR_WEIGHTS ? NEAR_ROWS : MOST_ROWS, rows = MOST_REALS / stride;
    rows = rows < most ? rows : most;
    return bundled ? CN_BUNDLE * (rows < 2 * CN_BUNDLE ? 1 : rows / CN_BUNDLE) : rows + !rows;
}

static cinch_status plan_program(cn_inference *inference, const cn_program *program, cinch_error *error)
{
    inference->operations = cn_new(program->count, sizeof *inference->operations, error);
    if (!inference->operations)
        return CINCH_MEMORY;
    size_t in = cn_shape_size(inference->in), out_size = cn_shape_size(inference->out);
    size_t widest = in > out_size ? in : out_size, weights = 0;
    for (size_t i = 0; i < program->count; i++) {
        cinch_status status = plan_primitive(inference, &program->primitives[i], error);
        if (status)
            return status;
    }
    for (size_t i = 0; i < inference->noperation; i++) {
        operation *planned = &inference->operations[i];
        cinch_status status =
            is_convolution(planned) ? finish_convolution(inference, planned, error) : CINCH_OK;
        if (status)
            return status;
        widest = planned->out > widest ? planned->out : widest;
        weights += planned->matrix.in * planned->matrix.out;
    }
    inference->stride = cn_stride(widest);
    size_t count;
    inference->rows = rows_in_hand(inference->stride, weights, mark_bundled(inference));
    if (!cn_multiply(inference->nthread * 2 * inference->rows, inference->stride, &count))
        return cn_fail(error, CINCH_MEMORY, "rows of %zu values are too large", widest);
    inference->buffers = cn_new(count, sizeof *inference->buffers, error);
    return inference->buffers ? CINCH_OK : CINCH_MEMORY;
}

cn_inference *cn_inference_new(const cinch_model *model, size_t first, size_t count,
                               const cn_kernels *kernels, size_t nthread, cinch_error *error)
{
    cn_program program = {0};
    cn_inference *inference = cn_new(1, sizeof *inference, error);
    if (!inference)
        return NULL;
    inference->kernels = kernels;
    inference->nthread = nthread;
    inference->in = model->nodes[first].input;
    inference->out = first + count == model->nnode ? model->input : model->nodes[first + count - 1].output;
    cinch_status status = cn_model_lower(model, first, count, &program, error);
    if (!status)
        status = plan_program(inference, &program, error);
    cn_program_clear(&program);
    if (status) {
        cn_inference_free(inference);
        return NULL;
    }
    return inference;
}

cinch_status cn_inference_prepare(cn_inference *inference, size_t rows, cinch_error *error)
{
    size_t most = 0, count;
    if (inference->bundled || rows < FEWEST_BUNDLED)
        return CINCH_OK;
    for (size_t i = 0; i < inference->noperation; i++) {
        operation *planned = &inference->operations[i];
        if (!planned->bundled || !is_convolution(planned))
            continue;
        if (!planned->stencils && cn_convolving_plan(&planned->convolving, false, &planned->stencils, error))
            return CINCH_MEMORY;
        size_t values = cn_convolving_bundle_scratch(&planned->convolving, false);
        most = values > most ? values : most;
    }
    inference->nscratch = most * CN_BUNDLE;
    if (!cn_multiply(inference->nthread, inference->nscratch, &count))
        return cn_fail(error, CINCH_MEMORY, "a bundle of %zu values is too large", most);
    if (most && !(inference->scratch = cn_new(count, sizeof *inference->scratch, error)))
        return CINCH_MEMORY;
    inference->bundled = most > 0;
    return CINCH_OK;
}

void cn_inference_free(cn_inference *inference)
{
    if (!inference)
        return;
    for (size_t i = 0; i < inference->noperation; i++) {
        cn_free(inference->operations[i].matrix.panels);
        cn_free(inference->operations[i].matrix.transposed);
        cn_free(inference->operations[i].vector);
        cn_free(inference->operations[i].columns);
        cn_free(inference->operations[i].room);
        cn_free(inference->operations[i].folded);
        cn_convolving_plan_free(inference->operations[i].stencils);
    }
    cn_free(inference->operations);
    cn_free(inference->buffers);
    cn_free(inference->scratch);
    cn_free(inference);
}

/* ---- Running ------------------------------------------------------------------------------------------- */

static float *buffer(const cn_inference *inference, size_t thread, size_t which)
{
    return inference->buffers + (thread * 2 + which) * inference->rows * inference->stride;
}

size_t cn_inference_rows(const cn_inference *inference)
{
    return inference->rows;
}

float *cn_inference_input(const cn_inference *inference, size_t thread, size_t *stride)
{
    *stride = inference->stride;
    return buffer(inference, thread, 0);
}

static void scale(const operation *planned, size_t rows, size_t stride, const float *x, float *y)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t j = 0; j < planned->out; j++)
            y[r * stride + j] =
                x[r * stride + j] * planned->factor * (planned->vector ? planned->vector[j] : 1);
}

/* A vector of channels: one value for each plane. */
static void add(const operation *planned, size_t rows, size_t stride, const float *x, float *y)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t j = 0; j < planned->out; j++)
            y[r * stride + j] = x[r * stride + j] + planned->vector[j / planned->plane];
}

static void gather(const operation *planned, size_t rows, size_t stride, const float *x, float *y)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t j = 0; j < planned->out; j++)
            y[r * stride + j] = x[r * stride + planned->columns[j]];
}

static void convolve(const cn_inference *inference, const operation *planned, size_t thread, size_t rows,
                     const float *x, float *y)
{
    const void *weight =
        planned->convolving.windows ? (const void *)&planned->matrix : (const void *)planned->weight;
    float *spread = planned->room + thread * planned->nroom, *scratch = spread + CN_IMAGES * planned->nspread;
    for (size_t r = 0; r < rows; r += CN_IMAGES) {
        const cn_rows some = {.count = rows - r < CN_IMAGES ? rows - r : CN_IMAGES,
                              .x = x + r * inference->stride,
                              .x_stride = inference->stride,
                              .room = spread,
                              .room_stride = planned->nspread,
                              .y = y + r * inference->stride,
                              .y_stride = inference->stride};
        cn_convolving_run(&planned->convolving, inference->kernels, weight, planned->vector, &some, scratch);
    }
}

static void pool(const cn_inference *inference, const operation *planned, size_t rows, const float *x,
                 float *y)
{
    const cn_kernels *kernels = inference->kernels;
    for (size_t r = 0; r < rows; r++, x += inference->stride, y += inference->stride) {
        if (planned->kind == CN_MAXPOOL)
            kernels->pool_max(&planned->pooling, x, y, NULL);
        else if (planned->kind == CN_AVGPOOL)
            kernels->pool_sum(&planned->pooling, true, x, y);
        else
            kernels->pool_repeat(&planned->pooling, false, x, y);
    }
}

static void run_operation(const cn_inference *inference, const operation *planned, size_t thread, size_t rows,
                          const float *x, float *y)
{
    size_t stride = inference->stride;
    switch (planned->kind) {
    case CN_MATMUL:
        inference->kernels->product(&(cn_product){.rows = rows,
                                                  .in = planned->in,
                                                  .out = planned->out,
                                                  .x = x,
                                                  .x_stride = stride,
                                                  .panels = planned->matrix.panels,
                                                  .bias = planned->vector,
                                                  .activation = planned->activation,
                                                  .y = y,
                                                  .y_stride = stride});
        break;
    case CN_ADD:
        add(planned, rows, stride, x, y);
        break;
    case CN_SCALE:
        scale(planned, rows, stride, x, y);
        break;
    case CN_ACTIVATE:
        inference->kernels->activate(planned->activation, rows, planned->out, stride, x, y);
        break;
    case CN_GATHER:
        gather(planned, rows, stride, x, y);
        break;
    case CN_CONV:
    case CN_CONV_TRANSPOSE:
        convolve(inference, planned, thread, rows, x, y);
        break;
    case CN_MAXPOOL:
    case CN_AVGPOOL:
    case CN_RESIZE:
        pool(inference, planned, rows, x, y);
        break;
    case CN_RESHAPE: /* planned away */
        break;
    }
}

/* Rows from the one buffer to the other, image by image in the other order. */
static void reorder(const cn_inference *inference, size_t thread, size_t from, size_t rows, cinch_shape shape,
                    void (*order)(const cn_kernels *, cinch_shape, const void *, void *))
{
    const float *x = buffer(inference, thread, from);
    float *y = buffer(inference, thread, from ^ 1);
    for (size_t r = 0; r < rows; r++)
        order(inference->kernels, shape, x + r * inference->stride, y + r * inference->stride);
}

static size_t bundles_of(size_t rows)
{
    return (rows + CN_BUNDLE - 1) / CN_BUNDLE;
}

static void convolve_bundle(const cn_inference *inference, const operation *planned, size_t thread,
                            const float *x, float *y)
{
    const cn_packed weight = {.reals = (void *)planned->unfolded}, bias = {.reals = planned->vector};
    const cn_flow flow = {.x = x,
                          .y = y,
                          .plan = planned->stencils,
                          .parameters = {[CN_CONVOLVING_WEIGHT] = &weight, [CN_CONVOLVING_BIAS] = &bias}};
    const cn_step step = {.kernels = inference->kernels,
                          .thread = thread,
                          .scratch = inference->scratch + thread * inference->nscratch};
    cn_convolving_bundle_forward(&planned->convolving, &flow, &step);
}

static void run_bundled(const cn_inference *inference, const operation *planned, size_t thread, size_t rows,
                        const float *x, float *y)
{
    const cn_kernels *kernels = inference->kernels;
    for (size_t b = bundles_of(rows); b > 0;
         b--, x += CN_BUNDLE * inference->stride, y += CN_BUNDLE * inference->stride) {
        if (planned->kind == CN_ACTIVATE)
            cn_activate_all(kernels, planned->activation, planned->out * CN_BUNDLE, x, y);
        else if (planned->kind == CN_MAXPOOL)
            kernels->bundle_max(&planned->pooling, x, y, NULL);
        else if (planned->kind == CN_RESIZE)
            kernels->bundle_repeat(&planned->pooling, false, x, y);
        else
            convolve_bundle(inference, planned, thread, x, y);
    }
}

/* Rows of so many values to bundles, or back. */
static void turn_rows(const cn_inference *inference, bool to_bundles, size_t rows, size_t values,
                      const float *x, float *y)
{
    const size_t stride = inference->stride, bundle = CN_BUNDLE * stride;
    for (size_t left = rows, count; left > 0; left -= count, x += bundle, y += bundle) {
        count = left < CN_BUNDLE ? left : CN_BUNDLE;
        if (to_bundles)
            inference->kernels->bundle_split(count, values, stride, x, CN_BUNDLE, y);
        else
            inference->kernels->bundle_join(count, values, CN_BUNDLE, x, stride, y);
    }
}

/* What a thread has in hand: in which of its buffers, and whether in bundles. */
typedef struct hand {
    size_t thread, rows, from;
    bool bundles;
} hand;

static void hold(const cn_inference *inference, hand *h, bool bundles, size_t values)
{
    if (h->bundles == bundles)
        return;
    turn_rows(inference, bundles, h->rows, values, buffer(inference, h->thread, h->from),
              buffer(inference, h->thread, h->from ^ 1));
    h->from ^= 1;
    h->bundles = bundles;
}

const float *cn_inference_run(const cn_inference *inference, size_t thread, size_t rows, size_t *stride)
{
    const bool bundled = inference->bundled && rows >= FEWEST_BUNDLED;
    hand h = {.thread = thread, .rows = rows};
    if (cn_image_in_planes(inference->in)) {
        reorder(inference, thread, h.from, rows, inference->in, cn_image_split);
        h.from ^= 1;
    }
    for (size_t i = 0; i < inference->noperation; i++, h.from ^= 1) {
        const operation *planned = &inference->operations[i];
        hold(inference, &h, bundled && planned->bundled, planned->in);
        (h.bundles ? run_bundled : run_operation)(inference, planned, thread, rows,
                                                  buffer(inference, thread, h.from),
                                                  buffer(inference, thread, h.from ^ 1));
    }
    hold(inference, &h, false, cn_shape_size(inference->out));
    if (cn_image_in_planes(inference->out)) {
        reorder(inference, thread, h.from, rows, inference->out, cn_image_join);
        h.from ^= 1;
    }
    *stride = inference->stride;
    return buffer(inference, thread, h.from);
}
