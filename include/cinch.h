/* Cinch: autoencoders trained and put to use.
 *
 * A row (one sample) goes through the encoder to its code and through the decoder back to a row. This
 * header is the whole public interface:
 *
 *     cinch_data      rows, from a file or from memory
 *     cinch_recipe    every setting of a training, by key
 *     cinch_trainer   learns a model from rows; writes no files
 *     cinch_model     the two pipelines with their weights and the scaler; read-only, shared by threads
 *     cinch_runner    a model ready to run: encode, decode, reconstruct, score, generate
 *
 * Calls that can fail take a cinch_error last; it may be NULL. It keeps the first error that it is given,
 * so one object can serve a whole sequence of calls. A call returns CINCH_OK or its status, or NULL where
 * it returns an object. What `new`, `load` and `parse` return belongs to the caller, who ends it with the
 * matching `free` (NULL is allowed); what the other calls return belongs to the object asked and lives as
 * long as it does. An object is used by one thread at a time, except cinch_model and cinch_data, which any
 * number may read. The library never prints, never exits and installs no signal handlers.
 */
#ifndef CINCH_H
#define CINCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CINCH_VERSION "0.1.0"

/* ---- What a call came to; the command's exit codes ----------------------------------------------------- */

typedef enum cinch_status {
    CINCH_OK = 0,
    CINCH_FAILED = 1,    /* anything that has no status of its own */
    CINCH_USAGE = 2,     /* an unknown name, key or flag; a value out of its range */
    CINCH_BAD_INPUT = 3, /* data, a model or a recipe that is not what it should be */
    CINCH_IO = 4,        /* a file that cannot be read or written */
    CINCH_MEMORY = 5,    /* an allocation that failed */
    CINCH_DIVERGED = 6,  /* a loss that is not finite */
    CINCH_STOPPED = 130  /* a training ended early because its callback asked for it */
} cinch_status;

typedef struct cinch_error {
    cinch_status status; /* CINCH_OK until something fails */
    char message[1024];  /* one line, the place and the remedy, no line feed; control characters escaped */
} cinch_error;

/* ---- Shapes and types ---------------------------------------------------------------------------------- */

#define CINCH_MAX_RANK 8

typedef struct cinch_shape {
    size_t rank;
    size_t sizes[CINCH_MAX_RANK];
} cinch_shape;

typedef enum cinch_type {
    CINCH_BOOL,
    CINCH_U8,
    CINCH_I8,
    CINCH_U16,
    CINCH_I16,
    CINCH_U32,
    CINCH_I32,
    CINCH_U64,
    CINCH_I64,
    CINCH_F16,
    CINCH_F32,
    CINCH_F64
} cinch_type;

/* "uint8", "float32": numpy's names. */
const char *cinch_type_name(cinch_type type);

/* ---- Recipes: every setting by its key (the keys that `cinch help recipe` lists) ----------------------- */

typedef struct cinch_recipe cinch_recipe;

/* A recipe of defaults. */
cinch_recipe *cinch_recipe_new(cinch_error *error);

/* Reads an INI file. Relative paths in it are looked up beside it, then in the data folder. */
cinch_recipe *cinch_recipe_load(const char *path, cinch_error *error);

/* Sets one key ("epochs", "weight-decay" and "weight_decay" alike), checked against its range. A relative
 * path given so is looked up in the current folder, then in the data folder. */
cinch_status cinch_recipe_set(cinch_recipe *recipe, const char *key, const char *value, cinch_error *error);

/* The value of a key as text, its default where it was not set; NULL for an unknown key. */
const char *cinch_recipe_get(const cinch_recipe *recipe, const char *key);

/* The folder in which data files are looked up last; NULL for $CINCH_DATA, then $XDG_DATA_HOME/cinch. */
cinch_status cinch_recipe_set_data_folder(cinch_recipe *recipe, const char *folder, cinch_error *error);

void cinch_recipe_free(cinch_recipe *recipe);

/* ---- Rows ---------------------------------------------------------------------------------------------- */

typedef struct cinch_data cinch_data;

/* Reads IDX, NPY, NPZ, CSV or PNG, gzipped or not, known by their content, or a folder of PNG files; "-"
 * is standard input. Integers keep their type in memory. The recipe's `columns`, `label`, `array` and
 * `missing` apply; NULL takes all columns and reads a missing cell as NaN.
 *
 * The word "donut" is donut/donut_corr2.npy beside the recipe (read from no file: in the current folder) or
 * in the data folder, else 9,000 rows of the same kind, generated; cinch_data_source tells which.
 *
 * A PNG file is one row, height x width x channels: 1 where it is grey, 3 where it is in colour or has a
 * palette; 8 bits, or 16 where it has 16. Values are as stored: alpha is dropped, not blended, gamma left
 * alone. A folder's rows are its files NAME.png in the order of their names' bytes, all of one size and
 * kind. */
cinch_data *cinch_data_load(const char *path, const cinch_recipe *recipe, cinch_error *error);

/* Rows in memory: shape.sizes[0] rows, row-major. `new` copies the values; `view` borrows them, which must
 * then outlive the object, and reads them anew at each use: one row's buffer can serve a stream. */
cinch_data *cinch_data_new(cinch_type type, cinch_shape shape, const void *values, cinch_error *error);
cinch_data *cinch_data_view(cinch_type type, cinch_shape shape, const void *values, cinch_error *error);

/* Writes npy or csv as the path's ending says ("-": npy to standard output, csv where csv is true). An
 * existing file is replaced only when the new one is whole. */
cinch_status cinch_data_save(const cinch_data *data, const char *path, bool csv, cinch_error *error);

/* Where the rows came from, for messages: "iris.csv", "standard input", "donut (generated)", "data". */
const char *cinch_data_source(const cinch_data *data);

cinch_shape cinch_data_shape(const cinch_data *data); /* rows first */
cinch_type cinch_data_type(const cinch_data *data);
size_t cinch_data_rows(const cinch_data *data);
size_t cinch_data_features(const cinch_data *data); /* values in a row */

/* The name of a feature's column; NULL where the file has none. */
const char *cinch_data_column(const cinch_data *data, size_t feature);

/* Copies nrow rows from `first` to rows[nrow][features], in the data's own units. */
void cinch_data_get(const cinch_data *data, size_t first, size_t nrow, float *rows);

typedef struct cinch_summary {
    double minimum, maximum, sum; /* over the finite values; 0 where there are none */
    size_t nan, infinite;         /* how many values are not finite */
} cinch_summary;

cinch_summary cinch_data_summary(const cinch_data *data);

void cinch_data_free(cinch_data *data);

/* ---- Models -------------------------------------------------------------------------------------------- */

typedef struct cinch_model cinch_model;

/* A model file (safetensors), its hash checked before anything in it is believed. */
cinch_model *cinch_model_load(const char *path, cinch_error *error);
cinch_model *cinch_model_parse(const void *bytes, size_t nbytes, cinch_error *error);
cinch_status cinch_model_save(const cinch_model *model, const char *path, cinch_error *error);

typedef struct cinch_layer {
    const char *pipeline;      /* "encoder" or "decoder" */
    size_t index;              /* in that pipeline, from 0 */
    const char *spec;          /* "dense 32 relu" */
    cinch_shape input, output; /* of one row */
    size_t nparam;             /* trained numbers in it; those of tied weights in the encoder's layer alone */
} cinch_layer;

typedef struct cinch_parameter {
    const char *name;    /* "encoder.0.weight" */
    cinch_shape shape;   /* PyTorch's: dense (out, in) */
    const float *values; /* row-major */
} cinch_parameter;

cinch_shape cinch_model_input(const cinch_model *model); /* of one row */
cinch_shape cinch_model_code(const cinch_model *model);
size_t cinch_model_nlayer(const cinch_model *model);
cinch_layer cinch_model_layer(const cinch_model *model, size_t index); /* index < nlayer */
size_t cinch_model_nparameter(const cinch_model *model);
cinch_parameter cinch_model_parameter(const cinch_model *model, size_t index); /* index < nparameter */
const cinch_recipe *cinch_model_recipe(const cinch_model *model);
const char *cinch_model_scaler(const cinch_model *model);  /* JSON: kind, offset, scale */
const char *cinch_model_history(const cinch_model *model); /* CSV, a line an epoch */

/* Of a model whose first layer chooses columns of the row (`concrete`): how many choices there are, 0 for any
 * other model; the column (feature) that choice index < nchosen has fallen on, maybe that of another one too;
 * and the name of column feature < values of a row, NULL where the data had none or, in a model out of a
 * file, where it is not chosen. */
size_t cinch_model_nchosen(const cinch_model *model);
size_t cinch_model_chosen(const cinch_model *model, size_t index);
const char *cinch_model_column(const cinch_model *model, size_t feature);

void cinch_model_free(cinch_model *model);

/* ---- Running a model ----------------------------------------------------------------------------------- */

typedef struct cinch_runner cinch_runner;

/* The model must outlive the runner. threads 0: all of the machine's. */
cinch_runner *cinch_runner_new(const cinch_model *model, size_t threads, cinch_error *error);

/* Rows in their original units to codes[nrow][code size], codes to rows in original units, and both in
 * one. The rows are data's [first, first + nrow); values that are not finite are refused, naming row and
 * column. */
cinch_status cinch_runner_encode(cinch_runner *runner, const cinch_data *data, size_t first, size_t nrow,
                                 float *codes, cinch_error *error);
cinch_status cinch_runner_decode(cinch_runner *runner, const cinch_data *codes, size_t first, size_t nrow,
                                 float *rows, cinch_error *error);
cinch_status cinch_runner_reconstruct(cinch_runner *runner, const cinch_data *data, size_t first, size_t nrow,
                                      float *rows, cinch_error *error);

/* Reconstructs rows that the model itself corrupts: its noise and dropout layers act as in training, drawn
 * by the recipe's seed and the row's number (the same draws as in a score with noise). noisy[nrow][row size]
 * gets what those layers at the encoder's beginning make of the rows, in original units and beyond their
 * range where the noise reaches there; where none stand there, the rows themselves; NULL: not wanted. */
cinch_status cinch_runner_reconstruct_noisy(cinch_runner *runner, const cinch_data *data, size_t first,
                                            size_t nrow, float *noisy, float *rows, cinch_error *error);

/* Each row's loss without penalties, on scaled values: how badly the model reconstructs it. Of a model with a
 * variational layer and loss bce it is the negative evidence lower bound in nats: the loss summed over the
 * row's values, plus the divergence, of one code drawn by the recipe's seed and the row's number. `noise`
 * lets the model's own noise and dropout layers act, drawn in the same way. */
cinch_status cinch_runner_score(cinch_runner *runner, const cinch_data *data, size_t first, size_t nrow,
                                bool noise, double *scores, cinch_error *error);

/* New rows in original units: what the decoder makes of codes that nobody encoded, standard normal numbers,
 * as the penalty kl made the training's codes. They are rows [first, first + nrow) of the endless list that
 * the seed stands for, in whatever pieces and on however many threads. CINCH_USAGE unless
 * cinch_model_generates. */
cinch_status cinch_runner_generate(cinch_runner *runner, uint64_t seed, size_t first, size_t nrow,
                                   float *rows, cinch_error *error);

/* Whether the code is drawn: the encoder ends in a variational layer. */
bool cinch_model_generates(const cinch_model *model);

/* Codes to decode, codes[nrow][width]. `draw`: those that cinch_runner_generate decodes. `line`: nrow even
 * steps from one code to another, both ends among them. `grid`: codes[side * side][2] at the normal
 * distribution's quantiles (i + 1/2) / side, in lines as a map has them: the first value rises to the right,
 * the second upwards. */
void cinch_codes_draw(uint64_t seed, size_t first, size_t nrow, size_t width, float *codes);
void cinch_codes_line(const float *from, const float *to, size_t nrow, size_t width, float *codes);
void cinch_codes_grid(size_t side, float *codes);

void cinch_runner_free(cinch_runner *runner);

/* ---- Training ------------------------------------------------------------------------------------------ */

typedef struct cinch_trainer cinch_trainer;

typedef struct cinch_epoch {
    double train_loss;           /* mean during the epoch, penalties added */
    double train_reconstruction; /* the same without penalties */
    double validation_loss;      /* NaN without validation rows */
    double seconds;              /* wall clock of its steps */
} cinch_epoch;

typedef struct cinch_progress {
    size_t epoch, epochs;     /* the one under way or just ended, from 0; the planned number */
    size_t row, rows;         /* rows of this epoch done, of how many */
    double loss;              /* the epoch's mean so far */
    double rows_per_second;   /* in this epoch */
    double seconds_left;      /* an estimate for the whole training */
    const cinch_epoch *ended; /* the epoch's figures where it just ended, else NULL */
    const char *stage;        /* "encoder.0" while cinch_run pretrains that layer, which all of this is then
                               * of; else NULL */
} cinch_progress;

/* Called at each epoch's end and at most ten times a second between batches; false asks the training to stop
 * there. Inside it the trainer's `model` and `save` may be called. */
typedef bool cinch_callback(const cinch_progress *progress, void *user);

/* Copies the recipe's settings; splits off validation and fits the scaler. The data must outlive the
 * trainer. What `pretrain` asks for is cinch_run's to do: a trainer starts from `init` or `init_from`. */
cinch_trainer *cinch_trainer_new(const cinch_recipe *recipe, const cinch_data *train, cinch_error *error);

/* Trains to the recipe's last epoch; CINCH_STOPPED where the callback (may be NULL) asked for it. Going on is
 * calling it again: the bits are those of a training never interrupted, on any number of threads. After
 * CINCH_DIVERGED only `nepoch`, `epoch` and `free` are left. */
cinch_status cinch_trainer_run(cinch_trainer *trainer, cinch_callback *callback, void *user,
                               cinch_error *error);

/* The model that the recipe's `keep` asks for, as trained so far. */
cinch_model *cinch_trainer_model(const cinch_trainer *trainer, cinch_error *error);

/* A checkpoint, and a fresh trainer (same recipe but for its epochs, same data) put at its place. After a
 * restore that failed the trainer is good for `free` alone. */
cinch_status cinch_trainer_save(const cinch_trainer *trainer, const char *path, cinch_error *error);
cinch_status cinch_trainer_restore(cinch_trainer *trainer, const char *path, cinch_error *error);

size_t cinch_trainer_nepoch(const cinch_trainer *trainer);                   /* epochs done */
cinch_epoch cinch_trainer_epoch(const cinch_trainer *trainer, size_t epoch); /* epoch < nepoch */

void cinch_trainer_free(cinch_trainer *trainer);

/* ---- A whole run: recipe in, run folder out ------------------------------------------------------------ */

typedef struct cinch_result {
    size_t rows, epochs, best_epoch;         /* training rows; epochs done; the kept one's number */
    double train_loss, train_reconstruction; /* of the last epoch */
    double validation_loss;                  /* of the best epoch; NaN without validation */
    double test_loss, test_reconstruction;   /* NaN without test data */
    double seconds;                          /* wall clock of the steps, all epochs */
    size_t peak_bytes;                       /* peak resident memory of the process */
} cinch_result;

typedef struct cinch_run_options {
    bool resume;              /* go on with the run in the folder, whose recipe is then its own */
    const char *epochs;       /* with resume: another planned end; NULL keeps it */
    const char *threads;      /* with resume: another number of threads; NULL keeps it */
    cinch_callback *callback; /* as a trainer's; NULL for none */
    void *user;
    /* Told once when something a person should know happens ("scale auto: unit (uint8)"); NULL for none. */
    void (*note)(const char *line, void *user);
} cinch_run_options;

/* Trains as the recipe (NULL with resume) says and leaves model.safetensors, checkpoint.safetensors,
 * history.csv, recipe.ini, result.json and the recipe's figures in `folder`. Everything is read and checked
 * before the first file is written; a training that is stopped leaves a checkpoint. Locks the folder while it
 * works.
 * options and result may be NULL.
 *
 * pretrain = greedy: before the whole is trained, each encoder layer with weights is by itself (the layers
 * without weights before it with it, so noise acts), followed by its mirror, which ends in the activation
 * of the decoder's layer that will start from it. Its rows are the codes that the layers before it,
 * trained by then, give (noise and dropout off); loss mse, no penalties, all else as the recipe says, for
 * `epochs` epochs; validation rows are the same ones, and `keep` and `patience` act. The encoder's layer
 * and the decoder's then start from what they learned. A decoder that does not mirror the encoder is
 * refused, and so is `init_from`. The stage of layer I leaves history-encoder.I.csv; the result's numbers
 * are those of the whole's epochs. `resume` goes on in the middle of a stage, too. */
cinch_status cinch_run(const cinch_recipe *recipe, const char *folder, const cinch_run_options *options,
                       cinch_result *result, cinch_error *error);

/* ---- Figures ------------------------------------------------------------------------------------------- */

typedef struct cinch_figure_input {
    const cinch_model *model;
    const cinch_model *before; /* the same net with its starting weights; NULL: drawn by the recipe's seed */
    const cinch_data *data;    /* rows; NULL where the figure draws none */
    size_t threads;            /* 0: all of the machine's */
} cinch_figure_input;

/* Draws what a spec like "compare n=10 rows=input,reconstruction" says (`cinch help figures` lists them)
 * to `path`, whose ending chooses png, svg or pdf ("-": png on standard output). An existing file is
 * replaced only when the new one is whole. cairo is opened at the first call: CINCH_FAILED where it is not
 * installed. */
cinch_status cinch_figure_draw(const char *spec, const cinch_figure_input *input, const char *path,
                               cinch_error *error);

/* ---- Help, from the tables that the parsers use -------------------------------------------------------- */

/* The text of `cinch help TOPIC`: recipe, layers, activations, decoders, losses, penalties, optimizers,
 * initializers, figures, or the name of one part or key ("dense", "adam", "epochs"). NULL with an error that
 * names the nearest. The caller frees it with cinch_text_free. */
char *cinch_help_text(const char *topic, cinch_error *error);
void cinch_text_free(char *text);

/* The names in it, one by one: of a topic the parts ("layers": "dense", ...) or the keys of a recipe; of a
 * key the words that may begin a value ("scale": "none", ...; "encoder": the layers); of NULL the topics
 * themselves. NULL past the last, and where there are none. */
const char *cinch_help_name(const char *topic, size_t index);

#ifdef __cplusplus
}
#endif

#endif
