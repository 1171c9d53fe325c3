/* Models as files: safetensors with the recipe, the scaler and the history in the metadata. */
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "model/model.h"

static const char version[] = "1";

/* ---- Writing ------------------------------------------------------------------------------------------- */

enum { COLUMN_KEY_ROOM = 40 };

static void print_column_key(size_t column, char key[COLUMN_KEY_ROOM])
{
    snprintf(key, COLUMN_KEY_ROOM, "column.%zu", column);
}

/* The names of the columns that a first layer has chosen, as entries "column.J", each once. */
static cinch_status add_columns(const cinch_model *model, cn_model_file *file, cinch_error *error)
{
    size_t count = model->columns ? cinch_model_nchosen(model) : 0, features = cn_shape_size(model->input);
    bool *chosen = cn_new(features, sizeof *chosen, error);
    if (!chosen || !(file->keys = cn_new(count, sizeof *file->keys, error))) {
        cn_free(chosen);
        return CINCH_MEMORY;
    }
    for (size_t i = 0; i < count; i++)
        chosen[cinch_model_chosen(model, i)] = true;
    for (size_t j = 0, n = 0; j < features; j++) {
        if (!chosen[j] || !model->columns[j])
            continue;
        print_column_key(j, file->keys[n]);
        file->entries[file->nentry++] = (cn_entry){file->keys[n++], model->columns[j]};
    }
    cn_free(chosen);
    return CINCH_OK;
}

cinch_status cn_model_file_new(const cinch_model *model, size_t more_tensors, size_t more_entries,
                               cn_model_file *file, cinch_error *error)
{
    *file = (cn_model_file){.recipe = cn_recipe_print(model->recipe, true, error)};
    file->tensors = cn_new(model->nparameter + more_tensors, sizeof *file->tensors, error);
    file->entries = cn_new(4 + cinch_model_nchosen(model) + more_entries, sizeof *file->entries, error);
    if (!file->recipe || !file->tensors || !file->entries) {
        cn_model_file_clear(file);
        return CINCH_MEMORY;
    }
    for (size_t i = 0; i < model->nparameter; i++) {
        const cn_parameter *parameter = &model->parameters[i];
        file->tensors[file->ntensor++] = (cn_tensor){.name = parameter->name,
                                                     .type = CINCH_F32,
                                                     .shape = parameter->shape,
                                                     .values = parameter->values};
    }
    file->entries[file->nentry++] = (cn_entry){"cinch", version};
    file->entries[file->nentry++] = (cn_entry){"recipe", file->recipe};
    file->entries[file->nentry++] = (cn_entry){"scaler", cinch_model_scaler(model)};
    file->entries[file->nentry++] = (cn_entry){"history", cinch_model_history(model)};
    cinch_status status = add_columns(model, file, error);
    if (status)
        cn_model_file_clear(file);
    return status;
}

void cn_model_file_clear(cn_model_file *file)
{
    cn_free(file->tensors);
    cn_free(file->entries);
    cn_free(file->recipe);
    cn_free(file->keys);
    *file = (cn_model_file){0};
}

cinch_status cinch_model_save(const cinch_model *model, const char *path, cinch_error *error)
{
    cn_model_file file;
    cinch_status status = cn_model_file_new(model, 0, 0, &file, error);
    if (status)
        return status;
    status = cn_safetensors_write(path, file.entries, file.nentry, file.tensors, file.ntensor, error);
    cn_model_file_clear(&file);
    return status;
}

/* ---- Reading ------------------------------------------------------------------------------------------- */

static bool same_shape(cinch_shape a, cinch_shape b)
{
    return a.rank == b.rank && !memcmp(a.sizes, b.sizes, a.rank * sizeof *a.sizes);
}

static cinch_status take_parameter(cn_parameter *parameter, const cn_safetensors *file, const char *name,
                                   const char *source, cinch_error *error)
{
    const cn_tensor *tensor = cn_safetensors_tensor(file, name);
    if (!tensor)
        return cn_fail(error, CINCH_BAD_INPUT, "%s: it has no tensor \"%s\"", source, name);
    if (!same_shape(tensor->shape, parameter->shape) || tensor->type != CINCH_F32) {
        cn_text has = {0}, wanted = {0};
        cn_shape_print(tensor->shape, &has);
        cn_shape_print(parameter->shape, &wanted);
        cn_fail(error, CINCH_BAD_INPUT, "%s: tensor \"%s\" is %s %s, the model needs float32 %s", source,
                name, cinch_type_name(tensor->type), has.chars ? has.chars : "scalar",
                wanted.chars ? wanted.chars : "");
        cn_text_clear(&has);
        cn_text_clear(&wanted);
        return CINCH_BAD_INPUT;
    }
    memcpy(parameter->values, tensor->values, parameter->count * sizeof *parameter->values);
    return CINCH_OK;
}

cinch_status cn_model_take(cinch_model *model, const cn_safetensors *file, const char *prefix,
                           const char *source, cinch_error *error)
{
    for (size_t i = 0; i < model->nparameter; i++) {
        cn_text text = {0};
        cn_text_add(&text, "%s%s", prefix, model->parameters[i].name);
        char *name = cn_text_take(&text, error);
        cinch_status status =
            name ? take_parameter(&model->parameters[i], file, name, source, error) : CINCH_MEMORY;
        cn_free(name);
        if (status)
            return status;
    }
    return CINCH_OK;
}

/* Every tensor is one of the model's (which are all there by now), or under a name of a checkpoint's own. */
static cinch_status refuse_strangers(const cinch_model *model, const cn_safetensors *file, const char *source,
                                     cinch_error *error)
{
    static const char *const own[] = {"optimizer.", "best.", "pretrained."};
    size_t extra = 0;
    for (size_t i = 0; i < file->ntensor; i++)
        for (size_t j = 0; j < sizeof own / sizeof *own; j++)
            extra += !strncmp(file->tensors[i].name, own[j], strlen(own[j]));
    if (model->nparameter + extra != file->ntensor)
        return cn_fail(error, CINCH_BAD_INPUT, "%s: it has tensors that its recipe does not name", source);
    return CINCH_OK;
}

/* The metadata's text of a key that a model must have. */
static cinch_status entry_of(const cn_safetensors *file, const char *key, const char *source,
                             const char **value, cinch_error *error)
{
    *value = cn_safetensors_metadata(file, key);
    return *value ? CINCH_OK
                  : cn_fail(error, CINCH_BAD_INPUT, "%s: not a model: its metadata has no \"%s\"%s", source,
                            key, strcmp(key, "cinch") ? "" : " (a plain safetensors file serves init_from)");
}

static cinch_status set_metadata(cinch_model *model, const char *scaler_json, const char *history,
                                 const char *source, cinch_error *error)
{
    cn_scaler scaler = {0};
    cinch_status status = cn_scaler_parse(&scaler, scaler_json, cn_shape_size(model->input), error);
    if (status) {
        cn_fail_prefix(error, "%s: scaler: ", source);
        return status;
    }
    if ((status = cn_model_set_scaler(model, &scaler, error)))
        cn_scaler_clear(&scaler);
    return status ? status : cn_model_set_history(model, history, error);
}

static cinch_status read_columns(cinch_model *model, const cn_safetensors *file, cinch_error *error)
{
    cinch_status status = CINCH_OK;
    for (size_t i = 0; i < cinch_model_nchosen(model) && !status; i++) {
        char key[COLUMN_KEY_ROOM];
        size_t column = cinch_model_chosen(model, i);
        print_column_key(column, key);
        const char *name = cn_safetensors_metadata(file, key);
        if (name)
            status = cn_model_name_column(model, column, name, error);
    }
    return status;
}

cinch_model *cn_model_read(const cn_safetensors *file, const char *source, cinch_error *error)
{
    const char *format, *recipe_text, *scaler, *history;
    if (entry_of(file, "cinch", source, &format, error) ||
        entry_of(file, "recipe", source, &recipe_text, error) ||
        entry_of(file, "scaler", source, &scaler, error) ||
        entry_of(file, "history", source, &history, error))
        return NULL;
    if (strcmp(format, version)) {
        cn_fail(error, CINCH_BAD_INPUT, "%s: written in format %s, this cinch reads %s", source, format,
                version);
        return NULL;
    }
    cinch_recipe *recipe = cn_recipe_parse("recipe", recipe_text, strlen(recipe_text), NULL, error);
    cinch_model *model = NULL;
    if (recipe && !*cn_recipe_text(recipe, CN_INPUT))
        cn_fail(error, CINCH_BAD_INPUT, "its recipe has no input");
    else if (recipe)
        model = cn_model_new(recipe, (cinch_shape){0}, file->bytes.nbytes / sizeof(float), error);
    cinch_recipe_free(recipe);
    if (!model) {
        cn_fail_prefix(error, "%s: ", source);
        return NULL;
    }
    if (cn_model_take(model, file, "", source, error) || refuse_strangers(model, file, source, error) ||
        set_metadata(model, scaler, history, source, error) || read_columns(model, file, error)) {
        cinch_model_free(model);
        return NULL;
    }
    return model;
}

static cinch_model *parse_bytes(cn_bytes *bytes, const char *source, cinch_error *error)
{
    cn_safetensors file = {0};
    bool hashed = false;
    cinch_model *model = NULL;
    if (!cn_safetensors_parse(bytes, source, &cn_limits_standard, &file, &hashed, error)) {
        if (hashed || !cn_safetensors_metadata(&file, "cinch"))
            model = cn_model_read(&file, source, error);
        else
            cn_fail(error, CINCH_BAD_INPUT, "%s: a model without its sha256: damaged or altered", source);
    }
    cn_safetensors_clear(&file);
    return model;
}

cinch_model *cinch_model_load(const char *path, cinch_error *error)
{
    cn_bytes bytes = {0};
    if (cn_file_read(path, cn_limits_standard.file_bytes, &bytes, error))
        return NULL;
    return parse_bytes(&bytes, strcmp(path, "-") ? path : "standard input", error);
}

cinch_model *cinch_model_parse(const void *bytes, size_t nbytes, cinch_error *error)
{
    cn_bytes copy = {.data = cn_new(nbytes, 1, error), .nbytes = nbytes};
    if (!copy.data)
        return NULL;
    memcpy(copy.data, bytes, nbytes);
    return parse_bytes(&copy, "model", error);
}
