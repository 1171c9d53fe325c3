#include "train/pretrain.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "model/decoder.h"

static const char stage_key[] = "stage", pretrained[] = "pretrained.";

void cn_stage_print(const cn_stage *stage, const cinch_model *whole, char name[CN_STAGE_ROOM])
{
    snprintf(name, CN_STAGE_ROOM, "encoder.%zu", whole->nodes[stage->node].index);
}

/* ---- Recipes ------------------------------------------------------------------------------------------- */

static cinch_status set_text(cinch_recipe *recipe, const char *key, cn_text *text, cinch_error *error)
{
    char *value = cn_text_take(text, error);
    cinch_status status = value ? cinch_recipe_set(recipe, key, value, error) : CINCH_MEMORY;
    cn_free(value);
    return status;
}

static cinch_status set_encoder(cinch_recipe *recipe, const cinch_model *whole, size_t first, size_t end,
                                cinch_error *error)
{
    cn_text text = {0};
    for (size_t i = first; i < end; i++)
        cn_text_add(&text, "%s%s", i > first ? " | " : "", whole->specs[i]);
    return set_text(recipe, "encoder", &text, error);
}

/* The whole's own way of making a decoder from an encoder, `mirror` where it is written as a pipeline. */
static const char *decoder_name(const cinch_model *whole)
{
    const char *text = cn_recipe_text(whole->recipe, CN_DECODER);
    size_t length = strcspn(text, " \t|");
    for (const cn_decoder *const *decoder = cn_decoders; *decoder; decoder++)
        if (!strncmp((*decoder)->part.name, text, length) && !(*decoder)->part.name[length])
            return (*decoder)->part.name;
    return "mirror";
}

static cinch_status set_decoder(cinch_recipe *recipe, const cinch_model *whole, size_t node,
                                cinch_error *error)
{
    const cn_node *last = &whole->nodes[node];
    cn_activation activation = last->layer->activation ? last->layer->activation(last) : CN_LINEAR;
    cn_text text = {0};
    cn_text_add(&text, "%s %s", decoder_name(whole), cn_activation_names[activation]);
    return set_text(recipe, "decoder", &text, error);
}

struct setting {
    const char *key, *value;
};

static cinch_status set_all(cinch_recipe *recipe, const struct setting *settings, size_t count,
                            cinch_error *error)
{
    cinch_status status = CINCH_OK;
    for (size_t i = 0; i < count && !status; i++)
        status = cinch_recipe_set(recipe, settings[i].key, settings[i].value, error);
    return status;
}

/* Codes are neither scaled nor have they columns; rows are as the recipe says. */
static cinch_status set_data(cinch_recipe *recipe, const cn_stage *stage, const cinch_model *whole,
                             cinch_error *error)
{
    static const struct setting codes[] = {{"scale", "none"}, {"columns", ""},       {"label", ""},
                                           {"array", ""},     {"missing", "refuse"}, {"train", ""}};
    cn_text input = {0};
    cn_shape_print(whole->nodes[stage->first].input, &input);
    cinch_status status = set_text(recipe, "input", &input, error);
    return status || !stage->first ? status : set_all(recipe, codes, sizeof codes / sizeof *codes, error);
}

cinch_recipe *cn_stage_recipe(const cn_stage *stage, const cinch_model *whole, const cinch_recipe *recipe,
                              cinch_error *error)
{
    static const struct setting always[] = {{"loss", "mse"},     {"penalty", "none"}, {"pretrain", "none"},
                                            {"figures", "none"}, {"init_from", ""},   {"test", ""}};
    cinch_recipe *own = cn_recipe_copy(recipe, error);
    if (!own || set_all(own, always, sizeof always / sizeof *always, error) ||
        set_data(own, stage, whole, error) || set_encoder(own, whole, stage->first, stage->node + 1, error) ||
        set_decoder(own, whole, stage->decoder, error)) {
        cinch_recipe_free(own);
        return NULL;
    }
    return own;
}

/* ---- Stages -------------------------------------------------------------------------------------------- */

/* Appends the encoder's (or the decoder's) nodes with weights to list; returns how many. */
static size_t list_weighted(const cinch_model *model, size_t first, size_t end, size_t *list)
{
    size_t count = 0;
    for (size_t i = first; i < end; i++)
        if (model->nodes[i].nparameter)
            list[count++] = i;
    return count;
}

static cinch_status refuse(const cinch_model *whole, size_t node, const char *why, cinch_error *error)
{
    const cn_node *one = &whole->nodes[node];
    return cn_fail(error, CINCH_USAGE, "greedy: %s.%zu (%s) %s; decoder = mirror always fits",
                   one->decoder ? "decoder" : "encoder", one->index, whole->specs[node], why);
}

/* The stage's only decoder layer with weights; nnode where there is none or more than one. */
static size_t mirror_of(const cinch_model *alone)
{
    size_t found = alone->nnode;
    for (size_t i = alone->nencoder; i < alone->nnode; i++) {
        if (!alone->nodes[i].nparameter)
            continue;
        if (found < alone->nnode)
            return alone->nnode;
        found = i;
    }
    return found;
}

static bool same_weights(const cinch_model *a, const cn_node *one, const cinch_model *b, const cn_node *other)
{
    bool same = one->layer == other->layer && one->nparameter == other->nparameter;
    for (size_t i = 0; same && i < one->nparameter; i++) {
        cinch_shape left = a->parameters[one->parameters[i]].shape;
        cinch_shape right = b->parameters[other->parameters[i]].shape;
        same = left.rank == right.rank && !memcmp(left.sizes, right.sizes, left.rank * sizeof *left.sizes);
    }
    return same;
}

/* Whether the stage's mirror can be where the decoder's layer starts. */
static cinch_status check_stage(const cn_stage *stage, const cinch_model *whole, const cinch_recipe *recipe,
                                cinch_error *error)
{
    cinch_recipe *own = cn_stage_recipe(stage, whole, recipe, error);
    cinch_model *alone = own ? cn_model_new(own, (cinch_shape){0}, SIZE_MAX, error) : NULL;
    cinch_status status = alone ? CINCH_OK : error && error->status ? error->status : CINCH_FAILED;
    if (alone) {
        size_t mirror = mirror_of(alone);
        if (mirror == alone->nnode ||
            !same_weights(alone, &alone->nodes[mirror], whole, &whole->nodes[stage->decoder])) {
            char why[300], name[CN_STAGE_ROOM];
            cn_stage_print(stage, whole, name);
            snprintf(why, sizeof why, "does not mirror %s (%.200s)", name, whole->specs[stage->node]);
            status = refuse(whole, stage->decoder, why, error);
        }
    }
    cinch_model_free(alone);
    cinch_recipe_free(own);
    return status;
}

/* The encoder's layer i goes with the decoder's last but i. */
static cinch_status pair_layers(const cinch_model *whole, size_t *encoder, size_t *decoder, cn_stage *stages,
                                size_t *count, cinch_error *error)
{
    size_t nencoder = list_weighted(whole, 0, whole->nencoder, encoder);
    size_t ndecoder = list_weighted(whole, whole->nencoder, whole->nnode, decoder);
    if (!nencoder)
        return cn_fail(error, CINCH_USAGE, "greedy: the encoder has no layer with weights");
    if (nencoder > ndecoder)
        return refuse(whole, encoder[ndecoder], "has no mirror in the decoder", error);
    if (ndecoder > nencoder)
        return refuse(whole, decoder[0], "mirrors no layer of the encoder", error);
    for (size_t i = 0; i < nencoder; i++)
        stages[i] = (cn_stage){
            .first = i ? encoder[i - 1] + 1 : 0, .node = encoder[i], .decoder = decoder[ndecoder - 1 - i]};
    *count = nencoder;
    return CINCH_OK;
}

cinch_status cn_stages_new(const cinch_model *whole, const cinch_recipe *recipe, cn_stage **stages,
                           size_t *count, cinch_error *error)
{
    cinch_error own = {0};
    size_t *encoder = cn_new(whole->nnode, sizeof *encoder, error);
    size_t *decoder = cn_new(whole->nnode, sizeof *decoder, error);
    *stages = cn_new(whole->nnode, sizeof **stages, error);
    *count = 0;
    cinch_status status = CINCH_MEMORY;
    if (encoder && decoder && *stages) {
        status = pair_layers(whole, encoder, decoder, *stages, count, &own);
        for (size_t i = *count; i-- > 0 && !status;) /* from the code outwards: the first that does not fit */
            status = check_stage(&(*stages)[i], whole, recipe, &own);
        if (status)
            cn_fail(error, status, "%s", own.message);
    }
    cn_free(encoder);
    cn_free(decoder);
    if (status) {
        cn_free(*stages);
        *stages = NULL;
        *count = 0;
    }
    return status;
}

/* ---- Weights and codes --------------------------------------------------------------------------------- */

static void copy_node(const cinch_model *from, const cn_node *source, cinch_model *to, const cn_node *target)
{
    for (size_t i = 0; i < source->nparameter; i++) {
        const cn_parameter *parameter = &from->parameters[source->parameters[i]];
        memcpy(to->parameters[target->parameters[i]].values, parameter->values,
               parameter->count * sizeof *parameter->values);
    }
}

void cn_stage_take(const cn_stage *stage, const cinch_model *trained, cinch_model *whole)
{
    copy_node(trained, &trained->nodes[stage->node - stage->first], whole, &whole->nodes[stage->node]);
    copy_node(trained, &trained->nodes[mirror_of(trained)], whole, &whole->nodes[stage->decoder]);
}

/* The encoder's nodes before `end` as a model of their own. */
static cinch_model *part_of(const cinch_model *whole, size_t end, cinch_error *error)
{
    cn_scaler scaler = {0};
    cinch_model *part = NULL;
    cinch_recipe *recipe = cn_recipe_copy(whole->recipe, error);
    if (recipe && !set_encoder(recipe, whole, 0, end, error) &&
        !cinch_recipe_set(recipe, "decoder", decoder_name(whole), error))
        part = cn_model_new(recipe, whole->input, SIZE_MAX, error);
    if (part && (cn_scaler_parse(&scaler, whole->scaler_json, cn_shape_size(whole->input), error) ||
                 cn_model_set_scaler(part, &scaler, error))) {
        cn_scaler_clear(&scaler);
        cinch_model_free(part);
        part = NULL;
    }
    for (size_t i = 0; part && i < end; i++)
        copy_node(whole, &whole->nodes[i], part, &part->nodes[i]);
    cinch_recipe_free(recipe);
    return part;
}

float *cn_stage_codes(const cn_stage *stage, const cinch_model *whole, const cinch_data *data, size_t nrow,
                      size_t threads, cinch_error *error)
{
    cinch_model *part = part_of(whole, stage->first, error);
    cinch_runner *runner = part ? cinch_runner_new(part, threads, error) : NULL;
    float *codes = NULL;
    size_t count;
    if (runner && !cn_multiply(nrow, cn_shape_size(part->code), &count))
        cn_fail(error, CINCH_MEMORY, "the codes of %zu rows are too many", nrow);
    else if (runner)
        codes = cn_new(count, sizeof *codes, error);
    if (codes && cinch_runner_encode(runner, data, 0, nrow, codes, error)) {
        cn_free(codes);
        codes = NULL;
    }
    cinch_runner_free(runner);
    cinch_model_free(part);
    return codes;
}

/* ---- Checkpoints --------------------------------------------------------------------------------------- */

cinch_status cn_stage_save(const cn_stage *stage, const cinch_model *whole, const cinch_trainer *trainer,
                           const char *path, cinch_error *error)
{
    size_t count = whole->nparameter, named = 0;
    char name[CN_STAGE_ROOM];
    cn_stage_print(stage, whole, name);
    cn_entry entry = {stage_key, name};
    cn_tensor *tensors = cn_new(count, sizeof *tensors, error);
    char **names = cn_new(count, sizeof *names, error);
    cinch_status status = tensors && names ? CINCH_OK : CINCH_MEMORY;
    for (; named < count && !status; named++) {
        const cn_parameter *parameter = &whole->parameters[named];
        cn_text text = {0};
        cn_text_add(&text, "%s%s", pretrained, parameter->name);
        if (!(names[named] = cn_text_take(&text, error)))
            status = CINCH_MEMORY;
        tensors[named] = (cn_tensor){
            .name = names[named], .type = CINCH_F32, .shape = parameter->shape, .values = parameter->values};
    }
    if (!status)
        status = cn_trainer_save(trainer, &(cn_more){&entry, 1, tensors, count}, path, error);
    for (size_t i = 0; i < named; i++)
        cn_free(names[i]);
    cn_free(names);
    cn_free(tensors);
    return status;
}

static cinch_status find_stage(const cn_stage *stages, size_t count, const cinch_model *whole,
                               const char *wanted, const char *path, size_t *stage, cinch_error *error)
{
    char name[CN_STAGE_ROOM];
    for (*stage = 0; *stage < count; ++*stage) {
        cn_stage_print(&stages[*stage], whole, name);
        if (!strcmp(name, wanted))
            return CINCH_OK;
    }
    return cn_fail(error, CINCH_BAD_INPUT,
                   "%s: not a checkpoint of this training: there is no stage \"%.80s\"", path, wanted);
}

cinch_status cn_stages_restore(const cn_stage *stages, size_t count, cinch_model *whole, const char *path,
                               size_t *stage, cinch_error *error)
{
    cn_bytes bytes = {0};
    cn_safetensors file = {0};
    bool hashed = false;
    *stage = count;
    cinch_status status = cn_file_read(path, cn_limits_standard.file_bytes, &bytes, error);
    if (!status)
        status = cn_safetensors_parse(&bytes, path, &cn_limits_standard, &file, &hashed, error);
    const char *name = status ? NULL : cn_safetensors_metadata(&file, stage_key);
    if (name && !hashed)
        status =
            cn_fail(error, CINCH_BAD_INPUT, "%s: not a checkpoint of this training: it has no sha256", path);
    else if (name && !(status = find_stage(stages, count, whole, name, path, stage, error)))
        status = cn_model_take(whole, &file, pretrained, path, error);
    cn_safetensors_clear(&file);
    return status;
}
