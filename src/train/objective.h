/* What a training minimizes: a loss and penalties. */
#ifndef CN_TRAIN_OBJECTIVE_H
#define CN_TRAIN_OBJECTIVE_H

#include "train/loss.h"
#include "train/penalty.h"

typedef struct cn_objective {
    cn_spec loss;
    cn_pipeline penalties;
    bool kl_added; /* a drawn code got `kl 1`, the recipe saying none */
} cn_objective;

/* Reads `loss` and `penalty`, and refuses what does not go with the model. */
cinch_status cn_objective_new(cn_objective *objective, const cinch_recipe *recipe, const cinch_model *model,
                              cinch_error *error);
/* Makes it that of scores: without penalties, but for a drawn code with a loss in nats, which gets `kl 1`:
 * the negative evidence lower bound. */
cinch_status cn_objective_score(cn_objective *objective, const cinch_model *model, cinch_error *error);
void cn_objective_clear(cn_objective *objective);
const cn_loss *cn_objective_loss(const cn_objective *objective);

/* The last node that does anything: a loss may work on what is before its activation. */
size_t cn_last_node(const cinch_model *model);

#endif
