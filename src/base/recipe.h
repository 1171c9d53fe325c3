/* A recipe: the value of every key, where it came from, and the paths among them found. */
#ifndef CN_BASE_RECIPE_H
#define CN_BASE_RECIPE_H

#include "base/spec.h"

/* The keys in the order of the sections; cn_recipe_keys[key] is its row of the table. */
typedef enum cn_key {
    CN_TRAIN,
    CN_TEST,
    CN_COLUMNS,
    CN_LABEL,
    CN_ARRAY,
    CN_SCALE_KEY,
    CN_VALIDATION,
    CN_LIMIT,
    CN_MISSING,
    CN_INPUT,
    CN_ENCODER,
    CN_DECODER,
    CN_INIT,
    CN_INIT_FROM,
    CN_PRETRAIN,
    CN_LOSS,
    CN_PENALTY,
    CN_OPTIMIZER,
    CN_BATCH,
    CN_EPOCHS,
    CN_SHUFFLE,
    CN_SEED,
    CN_THREADS,
    CN_PATIENCE,
    CN_KEEP,
    CN_CHECKPOINT,
    CN_LOG_EVERY,
    CN_FIGURES,
    CN_NKEY
} cn_key;

/* The words of `keep` and `missing`, in the order of their options. */
enum { CN_KEEP_AUTO, CN_KEEP_BEST, CN_KEEP_LAST };
enum { CN_MISSING_REFUSE, CN_MISSING_MEAN };

typedef struct cn_recipe_key {
    const char *section; /* "data" */
    cn_option option;    /* name, type, range, default ("" for none), summary */
    bool path;           /* a file (a label: maybe): looked up beside the recipe, then in the data folder */
    bool in_model;       /* kept in a model's metadata: what does not depend on the machine or the place */
} cn_recipe_key;

extern const cn_recipe_key cn_recipe_keys[CN_NKEY];

/* Text of a key (never NULL; "" for none), and its parsed value. */
const char *cn_recipe_text(const cinch_recipe *recipe, cn_key key);
cn_value cn_recipe_value(const cinch_recipe *recipe, cn_key key);
bool cn_recipe_is_set(const cinch_recipe *recipe, cn_key key);

/* Says of an error in a key's text which key it was, and in which file; where the text came from a file
 * (or is missing in it), the file is at fault and not the caller: CINCH_USAGE becomes CINCH_BAD_INPUT.
 * Returns the status; CINCH_OK stays. */
cinch_status cn_recipe_blame(const cinch_recipe *recipe, cn_key key, cinch_status status, cinch_error *error);

/* Reads INI text; `folder` is where its relative paths are looked up first (NULL: nowhere, as in a model's
 * metadata). */
cinch_recipe *cn_recipe_parse(const char *source, const char *chars, size_t length, const char *folder,
                              cinch_error *error);
cinch_recipe *cn_recipe_copy(const cinch_recipe *recipe, cinch_error *error);

/* The existing file that a path key names: absolute; or beside the recipe (or in the current folder, where
 * it was set by a flag); or in the data folder. "-", "" and a `donut` that no file is found for stay. Where
 * none exists: CINCH_IO, naming the places that were tried and where to put the data. The caller frees it. A
 * label that names a column is not a path: ask cn_recipe_label_is_file first. */
char *cn_recipe_path(const cinch_recipe *recipe, cn_key key, cinch_error *error);
bool cn_recipe_label_is_file(const cinch_recipe *recipe);
/* The data folder's own path of a name (recipe NULL: the environment's data folder); NULL, without an error,
 * where there is no data folder. The caller frees it. */
char *cn_recipe_data_path(const cinch_recipe *recipe, const char *name, cinch_error *error);

/* The file that the word `donut` stands for, donut/donut_corr2.npy: beside the recipe (read from no file, or
 * NULL: in the current folder), then in the data folder. *path is the caller's; NULL where there is none. */
cinch_status cn_recipe_find_donut(const cinch_recipe *recipe, char **path, cinch_error *error);

/* The whole recipe as INI with its sections. for_model: of the keys that a model keeps those that are not
 * at their default, set or not, so that equal settings print equal; else all keys, paths of files that
 * exist absolute. */
char *cn_recipe_print(const cinch_recipe *recipe, bool for_model, cinch_error *error);

/* The lines of `cinch help recipe`. */
void cn_recipe_help(cn_text *text);

#endif
