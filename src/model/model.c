#include "model/model.h"

#include <string.h>

#include "base/memory.h"
#include "model/decoder.h"
#include "model/image.h"

/* ---- The row's shape ----------------------------------------------------------------------------------- */

/* As `input` says, else as the data's rows are; a two-dimensional image gets one channel. */
static cinch_status set_input(cinch_model *model, cinch_shape row, cinch_error *error)
{
    const char *text = cn_recipe_text(model->recipe, CN_INPUT);
    model->input = row;
    if (*text && cn_shape_parse(text, &model->input, error))
        return CINCH_USAGE;
    if (model->input.rank == 0)
        model->input = cn_shape_flat(1);
    if (model->input.rank == 2)
        model->input.sizes[model->input.rank++] = 1;
    size_t size, wanted;
    if (!cn_shape_count(model->input, &size) || !cn_shape_count(row, &wanted) || size > UINT32_MAX)
        return cn_fail(error, CINCH_BAD_INPUT, "%s is too large", *text ? text : "a row");
    if (row.rank && size != wanted)
        return cn_fail(error, CINCH_BAD_INPUT, "%s has %zu values, the data's rows have %zu", text, size,
                       wanted);
    return CINCH_OK;
}

/* ---- Nodes --------------------------------------------------------------------------------------------- */

/* Appends the nodes of one pipeline, each shaped by the one before. */
static cinch_status add_nodes(cinch_model *model, cn_pipeline *pipeline, bool decoder, cinch_error *error)
{
    size_t room = model->nnode + pipeline->count;
    cn_node *nodes = cn_resize(model->nodes, room, sizeof *nodes, error);
    if (!nodes)
        return CINCH_MEMORY;
    model->nodes = nodes;
    char **specs = cn_resize(model->specs, room, sizeof *specs, error);
    if (!specs)
        return CINCH_MEMORY;
    model->specs = specs;
    for (size_t i = 0; i < pipeline->count; i++) {
        cn_node *node = &nodes[model->nnode];
        *node = (cn_node){.layer = (const cn_layer *)pipeline->specs[i].part,
                          .spec = pipeline->specs[i],
                          .decoder = decoder,
                          .index = i,
                          .place = model->nnode,
                          .input = model->nnode ? node[-1].output : model->input};
        cn_text text = {0};
        cn_spec_print(&node->spec, &text);
        if (!(specs[model->nnode] = cn_text_take(&text, error)))
            return CINCH_MEMORY;
        model->nnode++;
        cinch_status status = CINCH_OK;
        if (node->layer->first && node->place)
            status =
                cn_fail(error, CINCH_USAGE,
                        "it chooses among the row's own columns: first in the encoder is its only place");
        if (!status)
            status = node->layer->shape(node, error);
        size_t size;
        if (!status && (!cn_shape_count(node->output, &size) || size > UINT32_MAX))
            status = cn_fail(error, CINCH_USAGE, "its output is too large");
        if (status) {
            cn_fail_prefix(error, "layer %zu (%s): ", i, specs[node->place]);
            return status;
        }
    }
    return CINCH_OK;
}

static bool known_layer(const char *name, size_t length)
{
    for (const cn_layer *const *layer = cn_layers; *layer; layer++)
        if (!strncmp((*layer)->part.name, name, length) && !(*layer)->part.name[length])
            return true;
    return false;
}

/* Refuses a word that is near a decoder's name; CINCH_OK where it is near none. */
static cinch_status misspelt_decoder(const char *name, size_t length, cinch_error *error)
{
    enum { MOST = 64 };
    char word[MOST] = "";
    const char *names[MOST] = {NULL};
    memcpy(word, name, length < MOST ? length : MOST - 1);
    for (size_t i = 0; i + 1 < MOST && cn_decoders[i]; i++)
        names[i] = cn_decoders[i]->part.name;
    const char *nearest = cn_text_nearest(word, names);
    return nearest ? cn_fail(error, CINCH_USAGE,
                             "unknown decoder \"%s\"; the nearest is \"%s\" (see cinch help "
                             "decoders)",
                             word, nearest)
                   : CINCH_OK;
}

/* The decoder's text: a pipeline as it is, or what a decoder of the table makes of the encoder; and the
 * layers that it is made of. */
static cinch_status expand_decoder(const cinch_model *model, char **pipeline, const cn_part *const **layers,
                                   cinch_error *error)
{
    const char *text = cn_recipe_text(model->recipe, CN_DECODER);
    size_t length = strcspn(text, " \t|");
    for (const cn_decoder *const *decoder = cn_decoders; *decoder; decoder++) {
        if (strncmp((*decoder)->part.name, text, length) || (*decoder)->part.name[length])
            continue;
        cn_spec spec;
        cinch_status status =
            cn_spec_parse(text, "decoder", (const cn_part *const *)cn_decoders, &spec, error);
        if (status)
            return status;
        cn_text made = {0};
        status = (*decoder)->expand(&spec, model->nodes, model->nencoder, &made, error);
        cn_spec_clear(&spec);
        if (status) {
            cn_text_clear(&made);
            return status;
        }
        if ((*decoder)->layers)
            *layers = (*decoder)->layers;
        *pipeline = cn_text_take(&made, error);
        return *pipeline ? CINCH_OK : CINCH_MEMORY;
    }
    if (!known_layer(text, length)) {
        cinch_status status = misspelt_decoder(text, length, error);
        if (status)
            return status;
    }
    *pipeline = cn_copy_text(text, error);
    return *pipeline ? CINCH_OK : CINCH_MEMORY;
}

static cinch_status build_encoder(cinch_model *model, cinch_error *error)
{
    const char *text = cn_recipe_text(model->recipe, CN_ENCODER);
    if (!*text)
        return cn_recipe_blame(model->recipe, CN_ENCODER,
                               cn_fail(error, CINCH_USAGE,
                                       "none is given; one is --encoder \"dense 32 relu\" (see "
                                       "cinch help layers)"),
                               error);
    cinch_status status =
        cn_pipeline_parse(text, "layer", cn_layer_parts(), cn_limits_standard.layers, &model->encoder, error);
    if (!status)
        status = add_nodes(model, &model->encoder, false, error);
    model->nencoder = model->nnode;
    if (!status && !model->nencoder)
        status = cn_fail(error, CINCH_USAGE, "it has no layer");
    if (!status)
        model->code = model->nodes[model->nnode - 1].output;
    return cn_recipe_blame(model->recipe, CN_ENCODER, status, error);
}

static cinch_status build_decoder(cinch_model *model, cinch_error *error)
{
    char *text = NULL;
    const cn_part *const *layers = cn_layer_parts();
    cinch_status status = expand_decoder(model, &text, &layers, error);
    if (!status)
        status = cn_pipeline_parse(text, "layer", layers, cn_limits_standard.layers, &model->decoder, error);
    cn_free(text);
    if (!status)
        status = add_nodes(model, &model->decoder, true, error);
    if (!status && model->nnode == model->nencoder)
        status = cn_fail(error, CINCH_USAGE, "it has no layer");
    size_t in = cn_shape_size(model->input), out = cn_shape_size(model->nodes[model->nnode - 1].output);
    if (!status && in != out)
        status = cn_fail(error, CINCH_USAGE,
                         "it ends in %zu values, the rows have %zu: its last layer must give the "
                         "row back",
                         out, in);
    return cn_recipe_blame(model->recipe, CN_DECODER, status, error);
}

/* ---- Parameters ---------------------------------------------------------------------------------------- */

static cinch_status add_parameter(cinch_model *model, cn_node *node, const cn_declaration *declared,
                                  size_t *values_left, cinch_error *error)
{
    if (!declared->suffix) {
        node->parameters[node->nparameter++] = model->nodes[declared->owner].parameters[declared->local];
        return CINCH_OK;
    }
    cn_parameter *list = cn_resize(model->parameters, model->nparameter + 1, sizeof *list, error);
    if (!list)
        return CINCH_MEMORY;
    model->parameters = list;
    cn_parameter *parameter = &list[model->nparameter];
    *parameter = (cn_parameter){.shape = declared->shape,
                                .packing = declared->packing,
                                .fan_in = declared->fan_in,
                                .fan_out = declared->fan_out,
                                .weight = declared->weight,
                                .work = declared->work ? declared->work : 1};
    node->parameters[node->nparameter++] = model->nparameter++;
    cn_text name = {0};
    cn_text_add(&name, "%s.%zu.%s", node->decoder ? "decoder" : "encoder", node->index, declared->suffix);
    if (!(parameter->name = cn_text_take(&name, error)))
        return CINCH_MEMORY;
    if (!cn_shape_count(declared->shape, &parameter->count) || parameter->count > *values_left)
        return cn_fail(error, CINCH_BAD_INPUT, "%s: larger than what there is", parameter->name);
    *values_left -= parameter->count;
    parameter->values = cn_new(parameter->count, sizeof *parameter->values, error);
    return parameter->values ? CINCH_OK : CINCH_MEMORY;
}

static cinch_status add_parameters(cinch_model *model, size_t most_values, cinch_error *error)
{
    for (cn_node *node = model->nodes; node < model->nodes + model->nnode; node++) {
        cn_declaration declared[CN_MAX_PARAMETERS];
        size_t count = node->layer->declare ? node->layer->declare(node, declared) : 0;
        for (size_t i = 0; i < count; i++) {
            cinch_status status = add_parameter(model, node, &declared[i], &most_values, error);
            if (status)
                return status;
        }
    }
    return CINCH_OK;
}

cinch_model *cn_model_new(const cinch_recipe *recipe, cinch_shape row, size_t most_values, cinch_error *error)
{
    cinch_model *model = cn_new(1, sizeof *model, error);
    if (!model)
        return NULL;
    model->recipe = cn_recipe_copy(recipe, error);
    if (!model->recipe || cn_recipe_blame(model->recipe, CN_INPUT, set_input(model, row, error), error) ||
        build_encoder(model, error) || build_decoder(model, error) ||
        add_parameters(model, most_values, error)) {
        cinch_model_free(model);
        return NULL;
    }
    return model;
}

static void clear_columns(cinch_model *model)
{
    for (size_t i = 0; model->columns && i < cn_shape_size(model->input); i++)
        cn_free(model->columns[i]);
    cn_free(model->columns);
    model->columns = NULL;
}

void cinch_model_free(cinch_model *model)
{
    if (!model)
        return;
    for (size_t i = 0; i < model->nparameter; i++) {
        cn_free(model->parameters[i].name);
        cn_free(model->parameters[i].values);
    }
    for (size_t i = 0; i < model->nnode; i++)
        cn_free(model->specs[i]);
    cn_free(model->parameters);
    cn_free(model->specs);
    cn_free(model->nodes);
    cn_pipeline_clear(&model->encoder);
    cn_pipeline_clear(&model->decoder);
    cn_scaler_clear(&model->scaler);
    cn_free(model->scaler_json);
    cn_free(model->history);
    clear_columns(model);
    cinch_recipe_free(model->recipe);
    cn_free(model);
}

/* ---- What else it holds -------------------------------------------------------------------------------- */

cinch_status cn_model_set_scaler(cinch_model *model, cn_scaler *scaler, cinch_error *error)
{
    char *json = cn_scaler_print(scaler, error);
    if (!json)
        return CINCH_MEMORY;
    cn_free(model->scaler_json);
    cn_scaler_clear(&model->scaler);
    model->scaler_json = json;
    model->scaler = *scaler;
    *scaler = (cn_scaler){0};
    return CINCH_OK;
}

cinch_status cn_model_set_history(cinch_model *model, const char *history, cinch_error *error)
{
    char *copy = cn_copy_text(history, error);
    if (!copy)
        return CINCH_MEMORY;
    cn_free(model->history);
    model->history = copy;
    return CINCH_OK;
}

cinch_status cn_model_name_column(cinch_model *model, size_t column, const char *name, cinch_error *error)
{
    if (!model->columns &&
        !(model->columns = cn_new(cn_shape_size(model->input), sizeof *model->columns, error)))
        return CINCH_MEMORY;
    char *copy = cn_copy_text(name, error);
    if (!copy)
        return CINCH_MEMORY;
    cn_free(model->columns[column]);
    model->columns[column] = copy;
    return CINCH_OK;
}

cinch_status cn_model_name_columns(cinch_model *model, char *const *names, cinch_error *error)
{
    cinch_status status = CINCH_OK;
    for (size_t i = 0; names && i < cn_shape_size(model->input) && !status; i++)
        if (names[i])
            status = cn_model_name_column(model, i, names[i], error);
    return status;
}

cinch_model *cn_model_copy(const cinch_model *model, cinch_error *error)
{
    cinch_model *copy = cn_model_new(model->recipe, model->input, SIZE_MAX, error);
    cn_scaler scaler = {0};
    if (!copy)
        return NULL;
    for (size_t i = 0; i < model->nparameter; i++)
        memcpy(copy->parameters[i].values, model->parameters[i].values,
               model->parameters[i].count * sizeof(float));
    if ((model->scaler_json &&
         (cn_scaler_parse(&scaler, model->scaler_json, cn_shape_size(model->input), error) ||
          cn_model_set_scaler(copy, &scaler, error))) ||
        (model->history && cn_model_set_history(copy, model->history, error)) ||
        cn_model_name_columns(copy, model->columns, error)) {
        cn_scaler_clear(&scaler);
        cinch_model_free(copy);
        return NULL;
    }
    return copy;
}

cinch_status cn_model_lower(const cinch_model *model, size_t first_node, size_t nnode, cn_program *program,
                            cinch_error *error)
{
    for (size_t i = first_node; i < first_node + nnode; i++)
        model->nodes[i].layer->lower(&model->nodes[i], model->parameters, program);
    return program->failed ? cn_fail(error, CINCH_MEMORY, "out of memory") : CINCH_OK;
}

/* ---- What a caller may ask ----------------------------------------------------------------------------- */

cinch_shape cinch_model_input(const cinch_model *model)
{
    return model->input;
}

cinch_shape cinch_model_code(const cinch_model *model)
{
    return model->code;
}

size_t cinch_model_nlayer(const cinch_model *model)
{
    return model->nnode;
}

/* Whether no layer before it has the parameter: what is shared is counted once. */
static bool owns(const cinch_model *model, const cn_node *node, size_t parameter)
{
    for (const cn_node *before = model->nodes; before < node; before++)
        for (size_t i = 0; i < before->nparameter; i++)
            if (before->parameters[i] == parameter)
                return false;
    return true;
}

cinch_layer cinch_model_layer(const cinch_model *model, size_t index)
{
    const cn_node *node = &model->nodes[index];
    size_t nparam = 0;
    for (size_t i = 0; i < node->nparameter; i++)
        if (owns(model, node, node->parameters[i]))
            nparam += model->parameters[node->parameters[i]].count;
    return (cinch_layer){.pipeline = node->decoder ? "decoder" : "encoder",
                         .index = node->index,
                         .spec = model->specs[index],
                         .input = node->input,
                         .output = node->output,
                         .nparam = nparam};
}

size_t cinch_model_nparameter(const cinch_model *model)
{
    return model->nparameter;
}

cinch_parameter cinch_model_parameter(const cinch_model *model, size_t index)
{
    const cn_parameter *parameter = &model->parameters[index];
    return (cinch_parameter){.name = parameter->name, .shape = parameter->shape, .values = parameter->values};
}

const cinch_recipe *cinch_model_recipe(const cinch_model *model)
{
    return model->recipe;
}

const char *cinch_model_scaler(const cinch_model *model)
{
    return model->scaler_json ? model->scaler_json : "";
}

const char *cinch_model_history(const cinch_model *model)
{
    return model->history ? model->history : "";
}

size_t cinch_model_nchosen(const cinch_model *model)
{
    return model->nodes[0].layer->column ? cn_shape_size(model->nodes[0].output) : 0;
}

size_t cinch_model_chosen(const cinch_model *model, size_t index)
{
    const cinch_shape shape = model->input;
    size_t place = model->nodes[0].layer->column(&model->nodes[0], model->parameters, index);
    if (!cn_image_in_planes(shape))
        return place;
    size_t plane = shape.sizes[0] * shape.sizes[1];
    return place % plane * shape.sizes[2] + place / plane;
}

const char *cinch_model_column(const cinch_model *model, size_t feature)
{
    return model->columns ? model->columns[feature] : NULL;
}
