/* A model: two pipelines of layers with their shapes, the parameters by name, the scaler, and what it was
 * trained by. */
#ifndef CN_MODEL_MODEL_H
#define CN_MODEL_MODEL_H

#include "base/recipe.h"
#include "data/scaler.h"
#include "format/safetensors.h"
#include "model/layer.h"

struct cinch_model {
    cinch_recipe *recipe;         /* the keys that a model keeps */
    cinch_shape input, code;      /* of one row */
    cn_pipeline encoder, decoder; /* the specs that the nodes were made of */
    cn_node *nodes;               /* the encoder's, then the decoder's */
    size_t nencoder, nnode;
    char **specs;             /* each node's spec as text */
    cn_parameter *parameters; /* in the order of the nodes */
    size_t nparameter;
    cn_scaler scaler;
    char *scaler_json;
    char *history; /* CSV, without the seconds */

    /* Names of the input's columns, [values of a row], NULL where one is not known; NULL: none is. Only where
     * the first layer picks columns; a file has the names of those picked. */
    char **columns;
};

/* The net that the recipe describes, for rows of this shape (rank 0: as its `input` says); every parameter
 * 0, no scaler. Refused where the parameters are more than `most_values` numbers: what a file can hold. */
cinch_model *cn_model_new(const cinch_recipe *recipe, cinch_shape row, size_t most_values,
                          cinch_error *error);

/* The starting weights: the recipe's `init` drawn by its seed, or what `init_from` (a path, "" for none)
 * holds. */
cinch_status cn_model_init(cinch_model *model, const char *init_from, cinch_error *error);

cinch_model *cn_model_copy(const cinch_model *model, cinch_error *error);

/* Takes the scaler over and writes its JSON. */
cinch_status cn_model_set_scaler(cinch_model *model, cn_scaler *scaler, cinch_error *error);
cinch_status cn_model_set_history(cinch_model *model, const char *history, cinch_error *error);

cinch_status cn_model_name_column(cinch_model *model, size_t column, const char *name, cinch_error *error);
/* Those of names[values of a row] that are there; NULL: none. */
cinch_status cn_model_name_columns(cinch_model *model, char *const *names, cinch_error *error);

/* The tensors and metadata of the model's file; a checkpoint adds its own after them. The arrays are the
 * caller's (cn_free), what they point to is the model's; `recipe` receives a text that the entries point
 * into, as into `keys` (cn_free). */
typedef struct cn_model_file {
    cn_tensor *tensors;
    cn_entry *entries;
    size_t ntensor, nentry;
    char *recipe;
    char (*keys)[40]; /* of the columns' names */
} cn_model_file;

cinch_status cn_model_file_new(const cinch_model *model, size_t more_tensors, size_t more_entries,
                               cn_model_file *file, cinch_error *error);
void cn_model_file_clear(cn_model_file *file);

/* A model out of a parsed safetensors file (which stays the caller's). A checkpoint is one too: tensors
 * under the names "optimizer.", "best." and "pretrained." are passed over. */
cinch_model *cn_model_read(const cn_safetensors *file, const char *source, cinch_error *error);

/* Copies every parameter's values from tensors named prefix + name, each of which must be there with its
 * shape. */
cinch_status cn_model_take(cinch_model *model, const cn_safetensors *file, const char *prefix,
                           const char *source, cinch_error *error);

/* The encoder, the decoder or both as primitives. */
cinch_status cn_model_lower(const cinch_model *model, size_t first_node, size_t nnode, cn_program *program,
                            cinch_error *error);

#endif
