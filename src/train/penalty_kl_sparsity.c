/* How far each unit of a sigmoid code is from being on for a share RHO of the rows: the divergence of a coin
 * of probability q, the unit's mean over the batch, from one of probability RHO (Ng 2011). q is clamped, so
 * that a unit that is always off or on has a finite penalty, and no gradient. */
#include "train/penalty.h"

enum { SHARE, WEIGHT };

static const cn_option options[] = {
    [SHARE] = {.name = "RHO",
               .type = CN_NUMBER,
               .value_argument = true,
               .minimum = 0,
               .maximum = 1,
               .open_minimum = true,
               .open_maximum = true,
               .summary = "share of the rows for which a unit should be on"},
    [WEIGHT] = CN_PENALTY_WEIGHT,
    {0},
};

static cinch_status fits(const cn_spec *spec, const cinch_model *model, cinch_error *error)
{
    (void)spec;
    const cn_node *last = &model->nodes[model->nencoder - 1];
    if (last->layer->activation && last->layer->activation(last) == CN_SIGMOID)
        return CINCH_OK;
    return cn_fail(error, CINCH_USAGE, "kl_sparsity needs sigmoid codes; the encoder's last layer is %s",
                   model->specs[last->place]);
}

static void means(const cn_spec *spec, size_t count, const double *q, double *values, double *slopes)
{
    const double least = 1e-7, rho = spec->values[SHARE].number, weight = spec->values[WEIGHT].number;
    for (size_t j = 0; j < count; j++) {
        double clamped = q[j] < least ? least : q[j] > 1 - least ? 1 - least : q[j];
        values[j] += weight * (rho * log(rho / clamped) + (1 - rho) * log((1 - rho) / (1 - clamped)));
        if (clamped == q[j])
            slopes[j] += weight * ((1 - rho) / (1 - clamped) - rho / clamped);
    }
}

const cn_penalty cn_penalty_kl_sparsity = {
    .part = {.name = "kl_sparsity",
             .example = "kl_sparsity 0.05 0.001",
             .summary = "divergence of a sigmoid code's batch means from RHO: few units on at a time",
             .equation =
                 "W sum over units of RHO ln(RHO / q) + (1 - RHO) ln((1 - RHO) / (1 - q)), q the mean",
             .options = options},
    .fits = fits,
    .means = means,
};
