#include "train/objective.h"

#include "base/memory.h"

const cn_loss *cn_objective_loss(const cn_objective *objective)
{
    return (const cn_loss *)objective->loss.part;
}

size_t cn_last_node(const cinch_model *model)
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
    return cn_fail(error, CINCH_USAGE,
                   "%s needs a sigmoid output; the decoder's last layer is %s%s%s (make it sigmoid, as in "
                   "--decoder \"mirror sigmoid\")",
                   loss->part.name, last->layer->part.name, last->layer->activation ? " " : "",
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
        status = fits_output(cn_objective_loss(objective), &model->nodes[cn_last_node(model)], error);
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
