/* The squared norm of the code's derivative by the row, J: a code that stays where it is when the row moves a
 * little (Rifai, Vincent, Muller, Glorot, Bengio 2011). Exact, with its exact gradient, for any number of
 * dense layers z_l = W_l h_(l-1) + b_l, h_l = f_l(z_l), h_0 the row, h_L the code; f'_l and f''_l stand for
 * their values at the row's z_l, scale for W / rows of the batch.
 *
 * One layer has a closed form: |J|^2 = sum over units of f'(z_j)^2 |w_j|^2.
 *
 * With more, J's rows are carried back from the code, a virtual row for each unit of the code and each row:
 *     v_L = e_i,  u_l = v_l f'_l,  v_(l-1) = u_l W_l,      |J|^2 = sum over i of |v_0|^2
 * and the gradient from there to the code again, the gradient to v_l taking its place:
 *     v_0 <- 2 scale v_0,  g_l = v_(l-1) W_l^T,  dW_l = sum of u_l^T v_(l-1),
 *     dz_l = f''_l sum over i of g_l v_l,  v_l <- g_l f'_l
 * What falls to z_l is added to what comes from the loss (cn_flow.dz) and goes down through the layers with
 * it.
 */
#include <string.h>

#include "base/memory.h"
#include "train/penalty.h"
#include "train/weights.h"

enum { WEIGHT };

static const cn_option options[] = {
    [WEIGHT] = CN_PENALTY_WEIGHT,
    {0},
};

/* ---- Loops over elements, in float and in double ------------------------------------------------------- */

/* first[j] = f'(z[j]), second[j] = f''(z[j]), y being f(z); z is used only where
 * cn_activation_needs_input. */
typedef void slopes_of(size_t count, const void *z, const void *y, void *first, void *second);

#define SLOPES_IN(precision, name, df, ddf)                                                                  \
    CN_CLONES static void name##_slopes_##precision(size_t count, const void *inputs, const void *outputs,   \
                                                    void *first, void *second)                               \
    {                                                                                                        \
        typedef precision real;                                                                              \
        const real *const inputs_ = inputs, *const outputs_ = outputs;                                       \
        real *const first_ = first, *const second_ = second;                                                 \
        CN_INDEPENDENT                                                                                       \
        for (size_t j = 0; j < count; j++) {                                                                 \
            const real z = inputs_[j], y = outputs_[j];                                                      \
            (void)z, (void)y;                                                                                \
            first_[j] = (real)(df);                                                                          \
            second_[j] = (real)(ddf);                                                                        \
        }                                                                                                    \
    }
#define SLOPES(constant, name, needs_input, equation, f, df, ddf)                                            \
    SLOPES_IN(float, name, df, ddf)                                                                          \
    SLOPES_IN(double, name, df, ddf)
CN_ACTIVATIONS(SLOPES)

#define SLOPES_NAMES(constant, name, ...) {name##_slopes_float, name##_slopes_double},
static slopes_of *const slopes[][2] = {CN_ACTIVATIONS(SLOPES_NAMES)};

#define LOOPS(real)                                                                                          \
    /* norms[j] = sum over k of panel[k][j]^2 */                                                             \
    static void norms_##real(size_t in, const void *panel, void *norms)                                      \
    {                                                                                                        \
        const real *w = panel;                                                                               \
        real sums[CN_PANEL] = {0};                                                                           \
        for (size_t k = 0; k < in; k++, w += CN_PANEL)                                                       \
            for (size_t j = 0; j < CN_PANEL; j++)                                                            \
                sums[j] += w[j] * w[j];                                                                      \
        memcpy(norms, sums, sizeof sums);                                                                    \
    }                                                                                                        \
    /* dz += factor f' f'' |w|^2 where it is wanted, f' <- f'^2; returns the sum of f'^2 |w|^2 */            \
    static double close_##real(size_t count, const void *norms, double factor, void *first,                  \
                               const void *second, void *dz)                                                 \
    {                                                                                                        \
        const real *n = norms, *b = second;                                                                  \
        real *a = first, *to = dz;                                                                           \
        double sum = 0;                                                                                      \
        for (size_t j = 0; j < count; j++) {                                                                 \
            if (to)                                                                                          \
                to[j] += (real)factor * a[j] * b[j] * n[j];                                                  \
            a[j] *= a[j];                                                                                    \
            sum += (double)(a[j] * n[j]);                                                                    \
        }                                                                                                    \
        return sum;                                                                                          \
    }                                                                                                        \
    /* tile[k][j] += factor sums[j] w[k][j] */                                                               \
    static void pull_##real(size_t nrow, double factor, const void *sums, const void *weights, void *tile)   \
    {                                                                                                        \
        const real *s = sums, *w = weights;                                                                  \
        real *to = tile;                                                                                     \
        for (size_t k = 0; k < nrow; k++, w += CN_PANEL, to += CN_PANEL)                                     \
            for (size_t j = 0; j < CN_PANEL; j++)                                                            \
                to[j] += (real)factor * s[j] * w[j];                                                         \
    }                                                                                                        \
    /* u[i][i] = f'[i]; the rest of u is 0 and stays it */                                                   \
    static void diagonal_##real(size_t code, size_t stride, const void *first, void *u)                      \
    {                                                                                                        \
        for (size_t i = 0; i < code; i++)                                                                    \
            ((real *)u)[i * stride + i] = ((const real *)first)[i];                                          \
    }                                                                                                        \
    /* u[i] = v[i] f' */                                                                                     \
    static void multiply_##real(size_t code, size_t width, size_t stride, const void *v, const void *first,  \
                                void *u)                                                                     \
    {                                                                                                        \
        for (size_t i = 0; i < code; i++)                                                                    \
            for (size_t j = 0; j < width; j++)                                                               \
                ((real *)u)[i * stride + j] = ((const real *)v)[i * stride + j] * ((const real *)first)[j];  \
    }                                                                                                        \
    /* Sum over i of |v[i]|^2; then v <- factor v. */                                                        \
    static double square_##real(size_t code, size_t width, size_t stride, double factor, void *v)            \
    {                                                                                                        \
        double sum = 0;                                                                                      \
        for (size_t i = 0; i < code; i++) {                                                                  \
            real *row = (real *)v + i * stride;                                                              \
            double sums[CN_PANEL] = {0};                                                                     \
            for (size_t j = 0; j < width; j++)                                                               \
                sums[j % CN_PANEL] += (double)row[j] * (double)row[j];                                       \
            for (size_t j = 0; j < width; j++)                                                               \
                row[j] *= (real)factor;                                                                      \
            sum += cn_strip_sum(sums);                                                                       \
        }                                                                                                    \
        return sum;                                                                                          \
    }                                                                                                        \
    /* dz[j] += f''[j] sum over i of g[i][j] v[i][j]; v[i] <- g[i] f' */                                     \
    static void bend_##real(size_t code, size_t width, size_t stride, const void *g, const void *first,      \
                            const void *second, void *v, void *dz)                                           \
    {                                                                                                        \
        for (size_t i = 0; i < code; i++) {                                                                  \
            const real *from = (const real *)g + i * stride;                                                 \
            real *row = (real *)v + i * stride;                                                              \
            for (size_t j = 0; j < width; j++) {                                                             \
                ((real *)dz)[j] += from[j] * row[j] * ((const real *)second)[j];                             \
                row[j] = from[j] * ((const real *)first)[j];                                                 \
            }                                                                                                \
        }                                                                                                    \
    }                                                                                                        \
    /* The same at the code, where v[i] is e_i and nothing goes on. */                                       \
    static void bend_code_##real(size_t code, size_t stride, const void *g, const void *second, void *dz)    \
    {                                                                                                        \
        for (size_t i = 0; i < code; i++)                                                                    \
            ((real *)dz)[i] += ((const real *)g)[i * stride + i] * ((const real *)second)[i];                \
    }
LOOPS(float)
LOOPS(double)

#define LOOPS_NAMES(real)                                                                                    \
    {                                                                                                        \
        norms_##real, close_##real, pull_##real, diagonal_##real, multiply_##real, square_##real,            \
            bend_##real, bend_code_##real                                                                    \
    }
static const struct loops {
    void (*norms)(size_t, const void *, void *);
    double (*close)(size_t, const void *, double, void *, const void *, void *);
    void (*pull)(size_t, double, const void *, const void *, void *);
    void (*diagonal)(size_t, size_t, const void *, void *);
    void (*multiply)(size_t, size_t, size_t, const void *, const void *, void *);
    double (*square)(size_t, size_t, size_t, double, void *);
    void (*bend)(size_t, size_t, size_t, const void *, const void *, const void *, void *, void *);
    void (*bend_code)(size_t, size_t, const void *, const void *, void *);
} loops[] = {LOOPS_NAMES(float), LOOPS_NAMES(double)};

/* ---- What it keeps ------------------------------------------------------------------------------------- */

/* Of one dense layer; every buffer of a row or a virtual row has the stride of the layer's output, `below`
 * that of its input. */
typedef struct level {
    const cn_node *node;
    cn_flow *flow;
    const cn_matrix *matrix;
    size_t stride, below_stride;
    void *first, *second; /* [rows][stride]: f' and f'' */
    void *u;              /* [rows code][stride] */
    void *below;          /* [rows code][below_stride]: v of the layer below */
} level;

typedef struct state {
    size_t code, count;
    level *levels; /* [count]; of a single one only `first` is kept, squared */
    void *g;       /* [rows code][most_stride] */
    size_t most_stride;
} state;

static cinch_status fits(const cn_spec *spec, const cinch_model *model, cinch_error *error)
{
    (void)spec;
    for (size_t i = 0; i < model->nencoder; i++)
        if (!model->nodes[i].layer->dense)
            return cn_fail(error, CINCH_USAGE,
                           "contractive takes dense layers only; the encoder's layer %zu is %s", i,
                           model->specs[i]);
    return CINCH_OK;
}

static void *new_buffer(const cn_penalty_work *work, size_t rows, size_t stride, cinch_error *error)
{
    size_t count;
    if (!cn_multiply(rows, stride, &count)) {
        cn_fail(error, CINCH_MEMORY, "contractive: a batch of %zu rows is too large", work->rows);
        return NULL;
    }
    return cn_new(count, work->weights->kernels->real_size, error);
}

static cinch_status begin_level(const cn_penalty_work *work, const state *kept, size_t l, cinch_error *error)
{
    level *of = &kept->levels[l];
    size_t rows = work->rows, virtual_rows;
    of->node = &work->model->nodes[l];
    of->flow = &work->flows[l];
    of->matrix = &of->flow->parameters[0]->matrix;
    of->stride = cn_stride(of->matrix->out);
    of->below_stride = cn_stride(of->matrix->in);
    if (!(of->first = new_buffer(work, rows, of->stride, error)) ||
        (work->backward && !of->flow->dz && !(of->flow->dz = new_buffer(work, rows, of->stride, error))))
        return CINCH_MEMORY;
    if (kept->count == 1)
        return CINCH_OK;
    if (!cn_multiply(rows, kept->code, &virtual_rows))
        virtual_rows = SIZE_MAX;
    return (of->second = new_buffer(work, rows, of->stride, error)) &&
                   (of->u = new_buffer(work, virtual_rows, of->stride, error)) &&
                   (of->below = new_buffer(work, virtual_rows, of->below_stride, error)) &&
                   !cn_weights_transpose(work->weights, of->node->parameters[0], error)
               ? CINCH_OK
               : CINCH_MEMORY;
}

static cinch_status begin(cn_penalty_work *work, cinch_error *error)
{
    state *kept = work->state = cn_new(1, sizeof *kept, error);
    if (!kept)
        return CINCH_MEMORY;
    kept->code = cn_shape_size(work->model->code);
    kept->count = work->model->nencoder;
    if (!(kept->levels = cn_new(kept->count, sizeof *kept->levels, error)))
        return CINCH_MEMORY;
    for (size_t l = 0; l < kept->count; l++) {
        if (begin_level(work, kept, l, error))
            return CINCH_MEMORY;
        if (kept->levels[l].stride > kept->most_stride)
            kept->most_stride = kept->levels[l].stride;
    }
    if (kept->count > 1 && work->backward &&
        !(kept->g = new_buffer(work, work->rows * kept->code, kept->most_stride, error)))
        return CINCH_MEMORY;
    return CINCH_OK;
}

static void end(cn_penalty_work *work)
{
    state *kept = work->state;
    for (size_t l = 0; kept && kept->levels && l < kept->count; l++) {
        cn_free(kept->levels[l].first);
        cn_free(kept->levels[l].second);
        cn_free(kept->levels[l].u);
        cn_free(kept->levels[l].below);
    }
    if (kept) {
        cn_free(kept->levels);
        cn_free(kept->g);
    }
    cn_free(kept);
}

/* f' and f'' of columns [j, j + count) of one row. */
static void take_slopes(const level *of, const cn_step *step, size_t row, size_t j, size_t count, void *first,
                        void *second)
{
    const char *y = cn_row(step, of->flow->y, of->flow->y_stride, row);
    const char *z = of->flow->kept ? cn_row(step, of->flow->kept, of->flow->kept_stride, row) : y;
    size_t offset = j * step->kernels->real_size;
    slopes[of->node->layer->activation(of->node)][cn_precision(step)](count, z + offset, y + offset, first,
                                                                      second);
}

/* ---- One layer ----------------------------------------------------------------------------------------- */

static void close_rows(const level *of, const cn_step *step, double weight, double scale, size_t first,
                       size_t count, double *values)
{
    const struct loops *loop = &loops[cn_precision(step)];
    size_t real_size = step->kernels->real_size, in = of->matrix->in, out = of->matrix->out;
    for (size_t j = 0; j < out; j += CN_PANEL) {
        double norms[CN_PANEL], second[CN_PANEL]; /* room for floats too */
        size_t width = out - j < CN_PANEL ? out - j : CN_PANEL;
        loop->norms(in, (const char *)of->matrix->panels + j * in * real_size, norms);
        for (size_t r = first; r < first + count; r++) {
            char *slope = (char *)cn_row(step, of->first, of->stride, r) + j * real_size;
            char *dz =
                of->flow->dz ? (char *)cn_row(step, of->flow->dz, of->stride, r) + j * real_size : NULL;
            take_slopes(of, step, r, j, width, slope, second);
            values[r] += weight * loop->close(width, norms, 2 * scale, slope, second, dz);
        }
    }
}

/* dw_j = 2 scale w_j sum over rows of f'(z_j)^2 */
static void close_gradient(const level *of, const cn_step *step, double scale, size_t batch_rows,
                           const cn_tile *tile, void *reals)
{
    double sums[CN_PANEL]; /* room for floats too */
    size_t real_size = step->kernels->real_size;
    step->kernels->column_sums(batch_rows, of->first, of->stride, tile->panel * CN_PANEL, CN_PANEL, false,
                               sums);
    loops[cn_precision(step)].pull(tile->nrow, 2 * scale, sums,
                                   (const char *)of->matrix->panels + tile->first * real_size, reals);
}

/* ---- Several ------------------------------------------------------------------------------------------- */

/* out = in times a packed matrix, over the virtual rows of rows [first, first + count). */
static void carry(const state *kept, const cn_step *step, size_t first, size_t count, const void *panels,
                  const void *from, size_t from_width, size_t from_stride, void *to, size_t to_width,
                  size_t to_stride)
{
    step->kernels->product(&(cn_product){.rows = count * kept->code,
                                         .in = from_width,
                                         .out = to_width,
                                         .x = cn_row(step, from, from_stride, first * kept->code),
                                         .x_stride = from_stride,
                                         .panels = panels,
                                         .activation = CN_LINEAR,
                                         .y = to,
                                         .y_stride = to_stride});
}

/* From the code to the row: every u and v. */
static void carry_down(const state *kept, const cn_step *step, size_t first, size_t count)
{
    const struct loops *loop = &loops[cn_precision(step)];
    for (size_t l = kept->count; l-- > 0;) {
        const level *of = &kept->levels[l], *above = of + 1;
        size_t in = of->matrix->in, out = of->matrix->out;
        for (size_t r = first; r < first + count; r++) {
            void *slope = cn_row(step, of->first, of->stride, r);
            void *u = cn_row(step, of->u, of->stride, r * kept->code);
            take_slopes(of, step, r, 0, out, slope, cn_row(step, of->second, of->stride, r));
            if (l + 1 == kept->count)
                loop->diagonal(kept->code, of->stride, slope, u);
            else
                loop->multiply(kept->code, out, of->stride,
                               cn_row(step, above->below, of->stride, r * kept->code), slope, u);
        }
        carry(kept, step, first, count, of->matrix->transposed, of->u, out, of->stride,
              cn_row(step, of->below, of->below_stride, first * kept->code), in, of->below_stride);
    }
}

/* And the gradient back from the row to the code. */
static void carry_up(const state *kept, const cn_step *step, size_t first, size_t count)
{
    const struct loops *loop = &loops[cn_precision(step)];
    for (size_t l = 0; l < kept->count; l++) {
        const level *of = &kept->levels[l], *above = of + 1;
        void *g = cn_row(step, kept->g, kept->most_stride, first * kept->code);
        carry(kept, step, first, count, of->matrix->panels, of->below, of->matrix->in, of->below_stride, g,
              of->matrix->out, of->stride);
        for (size_t r = first; r < first + count; r++) {
            const void *own = cn_row(step, g, of->stride, (r - first) * kept->code);
            const void *second = cn_row(step, of->second, of->stride, r);
            void *dz = cn_row(step, of->flow->dz, of->stride, r);
            if (l + 1 == kept->count)
                loop->bend_code(kept->code, of->stride, own, second, dz);
            else
                loop->bend(kept->code, of->matrix->out, of->stride, own,
                           cn_row(step, of->first, of->stride, r), second,
                           cn_row(step, above->below, of->stride, r * kept->code), dz);
        }
    }
}

/* ---- The penalty --------------------------------------------------------------------------------------- */

static double scale_of(const cn_penalty_work *work, size_t batch_rows)
{
    return work->spec->values[WEIGHT].number / (double)batch_rows;
}

static void rows(const cn_penalty_work *work, const cn_step *step, size_t batch_rows, size_t first,
                 size_t count, double *values)
{
    const state *kept = work->state;
    const level *lowest = kept->levels;
    double weight = work->spec->values[WEIGHT].number, scale = scale_of(work, batch_rows);
    if (kept->count == 1) {
        close_rows(lowest, step, weight, scale, first, count, values);
        return;
    }
    carry_down(kept, step, first, count);
    for (size_t r = first; r < first + count; r++)
        values[r] += weight * loops[cn_precision(step)].square(
                                  kept->code, lowest->matrix->in, lowest->below_stride, 2 * scale,
                                  cn_row(step, lowest->below, lowest->below_stride, r * kept->code));
    if (work->backward)
        carry_up(kept, step, first, count);
}

static void gradient(const cn_penalty_work *work, const cn_step *step, size_t batch_rows, const cn_tile *tile,
                     void *reals)
{
    const state *kept = work->state;
    size_t l = 0;
    while (l < kept->count && kept->levels[l].node->parameters[0] != tile->parameter)
        l++;
    if (l == kept->count)
        return;
    const level *of = &kept->levels[l];
    if (kept->count == 1)
        close_gradient(of, step, scale_of(work, batch_rows), batch_rows, tile, reals);
    else
        step->kernels->outer(&(cn_outer){.rows = batch_rows * kept->code,
                                         .a = of->below,
                                         .a_stride = of->below_stride,
                                         .b = of->u,
                                         .b_stride = of->stride,
                                         .panel = tile->panel,
                                         .npanel = 1,
                                         .row = tile->row,
                                         .nrow = tile->nrow,
                                         .accumulate = true,
                                         .tile = reals});
}

const cn_penalty cn_penalty_contractive = {
    .part = {.name = "contractive",
             .example = "contractive 0.01",
             .summary = "squared derivative of the code by the row: a code that small changes leave alone",
             .equation = "W mean over rows of sum (d code / d row)^2",
             .options = options},
    .fits = fits,
    .begin = begin,
    .end = end,
    .rows = rows,
    .gradient = gradient,
};
