/* Checkpoints: the model's file as it stands, and beside its tensors the optimizer's arrays, the best
 * epoch's values and the trainer's position. */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "train/trainer.h"

/* The trainer's numbers by name: one table writes and reads them. Sizes are exact as doubles up to 2^53. */
struct position {
    const char *key;
    size_t *count;
    double *number;
};

enum { NPOSITION = 10 };

static void list_positions(cinch_trainer *trainer, struct position list[NPOSITION])
{
    const struct position all[NPOSITION] = {
        {"epoch", &trainer->epoch, NULL},
        {"row", &trainer->row, NULL},
        {"updates", &trainer->updates, NULL},
        {"best_epoch", &trainer->best_epoch, NULL},
        {"best_loss", NULL, &trainer->best_loss},
        {"loss_sum", NULL, &trainer->loss_sum},
        {"reconstruction_sum", NULL, &trainer->reconstruction_sum},
        {"seconds", NULL, &trainer->seconds},
        {"rows", &trainer->rows, NULL}, /* these two to see that the data is the same */
        {"data_checksum", &trainer->checksum, NULL},
    };
    memcpy(list, all, sizeof all);
}

static const char history_seconds[] = "history_seconds";

/* ---- Writing ------------------------------------------------------------------------------------------- */

/* Texts and arrays made for one file, freed together. */
struct scrap {
    void **list;
    size_t count;
};

static void *keep(struct scrap *scrap, void *memory)
{
    if (memory)
        scrap->list[scrap->count++] = memory;
    return memory;
}

static char *tensor_name(const char *prefix, const char *slot, const char *name, cinch_error *error)
{
    cn_text text = {0};
    cn_text_add(&text, "%s%s%s%s", prefix, slot, *slot ? "." : "", name);
    return cn_text_take(&text, error);
}

/* One more tensor of a parameter's shape. values NULL: out of `reals`, unpacked. */
static cinch_status add_tensor(const cinch_trainer *trainer, size_t p, char *name, const float *values,
                               const void *reals, cn_model_file *file, struct scrap *scrap,
                               cinch_error *error)
{
    const cn_parameter *parameter = &trainer->model->parameters[p];
    if (!keep(scrap, name))
        return CINCH_MEMORY;
    if (!values) {
        float *unpacked = keep(scrap, cn_new(parameter->count, sizeof *unpacked, error));
        if (!unpacked)
            return CINCH_MEMORY;
        cn_weights_unpack(trainer->weights, trainer->model, p, reals, unpacked);
        values = unpacked;
    }
    file->tensors[file->ntensor++] =
        (cn_tensor){.name = name, .type = CINCH_F32, .shape = parameter->shape, .values = values};
    return CINCH_OK;
}

static cinch_status add_tensors(const cinch_trainer *trainer, cn_model_file *file, struct scrap *scrap,
                                cinch_error *error)
{
    const cn_weights *weights = trainer->weights;
    cinch_status status = CINCH_OK;
    for (size_t p = 0; p < weights->count && !status; p++) {
        const char *name = trainer->model->parameters[p].name;
        for (size_t s = 0; s < weights->nslot && !status; s++)
            status = add_tensor(
                trainer, p, tensor_name("optimizer.", cn_trainer_optimizer(trainer)->slots[s], name, error),
                NULL, weights->slots[p * weights->nslot + s], file, scrap, error);
        if (trainer->best && !status)
            status = add_tensor(trainer, p, tensor_name("best.", "", name, error), trainer->best[p], NULL,
                                file, scrap, error);
    }
    return status;
}

static cinch_status add_entry(cn_model_file *file, struct scrap *scrap, const char *key, cn_text *text,
                              cinch_error *error)
{
    char *value = keep(scrap, cn_text_take(text, error));
    if (!value)
        return CINCH_MEMORY;
    file->entries[file->nentry++] = (cn_entry){key, value};
    return CINCH_OK;
}

static cinch_status add_positions(const cinch_trainer *trainer, cn_model_file *file, struct scrap *scrap,
                                  cinch_error *error)
{
    struct position positions[NPOSITION];
    list_positions((cinch_trainer *)trainer, positions);
    for (size_t i = 0; i < NPOSITION; i++) {
        cn_text text = {0};
        cn_text_add_number(&text, positions[i].count ? (double)*positions[i].count : *positions[i].number);
        if (add_entry(file, scrap, positions[i].key, &text, error))
            return CINCH_MEMORY;
    }
    const cn_history_text *history = cn_trainer_history_text(trainer, error);
    if (!history)
        return CINCH_MEMORY;
    cn_text text = {0};
    cn_text_add_bytes(&text, history->seconds.chars, history->seconds.length);
    return add_entry(file, scrap, history_seconds, &text, error);
}

static void add_more(cn_model_file *file, const cn_more *more)
{
    for (size_t i = 0; i < more->nentry; i++)
        file->entries[file->nentry++] = more->entries[i];
    for (size_t i = 0; i < more->ntensor; i++)
        file->tensors[file->ntensor++] = more->tensors[i];
}

cinch_status cn_trainer_save(const cinch_trainer *trainer, const cn_more *more, const char *path,
                             cinch_error *error)
{
    const cn_weights *weights = trainer->weights;
    size_t own = weights->count * (weights->nslot + (trainer->best != NULL));
    cinch_status status = CINCH_MEMORY;
    cn_model_file file = {0};
    struct scrap scrap = {.list = cn_new(2 * own + NPOSITION + 1, sizeof *scrap.list, error)};
    cinch_model *model = cn_model_copy(trainer->model, error);
    char *history = cn_trainer_history(trainer, false, error);
    if (scrap.list && model && history && !(status = cn_model_set_history(model, history, error)) &&
        !(status =
              cn_model_file_new(model, own + more->ntensor, NPOSITION + 1 + more->nentry, &file, error))) {
        cn_weights_store(weights, model);
        add_more(&file, more);
        if (!(status = add_tensors(trainer, &file, &scrap, error)) &&
            !(status = add_positions(trainer, &file, &scrap, error)))
            status = cn_safetensors_write(path, file.entries, file.nentry, file.tensors, file.ntensor, error);
    }
    for (size_t i = 0; i < scrap.count; i++)
        cn_free(scrap.list[i]);
    cn_free(scrap.list);
    cn_free(history);
    cn_model_file_clear(&file);
    cinch_model_free(model);
    return status;
}

cinch_status cinch_trainer_save(const cinch_trainer *trainer, const char *path, cinch_error *error)
{
    return cn_trainer_save(trainer, &(cn_more){0}, path, error);
}

/* ---- Reading ------------------------------------------------------------------------------------------- */

static cinch_status damaged(const char *path, const char *what, cinch_error *error)
{
    return cn_fail(error, CINCH_BAD_INPUT, "%s: not a checkpoint of this training: %s", path, what);
}

static bool read_number(const char *text, double *number)
{
    if (text && !strcmp(text, "inf"))
        *number = INFINITY;
    else if (text && !strcmp(text, "nan"))
        *number = NAN;
    else
        return text && cn_text_number(text, number);
    return true;
}

/* Next number of a line, up to `end`; an empty cell is NaN. */
static bool next_number(const char **cursor, char end, double *number)
{
    char cell[64];
    size_t length = strcspn(*cursor, ",\n");
    if (length >= sizeof cell || (*cursor)[length] != end)
        return false;
    memcpy(cell, *cursor, length);
    cell[length] = 0;
    *cursor += length + (end != 0);
    *number = NAN;
    return !length || read_number(cell, number);
}

/* The history's lines and its seconds, for as many epochs as the checkpoint says are done. */
static bool read_history(cinch_trainer *trainer, const char *lines, const char *seconds)
{
    lines = strchr(lines, '\n');
    for (size_t e = 0; lines && e < trainer->epoch; e++) {
        cinch_epoch *epoch = &trainer->history[e];
        double number;
        const char *cursor = e ? lines : lines + 1;
        if (!next_number(&cursor, ',', &number) || number != (double)e ||
            !next_number(&cursor, ',', &epoch->train_loss) ||
            !next_number(&cursor, ',', &epoch->train_reconstruction) ||
            !next_number(&cursor, '\n', &epoch->validation_loss) ||
            !next_number(&seconds, e + 1 < trainer->epoch ? ',' : 0, &epoch->seconds))
            return false;
        lines = cursor;
    }
    return lines && (!*lines || !strcmp(lines, "\n"));
}

static bool read_positions(cinch_trainer *trainer, const cn_safetensors *file)
{
    struct position positions[NPOSITION];
    list_positions(trainer, positions);
    for (size_t i = 0; i < NPOSITION; i++) {
        double number;
        if (!read_number(cn_safetensors_metadata(file, positions[i].key), &number))
            return false;
        if (positions[i].number)
            *positions[i].number = number;
        else if (number >= 0 && number < 9007199254740992.0 && number == floor(number))
            *positions[i].count = (size_t)number;
        else
            return false;
    }
    return isfinite(trainer->loss_sum) && isfinite(trainer->reconstruction_sum) && trainer->seconds >= 0 &&
           !isnan(trainer->best_loss) && trainer->best_epoch <= (trainer->epoch ? trainer->epoch - 1 : 0);
}

/* A position is at a batch's end, with as many updates behind it as batches. */
static bool fits_batches(const cinch_trainer *trainer)
{
    size_t batches = (trainer->rows + trainer->batch - 1) / trainer->batch;
    return trainer->row < trainer->rows && trainer->row % trainer->batch == 0 &&
           trainer->updates == trainer->epoch * batches + trainer->row / trainer->batch;
}

static cinch_status read_slots(cinch_trainer *trainer, const cn_safetensors *file, const char *path,
                               cinch_error *error)
{
    const cn_weights *weights = trainer->weights;
    cinch_status status = CINCH_OK;
    for (size_t s = 0; s < weights->nslot && !status; s++) {
        char *prefix = tensor_name("optimizer.", cn_trainer_optimizer(trainer)->slots[s], "", error);
        status = prefix ? cn_model_take(trainer->model, file, prefix, path, error) : CINCH_MEMORY;
        cn_free(prefix);
        for (size_t p = 0; p < weights->count && !status; p++)
            cn_weights_pack(weights, trainer->model, p, trainer->model->parameters[p].values,
                            weights->slots[p * weights->nslot + s]);
    }
    return status;
}

static cinch_status read_best(cinch_trainer *trainer, const cn_safetensors *file, const char *path,
                              cinch_error *error)
{
    if (!trainer->best)
        return CINCH_OK;
    cinch_status status = cn_model_take(trainer->model, file, "best.", path, error);
    for (size_t p = 0; p < trainer->model->nparameter && !status; p++)
        memcpy(trainer->best[p], trainer->model->parameters[p].values,
               trainer->model->parameters[p].count * sizeof(float));
    return status;
}

/* More epochs go on where they only add to those done: not where they change what these were. */
static cinch_status same_epochs(const cinch_trainer *trainer, const cinch_model *saved, bool stage,
                                cinch_error *error)
{
    size_t planned = cn_recipe_value(saved->recipe, CN_EPOCHS).count;
    if (planned == trainer->epochs)
        return CINCH_OK;
    for (size_t i = 0; i < saved->nnode; i++)
        if (saved->nodes[i].layer->by_epochs)
            return cn_fail(
                error, CINCH_USAGE,
                "--epochs: %s acts by the share of the %zu planned epochs that are done; of another "
                "number it is another training, to be begun anew",
                saved->nodes[i].layer->part.name, planned);
    if (stage || cn_recipe_value(saved->recipe, CN_PRETRAIN).word)
        return cn_fail(
            error, CINCH_USAGE,
            "--epochs: each layer was pretrained for the %zu planned epochs; of another number it is "
            "another training, to be begun anew, or after this one with --init-from its model",
            planned);
    return CINCH_OK;
}

/* The recipe but for its epochs, which a resumed training may change. */
static cinch_status same_recipe(const cinch_trainer *trainer, const cinch_model *saved, const char *path,
                                cinch_error *error)
{
    char *ours = NULL, *theirs = NULL;
    cinch_recipe *recipe = cn_recipe_copy(saved->recipe, error);
    cinch_status status = CINCH_MEMORY;
    if (recipe && !(status = cinch_recipe_set(recipe, "epochs",
                                              cn_recipe_text(trainer->model->recipe, CN_EPOCHS), error))) {
        ours = cn_recipe_print(trainer->model->recipe, true, error);
        theirs = cn_recipe_print(recipe, true, error);
        status = !ours || !theirs ? CINCH_MEMORY : CINCH_OK;
        if (!status && strcmp(ours, theirs))
            status = damaged(path, "it was made by another recipe", error);
        if (!status && strcmp(saved->scaler_json, trainer->model->scaler_json))
            status = damaged(path, "the training data has changed", error);
    }
    cn_free(ours);
    cn_free(theirs);
    cinch_recipe_free(recipe);
    return status;
}

static cinch_status restore(cinch_trainer *trainer, const cn_safetensors *file, const cinch_model *saved,
                            const char *path, cinch_error *error)
{
    bool stage = cn_safetensors_metadata(file, "stage") != NULL;
    cinch_status status = same_epochs(trainer, saved, stage, error);
    if (status || (status = same_recipe(trainer, saved, path, error)))
        return status;
    const char *seconds = cn_safetensors_metadata(file, history_seconds);
    cinch_trainer there = *trainer;
    if (!seconds || !read_positions(&there, file))
        return damaged(path, "its position is missing or does not fit", error);
    if (there.rows != trainer->rows)
        return damaged(path, "the number of training rows has changed", error);
    if (there.checksum != trainer->checksum)
        return damaged(path, "the training data has changed", error);
    if (!fits_batches(&there))
        return damaged(path, "its position is not between two batches", error);
    if (there.epoch > trainer->epochs || (there.epoch == trainer->epochs && there.row))
        return cn_fail(error, CINCH_USAGE, "%s: %zu epochs are done already; give --epochs more than that",
                       path, there.epoch);
    if ((status = cn_trainer_reserve(trainer, there.epoch + 1, error)))
        return status;
    there.history = trainer->history;
    there.history_room = trainer->history_room;
    *trainer = there;
    if (!read_history(trainer, saved->history, seconds))
        return damaged(path, "its history does not fit its position", error);
    if (!(status = read_slots(trainer, file, path, error)) &&
        !(status = read_best(trainer, file, path, error)) &&
        !(status = cn_model_take(trainer->model, file, "", path, error)))
        cn_weights_load(trainer->weights, trainer->model);
    return status;
}

cinch_status cinch_trainer_restore(cinch_trainer *trainer, const char *path, cinch_error *error)
{
    cn_bytes bytes = {0};
    cn_safetensors file = {0};
    cinch_model *saved = NULL;
    bool hashed = false;
    cinch_status status = cn_file_read(path, cn_limits_standard.file_bytes, &bytes, error);
    if (!status &&
        !(status = cn_safetensors_parse(&bytes, path, &cn_limits_standard, &file, &hashed, error))) {
        if (!hashed)
            status = damaged(path, "it has no sha256", error);
        else if (!(saved = cn_model_read(&file, path, error)))
            status = CINCH_BAD_INPUT;
        else
            status = restore(trainer, &file, saved, path, error);
    }
    cn_safetensors_clear(&file);
    cinch_model_free(saved);
    return status;
}
