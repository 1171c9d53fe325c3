/* How far a drawn code is from standard normal numbers: with bce and BETA 1 loss and penalty are the negative
 * evidence lower bound for each feature (Kingma, Welling 2014; Higgins and others 2017 for other BETA). */
#include "model/variational.h"
#include "train/penalty.h"

enum { WEIGHT };

static const cn_option options[] = {
    [WEIGHT] = {.name = "BETA",
                .type = CN_NUMBER,
                .value_argument = true,
                .maximum = 1e9,
                .summary = "factor; 1 is the evidence lower bound"},
    {0},
};

static cinch_status fits(const cn_spec *spec, const cinch_model *model, cinch_error *error)
{
    (void)spec;
    for (size_t i = 0; i < model->nencoder; i++)
        if (model->nodes[i].layer == &cn_layer_variational)
            return CINCH_OK;
    return cn_fail(error, CINCH_USAGE, "kl needs a variational layer in the encoder");
}

/* Of one row: returns the sum of (mean^2 + e^lv - 1 - lv) / 2, and adds scale times its slopes. */
#define DIVERGENCE(real)                                                                                     \
    static double divergence_##real(size_t width, size_t part, double scale, void *kept)                     \
    {                                                                                                        \
        real *row = kept;                                                                                    \
        double sum = 0;                                                                                      \
        for (size_t j = 0; j < width; j++) {                                                                 \
            const real mean = row[CN_MEAN * part + j], log_variance = row[CN_LOG_VARIANCE * part + j];       \
            const real more = CN_EXPM1(log_variance);                                                        \
            sum += (double)(mean * mean + more - log_variance) / 2;                                          \
            row[CN_SLOPE * part + j] += (real)scale * mean;                                                  \
            row[CN_LOG_VARIANCE_SLOPE * part + j] += (real)scale * more / 2;                                 \
        }                                                                                                    \
        return sum;                                                                                          \
    }
DIVERGENCE(float)
DIVERGENCE(double)

static double (*const divergence[])(size_t, size_t, double, void *) = {divergence_float, divergence_double};

static void rows(const cn_penalty_work *work, const cn_step *step, size_t batch_rows, size_t first,
                 size_t count, double *values)
{
    double weight = work->spec->values[WEIGHT].number / (double)cn_shape_size(work->model->input);
    for (size_t i = 0; i < work->model->nencoder; i++) {
        const cn_node *node = &work->model->nodes[i];
        const cn_flow *flow = &work->flows[i];
        size_t width = cn_shape_size(node->output);
        for (size_t r = first; node->layer == &cn_layer_variational && r < first + count; r++)
            values[r] += weight * divergence[cn_precision(step)](
                                      width, cn_variational_part(width), weight / (double)batch_rows,
                                      cn_row(step, flow->kept, flow->kept_stride, r));
    }
}

const cn_penalty cn_penalty_kl = {
    .part = {.name = "kl",
             .example = "kl 1",
             .summary = "divergence of a variational code from standard normal numbers",
             .equation =
                 "BETA mean over rows of sum (mean^2 + e^lv - 1 - lv) / 2 / features, lv the log variance",
             .options = options},
    .fits = fits,
    .rows = rows,
};
