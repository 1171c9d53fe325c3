/* The command: what main, the commands (command_NAME.c) and their helpers share. It sees cinch.h alone.
 *
 * A command says its flags in a table, from which they are checked and its help is printed, and ends in
 * `const cn_command cn_command_NAME`. Rows and answers go to standard output, all else to standard error.
 */
#ifndef CN_CLI_CLI_H
#define CN_CLI_CLI_H

#include <signal.h>
#include <stdio.h>

#include "cinch.h"

/* ---- Commands and their arguments ---------------------------------------------------------------------- */

typedef struct cn_flag {
    const char *name;     /* "output": given as --output; NULL ends a table */
    char letter;          /* 'o': also -o; 0: none */
    const char *argument; /* "DIR"; NULL: takes no value */
    const char *summary;
} cn_flag;

extern const cn_flag cn_common_flags[]; /* every command's */

enum { CN_MAX_FLAGS = 24 }; /* of one command, the common ones included */

/* A flag that is in no table: a recipe's key, where the command takes those. value NULL: none was given. */
typedef struct cn_setting {
    const char *key, *value;
} cn_setting;

typedef struct cn_arguments {
    const struct cn_command *command;
    const char *values[CN_MAX_FLAGS]; /* by place: common flags, then the command's; NULL: not given */
    const char **words;               /* what is no flag, in order */
    size_t nword;
    cn_setting *settings;
    size_t nsetting;
} cn_arguments;

typedef struct cn_command {
    const char *name;
    const char *usage;       /* "MODEL DATA [-o OUT]" */
    const char *summary;     /* one line, no full stop */
    const char *examples;    /* lines to copy, each begun by "cinch" and ended by a line feed; NULL: none */
    const char *description; /* lines for its help */
    const cn_flag *flags;    /* its own; NULL: none */
    size_t least_words, most_words;
    bool takes_keys; /* each key of a recipe is a flag too */
    /* What fails is recorded in `error`; returns the exit code. */
    int (*run)(const cn_arguments *arguments, cinch_error *error);
} cn_command;

extern const cn_command *const cn_commands[]; /* NULL-terminated, made by the build */

const cn_command *cn_command_find(const char *name);
const char *cn_command_nearest(const char *name); /* NULL where none is near */

/* Checks argv[0..argc) against the command's table. The arguments point into argv; end them with clear. */
cinch_status cn_arguments_parse(const cn_command *command, int argc, char **argv, cn_arguments *arguments,
                                cinch_error *error);
void cn_arguments_clear(cn_arguments *arguments);

/* The value of a flag of the tables; NULL where it was not given, "" for one without a value. */
const char *cn_flag_value(const cn_arguments *arguments, const char *name);
bool cn_flag_given(const cn_arguments *arguments, const char *name);

/* A flag's whole number within its range; where it was not given *value stays as it is. */
cinch_status cn_flag_count(const cn_arguments *arguments, const char *name, uint64_t least, uint64_t most,
                           uint64_t *value, cinch_error *error);

/* "unknown flag --jsn; the nearest is --json"; nothing is recorded and CINCH_OK returned where none of the
 * tables' flags is near and `always` is false. */
cinch_status cn_flag_unknown(const cn_command *command, const char *name, bool always, cinch_error *error);

/* ---- Help, the manual page, completions: all out of the tables ----------------------------------------- */

void cn_help_overview(FILE *out);
void cn_help_command(const cn_command *command, FILE *out);
cinch_status cn_help_topic(const char *topic, FILE *out, cinch_error *error);

/* The whole of cinch.1. */
cinch_status cn_manual_print(FILE *out, cinch_error *error);

/* The script for a shell, bash or zsh. */
cinch_status cn_completion_print(const char *shell, FILE *out, cinch_error *error);

/* A text in lines of at most `width` characters, each given to `put` as so many spaces and its characters.
 * What is too long goes on below its own beginning, in a table below the last column's. */
typedef void cn_line_put(FILE *out, size_t spaces, const char *chars, size_t length);
void cn_text_wrap(const char *text, size_t width, cn_line_put *put, FILE *out);

/* The examples of the overview; what follows two spaces and # explains. */
extern const char cn_help_examples[];

/* ---- Texts --------------------------------------------------------------------------------------------- */

/* Records a failure, as the library does: the first one stays. */
cinch_status cn_cli_fail(cinch_error *error, cinch_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The nearest of count names, a typing slip or two away; NULL where none is. */
const char *cn_nearest(const char *wrong, const char *const *names, size_t count);

/* A text from a file, as \xHH what a terminal must not be sent: control characters, marks that reorder a
 * line. */
void cn_print_escaped(FILE *out, const char *text);
/* A column's name, in quotes where it has a comma or a quote: as a header has it and --columns takes it. */
void cn_print_name(FILE *out, const char *name);

/* "28x28x1". Returns `text`. */
enum { CN_SHAPE_TEXT = 21 * CINCH_MAX_RANK + 1 };
const char *cn_shape_text(cinch_shape shape, char text[CN_SHAPE_TEXT]);
size_t cn_shape_values(cinch_shape shape);

/* JSON on standard output, one call a member; key NULL inside a list. Numbers read back exactly, and are null
 * where they are not finite. */
typedef struct cn_json {
    bool more; /* a member stands before the next one */
} cn_json;

void cn_json_open(cn_json *json, const char *key, char bracket);
void cn_json_close(cn_json *json, char bracket);
void cn_json_text(cn_json *json, const char *key, const char *text);
void cn_json_number(cn_json *json, const char *key, double number);
void cn_json_count(cn_json *json, const char *key, size_t count);
void cn_json_shape(cn_json *json, const char *key, cinch_shape shape);
void cn_json_raw(cn_json *json, const char *key, const char *members); /* already JSON */

/* ---- Models, rows and runs ----------------------------------------------------------------------------- */

/* A model file, or the model of a run folder. */
cinch_model *cn_model_open(const char *path, cinch_error *error);

/* Rows as the model's recipe says (NULL: as they are), its --columns, --label, --array and --missing
 * changed by the command's flags; a relative path is looked up in the data folder last. */
cinch_data *cn_data_open(const cn_arguments *arguments, const char *path, const cinch_model *model,
                         cinch_error *error);
#define CN_DATA_FLAGS                                                                                        \
    {"columns", 0, "LIST", "features: names, indices, ranges (0-3)"},                                        \
        {"label", 0, "COLUMN", "column that is a class, not a feature"},                                     \
        {"array", 0, "NAME", "member of a file that holds several"},                                         \
    {                                                                                                        \
        "missing", 0, "HOW", "what an empty cell means, as the recipe's key"                                 \
    }

/* The value of --threads, 0 where it was not given. */
cinch_status cn_threads_wanted(const cn_arguments *arguments, size_t *threads, cinch_error *error);

/* A runner with --threads threads, or as many as the work is worth. */
cinch_runner *cn_runner_open(const cn_arguments *arguments, const cinch_model *model, size_t rows,
                             cinch_error *error);

/* Where results go: -o OUT by its ending, `-o -` as npy, without -o csv on standard output. */
cinch_status cn_result_save(const cn_arguments *arguments, cinch_type type, cinch_shape shape,
                            const void *values, cinch_error *error);

/* The shape of one row that comes out where these data went in: the data's own, which the model may have
 * flattened; NULL: the model's. */
cinch_shape cn_result_row(const cinch_model *model, const cinch_data *data);

/* Rows of this shape as cn_result_save does, or with --json in an object, or the place where they are. */
cinch_status cn_result_report(const cn_arguments *arguments, size_t rows, cinch_shape one,
                              const float *values, cinch_error *error);

/* MODEL DATA to OUT in pieces of rows, for encode, decode and reconstruct. */
typedef cinch_status cn_rows_step(cinch_runner *runner, const cinch_data *data, size_t first, size_t nrow,
                                  float *results, cinch_error *error);

typedef struct cn_rows_job {
    cn_rows_step *step;
    bool codes;                                                             /* DATA holds codes, not rows */
    cinch_shape (*shape)(const cinch_model *model, const cinch_data *data); /* of one result */
} cn_rows_job;

int cn_rows_run(const cn_arguments *arguments, const cn_rows_job *job, cinch_error *error);
enum { CN_PIECE_ROWS = 4096 };

/* ---- Progress ------------------------------------------------------------------------------------------ */

/* What a training says while it goes on: a bar on a terminal, else a line an epoch. */
typedef struct cn_progress {
    bool quiet, terminal, colour;
    bool bar;         /* one is on the screen */
    double next_draw; /* clock time */
    size_t log_every;
    char stage[64];  /* what is under way has a name: a stage of pretraining; else "" */
    bool any_passed; /* the newest epoch has no line: */
    size_t passed_epoch;
    cinch_epoch passed;
    volatile sig_atomic_t *stop; /* a signal's number once one came */
} cn_progress;

void cn_progress_init(cn_progress *progress, bool quiet, size_t log_every, volatile sig_atomic_t *stop);
bool cn_progress_show(const cinch_progress *now, void *progress); /* a cinch_callback */
void cn_progress_note(const char *line, void *progress);
/* Takes the bar away; the last epoch's line, where it has none yet, too. */
void cn_progress_finish(cn_progress *progress);

#endif
