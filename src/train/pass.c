/* The passes of a plan: rows gathered, carried forward and back, their gradients summed. They allocate
 * nothing. */
#include "train/plan.h"

#include <stdint.h>
#include <string.h>

#include "base/threads.h"
#include "math/tree.h"
#include "model/image.h"

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

/* Of so many that are left: chunks as equal as can be, or whole ones where blocks are made of them. */
static size_t rows_at_once(const cn_plan *plan, size_t left)
{
    size_t chunks = (left + plan->chunk - 1) / plan->chunk;
    return plan->blocks && left > plan->chunk ? plan->chunk : (left + chunks - 1) / chunks;
}

void cn_plan_encode(const cn_plan *plan, const cn_step *step, size_t first, size_t count)
{
    size_t rows;
    for (size_t end = first + count; first < end; first += rows) {
        rows = rows_at_once(plan, end - first);
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
                cn_tile whole = {
                    .parameter = parameter, .npanel = 1, .count = plan->weights->packed[parameter].nreal};
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
        rows = rows_at_once(plan, end - first);
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

void cn_plan_part(const cn_plan *plan, size_t batch_rows, size_t nthread, size_t thread, size_t *first,
                  size_t *count)
{
    size_t unit = plan->bundles ? cn_bundles_rows(plan->bundles) : plan->blocks ? CN_SUM_ROWS : 1;
    cn_threads_share(batch_rows, unit, nthread, thread, first, count);
}

void cn_plan_share(const cn_plan *plan, size_t batch_rows, size_t nthread, size_t thread, size_t *first,
                   size_t *count)
{
    cn_plan_part(plan, batch_rows, nthread, thread, first, count);
    if (plan->bundles)
        cn_bundles_begin(plan->bundles, thread);
    if (plan->blocks)
        cn_blocks_begin(plan->blocks, thread);
}

void cn_plan_carry(const cn_plan *plan, const cn_step *step, const cinch_data *data, const size_t *order,
                   size_t batch_rows, size_t first, size_t count)
{
    size_t rows;
    if (plan->bundles) {
        cn_bundles_carry(plan->bundles, step, data, order, batch_rows, first, count);
        return;
    }
    for (size_t row = first; row < first + count; row += rows) {
        size_t left = first + count - row, place = plan->local ? step->thread * plan->chunk : row;
        rows = plan->local && left > plan->chunk ? plan->chunk : left;
        cn_plan_gather(plan, step, data, order + row, 0, rows, place);
        cn_plan_pass(plan, step, batch_rows, row, place, rows);
    }
}

/* ---- All threads together ------------------------------------------------------------------------------ */

bool cn_plan_goes_together(const cn_plan *plan, size_t batch_rows, size_t nthread)
{
    enum { MOST_ROWS = 32, FEWEST_WEIGHTS = 1 << 15 };
    return nthread > 1 && batch_rows <= MOST_ROWS * nthread && plan->nweight >= FEWEST_WEIGHTS &&
           !plan->bundles && !plan->images && !plan->means;
}

/* What one thread has of a batch, and of the values of a layer. */
typedef struct part {
    cn_threads *threads;
    size_t batch_rows, first, count; /* its rows */
} part;

static void share_of(const part *of, const cn_step *step, size_t width, size_t *first, size_t *count)
{
    cn_threads_share(width, CN_PANEL, cn_threads_count(of->threads), step->thread, first, count);
}

static void forward_together(const cn_plan *plan, const cn_step *step, const part *of)
{
    for (size_t i = 0; i < plan->model->nnode; i++) {
        const cn_node *node = &plan->nodes[i];
        const cn_flow *flow = &plan->flows[i];
        size_t first, count;
        if (node->idle)
            continue;
        share_of(of, step, cn_shape_size(node->output), &first, &count);
        if (!node->layer->columned && of->count > 0)
            node->layer->forward(node, flow, step, of->first, of->count);
        else if (node->layer->columned && count > 0)
            node->layer->columned->forward(node, flow, step, of->batch_rows, first, count);
        cn_threads_barrier(of->threads);
    }
}

static void backward_together(const cn_plan *plan, const cn_step *step, const part *of, size_t from,
                              size_t to)
{
    for (size_t i = to; i-- > from;) {
        const cn_node *node = &plan->nodes[i];
        const cn_flow *flow = &plan->flows[i];
        const cn_columned *columned = node->layer->columned;
        size_t first, count;
        if (!flow->dy || node->idle)
            continue;
        if (of->count > 0 && columned)
            columned->slopes(node, flow, step, of->first, of->count);
        else if (of->count > 0)
            node->layer->backward(node, flow, step, of->first, of->count);
        cn_threads_barrier(of->threads);
        if (!columned || !flow->dx)
            continue;
        share_of(of, step, cn_shape_size(node->input), &first, &count);
        if (count > 0)
            columned->back(node, flow, step, of->batch_rows, first, count);
        cn_threads_barrier(of->threads);
    }
}

void cn_plan_carry_together(const cn_plan *plan, const cn_step *step, cn_threads *threads,
                            const cinch_data *data, const size_t *order, size_t batch_rows)
{
    size_t nencoder = plan->model->nencoder;
    part of = {.threads = threads, .batch_rows = batch_rows};
    cn_threads_share(batch_rows, 1, cn_threads_count(threads), step->thread, &of.first, &of.count);
    cn_plan_gather(plan, step, data, order + of.first, 0, of.count, of.first);
    cn_threads_barrier(threads);
    forward_together(plan, step, &of);
    rows_loss(plan, step, batch_rows, of.first, of.count);
    backward_together(plan, step, &of, nencoder, plan->model->nnode);
    row_penalties(plan, step, batch_rows, of.first, of.count);
    backward_together(plan, step, &of, 0, nencoder);
}

/* ---- Gradients ----------------------------------------------------------------------------------------- */

void cn_plan_gradient(const cn_plan *plan, const cn_step *step, size_t batch_rows, const cn_tile *tile,
                      void *gradient)
{
    const cn_weights *weights = plan->weights;
    size_t first = weights->first_use[tile->parameter], end = weights->first_use[tile->parameter + 1];
    if (plan->bundles) {
        cn_bundles_gradient(plan->bundles, step, tile, gradient);
        return;
    }
    if (plan->block_place[tile->parameter] != SIZE_MAX) {
        const size_t panel = weights->packed[tile->parameter].matrix.in * CN_PANEL;
        for (size_t p = 0; p < tile->npanel; p++)
            cn_blocks_total(plan->blocks, plan->block_place[tile->parameter] + tile->first + p * panel,
                            tile->count, cn_row(step, gradient, tile->count, p));
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
        for (size_t p = 0; cn_penalty_of(work->spec)->gradient && p < tile->npanel; p++) {
            cn_tile one = *tile;
            one.panel += p;
            one.npanel = 1;
            one.first += p * weights->packed[tile->parameter].matrix.in * CN_PANEL;
            cn_penalty_of(work->spec)
                ->gradient(work, step, batch_rows, &one, cn_row(step, gradient, CN_PANEL, p * tile->nrow));
        }
    }
}

double cn_plan_reconstruction(const cn_plan *plan, size_t batch_rows)
{
    double sum = plan->bundles ? cn_bundles_loss(plan->bundles, batch_rows)
                               : cn_tree_sum(plan->batch_values, batch_rows);
    return sum / ((double)batch_rows * (double)plan->features);
}

double cn_plan_code_penalty(const cn_plan *plan, size_t batch_rows)
{
    size_t width = cn_shape_size(plan->model->code);
    if (plan->bundles)
        return 0;
    return cn_tree_sum(plan->batch_penalties, batch_rows) / (double)batch_rows +
           (plan->means ? cn_tree_sum(plan->means + width, width) : 0);
}
