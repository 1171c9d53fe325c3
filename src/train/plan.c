#include "train/plan.h"

#include <stdint.h>
#include <string.h>

#include "base/memory.h"
#include "base/threads.h"
#include "math/tree.h"
#include "model/image.h"

/* ---- The objective ------------------------------------------------------------------------------------- */

const cn_loss *cn_objective_loss(const cn_objective *objective)
{
    return (const cn_loss *)objective->loss.part;
}

/* The last node that does anything. */
static size_t last_of(const cinch_model *model)
{
    size_t last = model->nnode - 1;
    while (last > 0 && model->nodes[last].layer->renames)
        last--;
    return last;
}

static cinch_status fits_output(const cn_loss *loss, const cn_node *last, cinch_error *error)
{
    if (!loss->logits || (last->layer->activation && last->layer->activation(last) == CN_SIGMOID))
        return CINCH_OK;
    return cn_fail(error, CINCH_USAGE, "%s needs a sigmoid output; the decoder's last layer is %s %s",
                   loss->part.name, last->layer->part.name,
                   last->layer->activation ? cn_activation_names[last->layer->activation(last)] : "");
}

static bool lacks_kl(const cn_objective *objective, const cinch_model *model)
{
    bool drawn = false, has_kl = false;
    for (size_t i = 0; i < model->nencoder; i++)
        drawn = drawn || model->nodes[i].layer->drawn;
    for (size_t i = 0; i < objective->penalties.count; i++)
        has_kl = has_kl || cn_penalty_of(&objective->penalties.specs[i]) == &cn_penalty_kl;
    return drawn && !has_kl;
}

static cinch_status parse_penalties(cn_pipeline *penalties, const char *text, cinch_error *error)
{
    return cn_pipeline_parse(text, "penalty", (const cn_part *const *)cn_penalties, cn_limits_standard.layers,
                             penalties, error);
}

/* A drawn code without kl gets `kl 1`, behind the others. */
static cinch_status add_kl(cn_pipeline *penalties, cinch_error *error)
{
    cn_text text = {0};
    cn_pipeline_print(penalties, &text);
    bool others = penalties->count > 0;
    cn_pipeline_clear(penalties);
    cn_text whole = {0};
    cn_text_add(&whole, "%s%skl 1", others ? text.chars : "", others ? " | " : "");
    cn_text_clear(&text);
    char *taken = cn_text_take(&whole, error);
    cinch_status status = taken ? parse_penalties(penalties, taken, error) : CINCH_MEMORY;
    cn_free(taken);
    return status;
}

static cinch_status read_penalties(cn_objective *objective, const cinch_recipe *recipe,
                                   const cinch_model *model, cinch_error *error)
{
    cn_pipeline *penalties = &objective->penalties;
    cinch_status status = parse_penalties(penalties, cn_recipe_text(recipe, CN_PENALTY), error);
    objective->kl_added = !status && lacks_kl(objective, model);
    if (objective->kl_added)
        status = add_kl(penalties, error);
    for (size_t i = 0; i < penalties->count && !status; i++)
        if (cn_penalty_of(&penalties->specs[i])->fits)
            status = cn_penalty_of(&penalties->specs[i])->fits(&penalties->specs[i], model, error);
    return status;
}

cinch_status cn_objective_score(cn_objective *objective, const cinch_model *model, cinch_error *error)
{
    cn_pipeline_clear(&objective->penalties);
    return cn_objective_loss(objective)->nats && lacks_kl(objective, model)
               ? add_kl(&objective->penalties, error)
               : CINCH_OK;
}

cinch_status cn_objective_new(cn_objective *objective, const cinch_recipe *recipe, const cinch_model *model,
                              cinch_error *error)
{
    *objective = (cn_objective){0};
    cinch_status status = cn_spec_parse(cn_recipe_text(recipe, CN_LOSS), "loss",
                                        (const cn_part *const *)cn_losses, &objective->loss, error);
    if (!status)
        status = fits_output(cn_objective_loss(objective), &model->nodes[last_of(model)], error);
    status = cn_recipe_blame(recipe, CN_LOSS, status, error);
    if (!status)
        status = cn_recipe_blame(recipe, CN_PENALTY, read_penalties(objective, recipe, model, error), error);
    if (status)
        cn_objective_clear(objective);
    return status;
}

void cn_objective_clear(cn_objective *objective)
{
    cn_spec_clear(&objective->loss);
    cn_pipeline_clear(&objective->penalties);
    *objective = (cn_objective){0};
}

/* ---- Making -------------------------------------------------------------------------------------------- */

/* A buffer of rows*stride reals, the product checked. */
static void *new_buffer(const cn_plan *plan, size_t stride, cinch_error *error)
{
    size_t count;
    if (!cn_multiply(plan->rows, stride, &count)) {
        cn_fail(error, CINCH_MEMORY, "a batch of %zu rows is too large", plan->rows);
        return NULL;
    }
    return cn_new(count, plan->weights->kernels->real_size, error);
}

/* Decides what neighbours do in one. The code stays as it is: it must come out. */
static void fuse(cn_plan *plan)
{
    for (size_t i = 0; i < plan->model->nnode; i++)
        plan->nodes[i].idle = plan->nodes[i].layer->renames;
    for (size_t i = 0; i + 1 < plan->model->nnode; i++) {
        cn_node *node = &plan->nodes[i], *next = node + 1;
        size_t repeat = node->layer->repeats ? node->layer->repeats(node) : 1;
        size_t pool = next->layer->pools ? next->layer->pools(next) : 1;
        if (i + 1 == plan->model->nencoder)
            continue;
        if (repeat > 1 && next->layer->fuses && next->layer->fuses(next, repeat, 1)) {
            next->repeat = repeat;
            node->idle = true;
        }
        if (pool > 1 && node->layer->fuses &&
            node->layer->fuses(node, node->repeat ? node->repeat : 1, pool)) {
            node->pool = pool;
            next->idle = true;
        }
    }
}

/* An idle node's flow begins where it ends: of one that repeats with the values before it, of one that pools
 * with those behind it. */
static cinch_status new_flow(cn_plan *plan, size_t place, cinch_error *error)
{
    const cn_node *node = &plan->nodes[place];
    cn_flow *flow = &plan->flows[place];
    size_t kept = node->layer->kept && !node->idle ? node->layer->kept(node) : 0;
    flow->x = place ? flow[-1].y : plan->input;
    flow->x_stride = place ? flow[-1].y_stride : plan->stride;
    if (node->idle) {
        flow->y = (void *)flow->x;
        flow->y_stride = flow->x_stride;
        flow->dy = place ? flow[-1].dy : NULL;
        flow->dx = place ? flow[-1].dx : NULL;
        return CINCH_OK;
    }
    flow->y_stride = cn_stride(cn_shape_size(node->pool > 1 ? node[1].output : node->output));
    flow->kept_stride = cn_stride(kept);
    flow->logits = place == last_of(plan->model) && cn_objective_loss(plan->objective)->logits;
    for (size_t i = 0; i < node->nparameter; i++)
        flow->parameters[i] = &plan->weights->packed[node->parameters[i]];
    if (!(flow->y = new_buffer(plan, flow->y_stride, error)) ||
        (kept && !(flow->kept = new_buffer(plan, flow->kept_stride, error))))
        return CINCH_MEMORY;
    size_t first = cn_first_trained(plan->model);
    if (!plan->backward || place < first)
        return CINCH_OK;
    if (place > first)
        flow->dx = flow[-1].dy;
    return (flow->dy = new_buffer(plan, flow->y_stride, error)) ? CINCH_OK : CINCH_MEMORY;
}

/* ---- What is summed by rows, and what is kept of a batch ------------------------------------------------- */

static bool by_rows(const cinch_model *model)
{
    for (size_t i = 0; i < model->nnode; i++)
        if (model->nodes[i].nparameter && model->nodes[i].layer->by_rows)
            return true;
    return false;
}

/* Whether threads can carry a few rows at a time through buffers of their own: where some gradients go by
 * rows, the others have what they want kept, and no penalty wants the whole batch. */
static bool can_be_local(const cinch_model *model, const cn_objective *objective)
{
    for (size_t i = 0; i < objective->penalties.count; i++) {
        const cn_penalty *penalty = cn_penalty_of(&objective->penalties.specs[i]);
        if (penalty->means || penalty->gradient)
            return false;
    }
    return by_rows(model);
}

static cinch_status new_blocks(cn_plan *plan, size_t nthread, cinch_error *error)
{
    const cinch_model *model = plan->model;
    size_t count = 0;
    if (!(plan->block_place = cn_new(model->nparameter, sizeof *plan->block_place, error)))
        return CINCH_MEMORY;
    for (size_t p = 0; p < model->nparameter; p++)
        plan->block_place[p] = SIZE_MAX;
    for (const cn_node *node = model->nodes; node < model->nodes + model->nnode; node++)
        for (size_t i = 0; node->layer->by_rows && i < node->nparameter; i++) {
            plan->block_place[node->parameters[i]] = count;
            count += plan->weights->packed[node->parameters[i]].nreal;
        }
    if (!count || !plan->backward)
        return CINCH_OK;
    plan->blocks = cn_blocks_new(plan->weights->kernels, count, plan->batch, nthread, error);
    return plan->blocks ? CINCH_OK : CINCH_MEMORY;
}

static void *new_batch_buffer(const cn_plan *plan, size_t stride, cinch_error *error)
{
    size_t count;
    if (!cn_multiply(plan->batch, stride, &count)) {
        cn_fail(error, CINCH_MEMORY, "a batch of %zu rows is too large", plan->batch);
        return NULL;
    }
    return cn_new(count, plan->weights->kernels->real_size, error);
}

static cinch_status keep_batch(cn_plan *plan, cinch_error *error)
{
    plan->batch_flows = plan->flows;
    plan->batch_values = plan->values;
    plan->batch_penalties = plan->penalties;
    if (!plan->local)
        return CINCH_OK;
    plan->batch_values = cn_new(plan->batch, sizeof *plan->batch_values, error);
    plan->batch_penalties = cn_new(plan->batch, sizeof *plan->batch_penalties, error);
    plan->batch_flows = cn_new(plan->model->nnode, sizeof *plan->batch_flows, error);
    if (!plan->batch_values || !plan->batch_penalties || !plan->batch_flows)
        return CINCH_MEMORY;
    for (size_t i = 0; i < plan->model->nnode; i++) {
        const cn_node *node = &plan->nodes[i];
        cn_flow *flow = &plan->batch_flows[i];
        *flow = plan->flows[i];
        flow->x = flow->dy = flow->kept = NULL;
        if (!node->nparameter || node->layer->by_rows)
            continue;
        if (!(flow->x = new_batch_buffer(plan, flow->x_stride, error)) ||
            !(flow->dy = new_batch_buffer(plan, flow->y_stride, error)) ||
            (plan->flows[i].kept && !(flow->kept = new_batch_buffer(plan, flow->kept_stride, error))))
            return CINCH_MEMORY;
    }
    return CINCH_OK;
}

static void free_batch(cn_plan *plan)
{
    if (!plan->local)
        return;
    for (size_t i = 0; plan->batch_flows && i < plan->model->nnode; i++) {
        cn_free((void *)plan->batch_flows[i].x);
        cn_free(plan->batch_flows[i].dy);
        cn_free(plan->batch_flows[i].kept);
    }
    cn_free(plan->batch_flows);
    cn_free(plan->batch_values);
    cn_free(plan->batch_penalties);
}

/* The most rows that pass at a time: fewer where they are so wide that more would not stay in the cache. */
static size_t chunk_of(const cn_plan *plan)
{
    enum { MOST_ROWS = 96, MOST_REALS = 1 << 18 };
    const cinch_model *model = plan->model;
    size_t reals = plan->stride;
    for (const cn_node *node = plan->nodes; node < plan->nodes + model->nnode; node++)
        if (!node->idle)
            reals += 2 * cn_stride(cn_shape_size(node->pool > 1 ? node[1].output : node->output)) +
                     (node->layer->kept ? cn_stride(node->layer->kept(node)) : 0);
    size_t rows = MOST_REALS / reals;
    rows = rows < 1 ? 1 : rows < MOST_ROWS ? rows : MOST_ROWS;
    if (!by_rows(model))
        return rows;
    /* Blocks are whole chunks, or chunks whole blocks. */
    while (rows < CN_SUM_ROWS && CN_SUM_ROWS % rows)
        rows--;
    return rows < CN_SUM_ROWS ? rows : rows / CN_SUM_ROWS * CN_SUM_ROWS;
}

/* As much as the layer that needs most of it, or a row that is put in order. */
static size_t scratch_of(const cn_plan *plan)
{
    const cinch_model *model = plan->model;
    size_t most = cn_image_in_planes(model->input) ? cn_shape_size(model->input) : 0;
    for (const cn_node *node = plan->nodes; node < plan->nodes + model->nnode; node++) {
        size_t reals = node->layer->scratch ? node->layer->scratch(node) : 0;
        most = reals > most ? reals : most;
    }
    return cn_round_up(most, CN_PANEL);
}

static cinch_status new_scratch(cn_plan *plan, size_t nthread, cinch_error *error)
{
    size_t count;
    plan->nscratch = scratch_of(plan);
    if (!cn_multiply(nthread, plan->nscratch, &count))
        return cn_fail(error, CINCH_MEMORY, "a row is too large");
    plan->scratch = cn_new(count, plan->weights->kernels->real_size, error);
    return plan->scratch ? CINCH_OK : CINCH_MEMORY;
}

void cn_plan_enter(const cn_plan *plan, cn_step *step, size_t thread)
{
    step->thread = thread;
    step->scratch = (char *)plan->scratch + thread * plan->nscratch * plan->weights->kernels->real_size;
    step->rows = plan->numbers;
}

/* What the objective's penalties keep. */
static cinch_status begin_penalties(cn_plan *plan, cinch_error *error)
{
    const cn_pipeline *penalties = &plan->objective->penalties;
    if (!(plan->works = cn_new(penalties->count, sizeof *plan->works, error)))
        return CINCH_MEMORY;
    for (size_t i = 0; i < penalties->count; i++) {
        const cn_penalty *penalty = cn_penalty_of(&penalties->specs[i]);
        plan->works[i] = (cn_penalty_work){.spec = &penalties->specs[i],
                                           .model = plan->model,
                                           .weights = plan->weights,
                                           .flows = plan->flows,
                                           .rows = plan->rows,
                                           .backward = plan->backward};
        cinch_status status = penalty->begin ? penalty->begin(&plan->works[i], error) : CINCH_OK;
        if (status)
            return status;
        if (penalty->means && !plan->means &&
            !(plan->means = cn_new(3 * cn_shape_size(plan->model->code), sizeof *plan->means, error)))
            return CINCH_MEMORY;
    }
    return CINCH_OK;
}

cn_plan *cn_plan_new(const cinch_model *model, cn_weights *weights, const cn_objective *objective,
                     size_t batch, size_t nthread, bool backward, cinch_error *error)
{
    cn_plan *plan = cn_new(1, sizeof *plan, error);
    if (!plan)
        return NULL;
    plan->model = model;
    plan->weights = weights;
    plan->objective = objective;
    plan->backward = backward;
    plan->features = cn_shape_size(model->input);
    plan->stride = cn_stride(plan->features);
    plan->objective = objective;
    if (!(plan->nodes = cn_new(model->nnode, sizeof *plan->nodes, error)))
        goto fail;
    memcpy(plan->nodes, model->nodes, model->nnode * sizeof *plan->nodes);
    fuse(plan);
    plan->chunk = chunk_of(plan);
    plan->batch = batch ? batch : nthread * plan->chunk;
    plan->local = backward && can_be_local(model, objective);
    plan->rows = plan->local ? nthread * plan->chunk : plan->batch;
    plan->flows = cn_new(model->nnode, sizeof *plan->flows, error);
    plan->input = new_buffer(plan, plan->stride, error);
    plan->values = cn_new(plan->rows, sizeof *plan->values, error);
    plan->penalties = cn_new(plan->rows, sizeof *plan->penalties, error);
    plan->numbers = cn_new(plan->rows, sizeof *plan->numbers, error);
    if (!plan->flows || !plan->input || !plan->values || !plan->penalties || !plan->numbers ||
        new_scratch(plan, nthread, error) || new_blocks(plan, nthread, error))
        goto fail;
    for (size_t i = 0; i < model->nnode; i++)
        if (new_flow(plan, i, error))
            goto fail;
    if (keep_batch(plan, error) || begin_penalties(plan, error))
        goto fail;
    return plan;
fail:
    cn_plan_free(plan);
    return NULL;
}

void cn_plan_free(cn_plan *plan)
{
    if (!plan)
        return;
    for (size_t i = 0; plan->works && i < plan->objective->penalties.count; i++)
        if (plan->works[i].spec && cn_penalty_of(plan->works[i].spec)->end)
            cn_penalty_of(plan->works[i].spec)->end(&plan->works[i]);
    cn_free(plan->works);
    cn_free(plan->means);
    free_batch(plan);
    cn_blocks_free(plan->blocks);
    cn_free(plan->block_place);
    cn_free(plan->numbers);
    for (size_t i = 0; plan->flows && i < plan->model->nnode; i++) {
        if (plan->nodes[i].idle)
            continue;
        cn_free(plan->flows[i].y);
        cn_free(plan->flows[i].dy);
        cn_free(plan->flows[i].dz);
        cn_free(plan->flows[i].kept);
    }
    cn_free(plan->flows);
    cn_free(plan->nodes);
    cn_free(plan->input);
    cn_free(plan->values);
    cn_free(plan->penalties);
    cn_free(plan->scratch);
    cn_free(plan);
}

/* ---- Rows ---------------------------------------------------------------------------------------------- */

void cn_plan_gather(const cn_plan *plan, const cn_step *step, const cinch_data *data, const size_t *order,
                    size_t first, size_t count, size_t place)
{
    size_t real_size = step->kernels->real_size;
    for (size_t i = 0; i < count; i++)
        plan->numbers[place + i] = order ? order[i] : first + i;
    cn_data_gather(data, &plan->model->scaler, order, first, count, plan->stride, real_size,
                   cn_row(step, plan->input, plan->stride, place));
    for (size_t r = place; cn_image_in_planes(plan->model->input) && r < place + count; r++) {
        void *row = cn_row(step, plan->input, plan->stride, r);
        memcpy(step->scratch, row, plan->features * real_size);
        cn_image_split(step->kernels, plan->model->input, step->scratch, row);
    }
}

/* ---- Passes -------------------------------------------------------------------------------------------- */

static void forward(const cn_plan *plan, const cn_step *step, size_t from, size_t to, size_t first,
                    size_t count)
{
    for (size_t i = from; i < to; i++) {
        const cn_node *node = &plan->nodes[i];
        if (!node->idle)
            node->layer->forward(node, &plan->flows[i], step, first, count);
    }
}

static void backward(const cn_plan *plan, const cn_step *step, size_t from, size_t to, size_t first,
                     size_t count)
{
    for (size_t i = to; i-- > from;) {
        const cn_node *node = &plan->nodes[i];
        if (plan->flows[i].dy && !node->idle)
            node->layer->backward(node, &plan->flows[i], step, first, count);
    }
}

static void rows_loss(const cn_plan *plan, const cn_step *step, size_t batch_rows, size_t first, size_t count)
{
    const cn_flow *last = &plan->flows[plan->model->nnode - 1];
    cn_objective_loss(plan->objective)
        ->rows[cn_precision(step)](
            count, plan->features, last->y_stride, cn_row(step, last->y, last->y_stride, first),
            cn_row(step, plan->input, plan->stride, first), plan->stride,
            1 / ((double)batch_rows * (double)plan->features),
            last->dy ? cn_row(step, last->dy, last->y_stride, first) : NULL, plan->values + first);
}

/* The slope of the means' penalties, for each row the same: a row is 1/batch_rows of the mean. */
#define ADD_SLOPES(real)                                                                                     \
    static void add_slopes_##real(size_t width, const double *slopes, double scale, void *dy)                \
    {                                                                                                        \
        for (size_t j = 0; j < width; j++)                                                                   \
            ((real *)dy)[j] += (real)(scale * slopes[j]);                                                    \
    }
ADD_SLOPES(float)
ADD_SLOPES(double)

static void (*const add_slopes[])(size_t, const double *, double, void *) = {add_slopes_float,
                                                                             add_slopes_double};

static void clear_penalties(const cn_plan *plan, const cn_step *step, size_t first, size_t count)
{
    for (size_t r = first; r < first + count; r++)
        plan->penalties[r] = 0;
    for (size_t i = 0; i < plan->model->nencoder; i++)
        if (plan->flows[i].dz)
            memset(cn_row(step, plan->flows[i].dz, plan->flows[i].y_stride, first), 0,
                   count * plan->flows[i].y_stride * step->kernels->real_size);
}

/* The rows of the code that penalties are of, from `first` on, and of their slopes: what the decoder gets and
 * sends back, or a drawn code's mean. */
typedef struct penalized {
    void *code, *slope; /* slope NULL: none */
    size_t stride;
} penalized;

static penalized penalized_code(const cn_plan *plan, const cn_step *step, size_t first)
{
    const cn_node *last = &plan->model->nodes[plan->model->nencoder - 1];
    const cn_flow *flow = &plan->flows[plan->model->nencoder - 1];
    if (!last->layer->code)
        return (penalized){.code = cn_row(step, flow->y, flow->y_stride, first),
                           .slope = flow->dy ? cn_row(step, flow->dy, flow->y_stride, first) : NULL,
                           .stride = flow->y_stride};
    size_t code, slope;
    last->layer->code(last, &code, &slope);
    char *row = cn_row(step, flow->kept, flow->kept_stride, first);
    return (penalized){.code = row + code * step->kernels->real_size,
                       .slope = row + slope * step->kernels->real_size,
                       .stride = flow->kept_stride};
}

/* The penalties that go by rows: their values, and their slopes added to what the decoder sent back. */
static void row_penalties(const cn_plan *plan, const cn_step *step, size_t batch_rows, size_t first,
                          size_t count)
{
    const cn_pipeline *penalties = &plan->objective->penalties;
    const cn_flow *code = &plan->flows[plan->model->nencoder - 1];
    penalized of = penalized_code(plan, step, first);
    size_t width = cn_shape_size(plan->model->code);
    clear_penalties(plan, step, first, count);
    for (size_t i = 0; i < penalties->count; i++) {
        const cn_penalty *penalty = cn_penalty_of(&penalties->specs[i]);
        if (penalty->codes[cn_precision(step)])
            penalty->codes[cn_precision(step)](&penalties->specs[i], count, width, of.stride, of.code,
                                               1 / (double)batch_rows, of.slope, plan->penalties + first);
        if (penalty->rows)
            penalty->rows(&plan->works[i], step, batch_rows, first, count, plan->penalties);
    }
    for (size_t r = first; plan->means && code->dy && r < first + count; r++)
        add_slopes[cn_precision(step)](width, plan->means + 2 * width, 1 / (double)batch_rows,
                                       cn_row(step, code->dy, code->y_stride, r));
}

void cn_plan_encode(const cn_plan *plan, const cn_step *step, size_t first, size_t count)
{
    for (size_t end = first + count; first < end; first += plan->chunk) {
        size_t rows = end - first < plan->chunk ? end - first : plan->chunk;
        forward(plan, step, 0, plan->model->nencoder, first, rows);
    }
}

void cn_plan_means(const cn_plan *plan, const void *sums, size_t nsum, size_t stride, size_t batch_rows,
                   size_t first_unit, size_t count)
{
    const cn_kernels *kernels = plan->weights->kernels;
    size_t width = cn_shape_size(plan->model->code);
    double *means = plan->means, *values = means + width, *slopes = values + width;
    for (size_t j = 0; j < count; j += CN_PANEL) {
        union {
            float floats[CN_PANEL];
            double doubles[CN_PANEL];
        } sum;
        size_t n = count - j < CN_PANEL ? count - j : CN_PANEL;
        kernels->column_sums(nsum, sums, stride, first_unit + j, n, false, &sum);
        for (size_t i = 0; i < n; i++)
            means[first_unit + j + i] =
                (kernels->real_size == sizeof(double) ? sum.doubles[i] : (double)sum.floats[i]) /
                (double)batch_rows;
    }
    for (size_t j = first_unit; j < first_unit + count; j++)
        values[j] = slopes[j] = 0;
    const cn_pipeline *penalties = &plan->objective->penalties;
    for (size_t i = 0; i < penalties->count; i++)
        if (cn_penalty_of(&penalties->specs[i])->means)
            cn_penalty_of(&penalties->specs[i])
                ->means(&penalties->specs[i], count, means + first_unit, values + first_unit,
                        slopes + first_unit);
}

/* The gradients by rows of those that have just gone back. */
static void add_to_blocks(const cn_plan *plan, const cn_step *step, size_t batch_rows, size_t row,
                          size_t first, size_t count)
{
    size_t done, end = row + count;
    for (; row < end; row += done, first += done) {
        size_t block_end = (row / CN_SUM_ROWS + 1) * CN_SUM_ROWS;
        void *sums = cn_blocks_open(plan->blocks, step->thread);
        done = (end < block_end ? end : block_end) - row;
        for (size_t i = 0; i < plan->model->nnode; i++) {
            const cn_node *node = &plan->nodes[i];
            cn_flow flow = plan->flows[i];
            if (!node->layer->by_rows || !node->nparameter)
                continue;
            flow.x = cn_row(step, flow.x, flow.x_stride, first);
            flow.y = cn_row(step, flow.y, flow.y_stride, first);
            flow.dy = cn_row(step, flow.dy, flow.y_stride, first);
            flow.kept = flow.kept ? cn_row(step, flow.kept, flow.kept_stride, first) : NULL;
            for (size_t local = 0; local < node->nparameter; local++) {
                size_t parameter = node->parameters[local];
                cn_tile whole = {.parameter = parameter, .count = plan->weights->packed[parameter].nreal};
                node->layer->gradient(node, &flow, step, done, local, &whole, row % CN_SUM_ROWS > 0,
                                      cn_row(step, sums, 1, plan->block_place[parameter]));
            }
        }
        if (row + done == block_end || row + done == batch_rows)
            cn_blocks_close(plan->blocks, step->thread, row / CN_SUM_ROWS);
    }
}

/* `local`: what the second half of the step wants of these rows. */
static void keep_rows(const cn_plan *plan, const cn_step *step, size_t row, size_t first, size_t count)
{
    for (size_t r = 0; r < count; r++) {
        plan->batch_values[row + r] = plan->values[first + r];
        plan->batch_penalties[row + r] = plan->penalties[first + r];
    }
    for (size_t i = 0; i < plan->model->nnode; i++) {
        const cn_flow *flow = &plan->flows[i], *batch = &plan->batch_flows[i];
        size_t real_size = step->kernels->real_size;
        if (!batch->dy)
            continue;
        memcpy(cn_row(step, batch->x, flow->x_stride, row), cn_row(step, flow->x, flow->x_stride, first),
               count * flow->x_stride * real_size);
        memcpy(cn_row(step, batch->dy, flow->y_stride, row), cn_row(step, flow->dy, flow->y_stride, first),
               count * flow->y_stride * real_size);
        if (batch->kept)
            memcpy(cn_row(step, batch->kept, flow->kept_stride, row),
                   cn_row(step, flow->kept, flow->kept_stride, first), count * flow->kept_stride * real_size);
    }
}

void cn_plan_pass(const cn_plan *plan, const cn_step *step, size_t batch_rows, size_t row, size_t first,
                  size_t count)
{
    size_t nencoder = plan->model->nencoder, nnode = plan->model->nnode, rows;
    for (size_t end = first + count; first < end; first += rows, row += rows) {
        rows = end - first < plan->chunk ? end - first : plan->chunk;
        forward(plan, step, plan->means ? nencoder : 0, nnode, first, rows);
        rows_loss(plan, step, batch_rows, first, rows);
        if (plan->backward)
            backward(plan, step, nencoder, nnode, first, rows);
        row_penalties(plan, step, batch_rows, first, rows);
        if (plan->backward)
            backward(plan, step, 0, nencoder, first, rows);
        if (plan->blocks)
            add_to_blocks(plan, step, batch_rows, row, first, rows);
        if (plan->local)
            keep_rows(plan, step, row, first, rows);
    }
}

void cn_plan_share(const cn_plan *plan, size_t batch_rows, size_t nthread, size_t thread, size_t *first,
                   size_t *count)
{
    cn_threads_share(batch_rows, plan->blocks ? CN_SUM_ROWS : 1, nthread, thread, first, count);
    if (plan->blocks)
        cn_blocks_begin(plan->blocks, thread);
}

void cn_plan_carry(const cn_plan *plan, const cn_step *step, const cinch_data *data, const size_t *order,
                   size_t batch_rows, size_t first, size_t count)
{
    size_t rows;
    for (size_t row = first; row < first + count; row += rows) {
        size_t left = first + count - row, place = plan->local ? step->thread * plan->chunk : row;
        rows = plan->local && left > plan->chunk ? plan->chunk : left;
        cn_plan_gather(plan, step, data, order + row, 0, rows, place);
        cn_plan_pass(plan, step, batch_rows, row, place, rows);
    }
}

void cn_plan_gradient(const cn_plan *plan, const cn_step *step, size_t batch_rows, const cn_tile *tile,
                      void *gradient)
{
    const cn_weights *weights = plan->weights;
    size_t first = weights->first_use[tile->parameter], end = weights->first_use[tile->parameter + 1];
    if (plan->block_place[tile->parameter] != SIZE_MAX) {
        cn_blocks_total(plan->blocks, plan->block_place[tile->parameter] + tile->first, tile->count,
                        gradient);
        return;
    }
    for (size_t u = first; u < end; u++) {
        const cn_use *use = &weights->uses[u];
        const cn_node *node = &plan->nodes[use->node];
        node->layer->gradient(node, &plan->batch_flows[use->node], step, batch_rows, use->local, tile,
                              u > first, gradient);
    }
    for (size_t i = 0; i < plan->objective->penalties.count; i++) {
        const cn_penalty_work *work = &plan->works[i];
        if (cn_penalty_of(work->spec)->gradient)
            cn_penalty_of(work->spec)->gradient(work, step, batch_rows, tile, gradient);
    }
}

size_t cn_plan_last(const cn_plan *plan)
{
    return last_of(plan->model);
}

double cn_plan_reconstruction(const cn_plan *plan, size_t batch_rows)
{
    return cn_tree_sum(plan->batch_values, batch_rows) / ((double)batch_rows * (double)plan->features);
}

double cn_plan_code_penalty(const cn_plan *plan, size_t batch_rows)
{
    size_t width = cn_shape_size(plan->model->code);
    return cn_tree_sum(plan->batch_penalties, batch_rows) / (double)batch_rows +
           (plan->means ? cn_tree_sum(plan->means + width, width) : 0);
}
