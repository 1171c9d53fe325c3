#include "train/bundles.h"

#include <string.h>

#include "base/memory.h"
#include "math/tree.h"
#include "model/image.h"
#include "train/blocks.h"

/* What one thread works on. */
typedef struct carrier {
    void *rows;     /* [block][stride]: as they are gathered */
    void *input;    /* [features][nbundle][CN_BUNDLE] */
    cn_flow *flows; /* [nodes] */
} carrier;

struct cn_bundles {
    const cinch_model *model;
    const cn_node *nodes;
    const cn_weights *weights;
    const cn_objective *objective;
    size_t features, stride; /* of a row as it is gathered */
    size_t nbundle;          /* of a block */
    size_t nthread;
    size_t first;   /* the first node that is not idle: it gets the input */
    void **plans;   /* [nodes]: the layers' own */
    carrier *hands; /* [threads] */
    cn_blocks *blocks;
    size_t *first_sum; /* [parameters]: where its values' sums begin, CN_BUNDLE reals a value */
    double *losses;    /* [blocks of a batch] */
    void *kept; /* [blocks][features][nbundle][CN_BUNDLE]: the data's rows; NULL: they are gathered anew */
    bool *gathered; /* [blocks]: of kept */
};

/* ---- Whether a net goes so ----------------------------------------------------------------------------- */

enum {
    FEWEST_BUNDLES = 2,        /* of a batch */
    MOST_VALUES = 1 << 16,     /* of a row in all buffers: a bundle of them is 4 MB */
    MOST_PARAMETERS = 1 << 13, /* whose sums are CN_BUNDLE reals each */
    NARROW = 16                /* widest table that has only dense layers */
};

static size_t values_of(const cn_node *node)
{
    size_t kept = node->layer->bundled && node->layer->bundled->kept ? node->layer->bundled->kept(node) : 0;
    return 2 * cn_shape_size(node->pool > 1 ? node[1].output : node->output) + kept;
}

static bool penalties_fit(const cn_objective *objective)
{
    for (size_t i = 0; i < objective->penalties.count; i++) {
        const cn_penalty *penalty = cn_penalty_of(&objective->penalties.specs[i]);
        if (penalty->codes[0] || penalty->rows || penalty->means || penalty->gradient)
            return false;
    }
    return true;
}

bool cn_bundles_fit(const cinch_model *model, const cn_node *nodes, const cn_objective *objective,
                    size_t batch)
{
    size_t values = 2 * cn_shape_size(model->input), parameters = 0, widest = cn_shape_size(model->input);
    bool images = false;
    if (batch < FEWEST_BUNDLES * CN_BUNDLE || !penalties_fit(objective))
        return false;
    for (const cn_node *node = nodes; node < nodes + model->nnode; node++) {
        const cn_bundled *bundled = node->layer->bundled;
        if (node->idle)
            continue;
        /* Before each layer, so that no sum of sizes wraps. */
        if (values > MOST_VALUES || !bundled || (bundled->fits && !bundled->fits(node)))
            return false;
        size_t width = cn_shape_size(node->output);
        values += values_of(node);
        images |= bundled->one;
        widest = width > widest ? width : widest;
    }
    for (size_t p = 0; p < model->nparameter; p++)
        parameters += model->parameters[p].count;
    return values <= MOST_VALUES && parameters <= MOST_PARAMETERS && (images || widest <= NARROW);
}

/* ---- Making -------------------------------------------------------------------------------------------- */

/* Bundles of a block: few enough that the batch has some BLOCKS of them, which threads can share, and no sum
 * is over more than CN_BLOCK_ROWS rows. */
static size_t bundles_of(const cinch_model *model, const cn_node *nodes, size_t batch)
{
    enum { BLOCKS = 16 };
    size_t count = batch / (BLOCKS * CN_BUNDLE);
    for (size_t i = 0; i < model->nnode; i++)
        if (!nodes[i].idle && nodes[i].layer->bundled->one)
            return 1;
    return count < 1 ? 1 : count < CN_BLOCK_ROWS ? count : CN_BLOCK_ROWS;
}

static void *new_values(const cn_bundles *bundles, size_t count, cinch_error *error)
{
    return cn_new(count * bundles->nbundle * CN_BUNDLE, bundles->weights->kernels->real_size, error);
}

static cinch_status new_flow(const cn_bundles *bundles, const carrier *hand, size_t place, cinch_error *error)
{
    const cn_node *node = &bundles->nodes[place];
    const cn_bundled *bundled = node->layer->bundled;
    cn_flow *flow = &hand->flows[place];
    size_t first = cn_first_trained(bundles->model);
    flow->x = place ? flow[-1].y : hand->input;
    flow->dx = place > first ? flow[-1].dy : NULL;
    if (node->idle) {
        flow->y = (void *)flow->x;
        flow->dy = flow->dx;
        return CINCH_OK;
    }
    size_t width = cn_shape_size(node->pool > 1 ? node[1].output : node->output),
           kept = bundled->kept ? bundled->kept(node) : 0;
    flow->plan = bundles->plans[place];
    flow->logits = place == cn_last_node(bundles->model) && cn_objective_loss(bundles->objective)->logits;
    for (size_t i = 0; i < node->nparameter; i++)
        flow->parameters[i] = &bundles->weights->packed[node->parameters[i]];
    if (!(flow->y = new_values(bundles, width, error)) ||
        (kept && !(flow->kept = new_values(bundles, kept, error))) ||
        (place >= first && !(flow->dy = new_values(bundles, width, error))))
        return CINCH_MEMORY;
    return CINCH_OK;
}

static cinch_status new_hand(const cn_bundles *bundles, carrier *hand, cinch_error *error)
{
    hand->rows =
        cn_new(bundles->nbundle * CN_BUNDLE * bundles->stride, bundles->weights->kernels->real_size, error);
    hand->input = new_values(bundles, bundles->features, error);
    hand->flows = cn_new(bundles->model->nnode, sizeof *hand->flows, error);
    if (!hand->rows || !hand->input || !hand->flows)
        return CINCH_MEMORY;
    for (size_t i = 0; i < bundles->model->nnode; i++)
        if (new_flow(bundles, hand, i, error))
            return CINCH_MEMORY;
    return CINCH_OK;
}

static cinch_status plan_layers(cn_bundles *bundles, cinch_error *error)
{
    size_t first = cn_first_trained(bundles->model);
    for (size_t i = 0; i < bundles->model->nnode; i++) {
        const cn_node *node = &bundles->nodes[i];
        const cn_bundled *bundled = node->layer->bundled;
        if (!node->idle && bundled->plan && bundled->plan(node, i > first, &bundles->plans[i], error))
            return CINCH_MEMORY;
    }
    return CINCH_OK;
}

cn_bundles *cn_bundles_new(const cinch_model *model, const cn_node *nodes, cn_weights *weights,
                           const cn_objective *objective, size_t batch, size_t nthread, cinch_error *error)
{
    cn_bundles *bundles = cn_new(1, sizeof *bundles, error);
    size_t count = 0;
    if (!bundles)
        return NULL;
    *bundles = (cn_bundles){.model = model,
                            .nodes = nodes,
                            .weights = weights,
                            .objective = objective,
                            .features = cn_shape_size(model->input),
                            .stride = cn_stride(cn_shape_size(model->input)),
                            .nbundle = bundles_of(model, nodes, batch),
                            .nthread = nthread};
    while (nodes[bundles->first].idle)
        bundles->first++;
    size_t block = bundles->nbundle * CN_BUNDLE, nblock = (batch + block - 1) / block;
    bundles->plans = cn_new(model->nnode, sizeof *bundles->plans, error);
    bundles->hands = cn_new(nthread, sizeof *bundles->hands, error);
    bundles->first_sum = cn_new(model->nparameter, sizeof *bundles->first_sum, error);
    bundles->losses = cn_new(nblock, sizeof *bundles->losses, error);
    if (!bundles->plans || !bundles->hands || !bundles->first_sum || !bundles->losses ||
        plan_layers(bundles, error))
        goto fail;
    for (size_t p = 0; p < model->nparameter; p++) {
        bundles->first_sum[p] = count;
        count += model->parameters[p].count;
    }
    bundles->blocks =
        cn_blocks_new(weights->kernels, count * CN_BUNDLE, nblock * CN_SUM_ROWS, nthread, error);
    if (!bundles->blocks)
        goto fail;
    for (size_t thread = 0; thread < nthread; thread++)
        if (new_hand(bundles, &bundles->hands[thread], error))
            goto fail;
    return bundles;
fail:
    cn_bundles_free(bundles);
    return NULL;
}

static void free_hand(const cn_bundles *bundles, carrier *hand)
{
    for (size_t i = 0; hand->flows && i < bundles->model->nnode; i++)
        if (!bundles->nodes[i].idle) {
            cn_free(hand->flows[i].y);
            cn_free(hand->flows[i].dy);
            cn_free(hand->flows[i].kept);
        }
    cn_free(hand->flows);
    cn_free(hand->rows);
    cn_free(hand->input);
}

void cn_bundles_free(cn_bundles *bundles)
{
    if (!bundles)
        return;
    for (size_t thread = 0; bundles->hands && thread < bundles->nthread; thread++)
        free_hand(bundles, &bundles->hands[thread]);
    for (size_t i = 0; bundles->plans && i < bundles->model->nnode; i++)
        if (bundles->plans[i])
            bundles->nodes[i].layer->bundled->free(bundles->plans[i]);
    cn_free(bundles->plans);
    cn_free(bundles->hands);
    cn_blocks_free(bundles->blocks);
    cn_free(bundles->first_sum);
    cn_free(bundles->losses);
    cn_free(bundles->kept);
    cn_free(bundles->gathered);
    cn_free(bundles);
}

cinch_status cn_bundles_keep(cn_bundles *bundles, size_t rows, cinch_error *error)
{
    enum { MOST_REALS = 1 << 21 };
    size_t block = cn_bundles_rows(bundles), nblock = (rows + block - 1) / block;
    if (nblock > MOST_REALS / (block * bundles->features))
        return CINCH_OK;
    bundles->gathered = cn_new(nblock, sizeof *bundles->gathered, error);
    if (!bundles->gathered || !(bundles->kept = new_values(bundles, nblock * bundles->features, error)))
        return CINCH_MEMORY;
    return CINCH_OK;
}

size_t cn_bundles_rows(const cn_bundles *bundles)
{
    return bundles->nbundle * CN_BUNDLE;
}

size_t cn_bundles_scratch(const cn_bundles *bundles)
{
    size_t most = 0, first = cn_first_trained(bundles->model);
    for (size_t i = 0; i < bundles->model->nnode; i++) {
        const cn_node *node = &bundles->nodes[i];
        const cn_bundled *bundled = node->layer->bundled;
        size_t values = !node->idle && bundled->scratch ? bundled->scratch(node, i > first) : 0;
        most = values > most ? values : most;
    }
    return most * bundles->nbundle * CN_BUNDLE;
}

/* ---- A block ------------------------------------------------------------------------------------------- */

static void gather(const cn_bundles *bundles, const cn_step *step, const carrier *hand,
                   const cinch_data *data, const size_t *order, size_t count, void *input)
{
    const cn_kernels *kernels = step->kernels;
    cn_data_gather(data, &bundles->model->scaler, order, 0, count, bundles->stride, kernels->real_size,
                   hand->rows);
    for (size_t r = 0; cn_image_in_planes(bundles->model->input) && r < count; r++) {
        void *row = cn_row(step, hand->rows, bundles->stride, r);
        memcpy(step->scratch, row, bundles->features * kernels->real_size);
        cn_image_split(kernels, bundles->model->input, step->scratch, row);
    }
    for (size_t b = 0; b < bundles->nbundle; b++) {
        size_t first = b * CN_BUNDLE, left = count > first ? count - first : 0;
        kernels->bundle_split(left < CN_BUNDLE ? left : CN_BUNDLE, bundles->features, bundles->stride,
                              cn_row(step, hand->rows, bundles->stride, first), bundles->nbundle * CN_BUNDLE,
                              cn_row(step, input, CN_BUNDLE, b));
    }
}

/* The loss of the block's rows: each place of a bundle summed by itself, then in a tree of halves. Whole
 * blocks go some values at a time, the others column by column, since they have places without a row. */
static double loss(const cn_bundles *bundles, const cn_step *step, const carrier *hand, const void *input,
                   size_t batch_rows, size_t count)
{
    enum { AT_A_TIME = CN_BLOCK_ROWS * CN_BUNDLE };
    union {
        float floats[AT_A_TIME];
        double doubles[AT_A_TIME];
    } values;
    const cn_flow *last = &hand->flows[bundles->model->nnode - 1];
    const size_t width = bundles->nbundle * CN_BUNDLE, all = bundles->features * width,
                 most = count < width ? width : AT_A_TIME, real_size = step->kernels->real_size;
    double sums[CN_BUNDLE] = {0}, scale = 1 / ((double)batch_rows * (double)bundles->features);
    for (size_t i = 0, n; i < all; i += n) {
        n = all - i < most ? all - i : most;
        cn_objective_loss(bundles->objective)
            ->each[cn_precision(step)](n, cn_row(step, last->y, 1, i), cn_row(step, input, 1, i), scale,
                                       cn_row(step, last->dy, 1, i), &values);
        if (count < width) {
            memset((char *)&values + count * real_size, 0, (width - count) * real_size);
            memset(cn_row(step, last->dy, 1, i + count), 0, (width - count) * real_size);
        }
        step->kernels->bundle_add(n / CN_BUNDLE, &values, sums);
    }
    return cn_strip_sum(sums);
}

static void add_gradients(const cn_bundles *bundles, const cn_step *step, const carrier *hand, size_t block)
{
    const cinch_model *model = bundles->model;
    void *sums = cn_blocks_open(bundles->blocks, step->thread);
    cn_blocks_clear(bundles->blocks, step->thread);
    for (size_t i = 0; i < model->nnode; i++) {
        const cn_node *node = &bundles->nodes[i];
        for (size_t local = 0; local < node->nparameter; local++)
            node->layer->bundled->gradient(
                node, &hand->flows[i], step, bundles->nbundle, local,
                cn_row(step, sums, CN_BUNDLE, bundles->first_sum[node->parameters[local]]));
    }
    cn_blocks_close(bundles->blocks, step->thread, block);
}

static void carry_block(const cn_bundles *bundles, const cn_step *step, const void *input, size_t batch_rows,
                        size_t block, size_t count)
{
    const carrier *hand = &bundles->hands[step->thread];
    hand->flows[bundles->first].x = input;
    for (size_t i = 0; i < bundles->model->nnode; i++)
        if (!bundles->nodes[i].idle)
            bundles->nodes[i].layer->bundled->forward(&bundles->nodes[i], &hand->flows[i], step,
                                                      bundles->nbundle);
    bundles->losses[block] = loss(bundles, step, hand, input, batch_rows, count);
    for (size_t i = bundles->model->nnode; i-- > cn_first_trained(bundles->model);)
        if (!bundles->nodes[i].idle)
            bundles->nodes[i].layer->bundled->backward(&bundles->nodes[i], &hand->flows[i], step,
                                                       bundles->nbundle);
    add_gradients(bundles, step, hand, block);
}

void cn_bundles_begin(cn_bundles *bundles, size_t thread)
{
    cn_blocks_begin(bundles->blocks, thread);
}

void cn_bundles_carry(cn_bundles *bundles, const cn_step *step, const cinch_data *data, const size_t *order,
                      size_t batch_rows, size_t first, size_t count)
{
    const carrier *hand = &bundles->hands[step->thread];
    size_t block = cn_bundles_rows(bundles), rows;
    for (size_t row = first; row < first + count; row += rows) {
        rows = first + count - row < block ? first + count - row : block;
        size_t number = row / block, left = first + count - row - rows;
        void *input =
            bundles->kept ? cn_row(step, bundles->kept, block * bundles->features, number) : hand->input;
        if (!bundles->kept || !bundles->gathered[number]) {
            gather(bundles, step, hand, data, order + row, rows, input);
            cn_data_fetch(data, order + row + rows, left < block ? left : block);
        }
        if (bundles->kept)
            bundles->gathered[number] = true;
        carry_block(bundles, step, input, batch_rows, number, rows);
    }
}

/* ---- After all blocks ---------------------------------------------------------------------------------- */

/* Values first, first + 1, ... of a parameter. */
static void total(const cn_bundles *bundles, const cn_step *step, size_t parameter, size_t first,
                  size_t count, void *reals)
{
    enum { AT_A_TIME = 16 };
    union {
        float floats[AT_A_TIME * CN_BUNDLE];
        double doubles[AT_A_TIME * CN_BUNDLE];
    } sums;
    for (size_t done = 0; done < count; done += AT_A_TIME) {
        size_t part = count - done < AT_A_TIME ? count - done : AT_A_TIME;
        cn_blocks_total(bundles->blocks, (bundles->first_sum[parameter] + first + done) * CN_BUNDLE,
                        part * CN_BUNDLE, &sums);
        step->kernels->bundle_fold(part, &sums, cn_row(step, reals, 1, done));
    }
}

void cn_bundles_gradient(const cn_bundles *bundles, const cn_step *step, const cn_tile *tile, void *gradient)
{
    const cn_packed *packed = &bundles->weights->packed[tile->parameter];
    size_t count = bundles->model->parameters[tile->parameter].count;
    memset(gradient, 0, tile->count * step->kernels->real_size);
    if (packed->packing == CN_PACK_VECTOR) {
        if (tile->first < count)
            total(bundles, step, tile->parameter, tile->first,
                  count - tile->first < tile->count ? count - tile->first : tile->count, gradient);
        return;
    }
    size_t out = packed->matrix.out, column = tile->panel * CN_PANEL;
    for (size_t k = 0; k < tile->nrow; k++)
        total(bundles, step, tile->parameter, (tile->row + k) * out + column,
              out - column < CN_PANEL ? out - column : CN_PANEL, cn_row(step, gradient, CN_PANEL, k));
}

double cn_bundles_loss(const cn_bundles *bundles, size_t batch_rows)
{
    size_t block = cn_bundles_rows(bundles);
    return cn_tree_sum(bundles->losses, (batch_rows + block - 1) / block);
}
