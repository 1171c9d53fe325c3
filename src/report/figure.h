/* A figure: a picture drawn of a model and its rows. Each is one file figure_NAME.c that ends in
 * `const cn_figure cn_figure_NAME`. */
#ifndef CN_REPORT_FIGURE_H
#define CN_REPORT_FIGURE_H

#include "base/spec.h"
#include "data/data.h"
#include "model/model.h"
#include "report/canvas.h"

enum { CN_MAX_FIGURES = 64 }; /* of one recipe */

/* What a figure is drawn from: a spec of it, and what the caller gave. */
typedef struct cn_figure_job {
    const cn_spec *spec;
    const cinch_model *model;
    const cinch_model *before; /* with the starting weights; NULL unless the figure wants it */
    const cinch_data *data;    /* NULL or one row at least; not NULL where the figure needs rows */
    size_t threads;            /* 0: all of the machine's */
} cn_figure_job;

typedef struct cn_figure {
    cn_part part;
    bool rows;   /* draws rows */
    bool labels; /* rows with labels are better */
    /* Whether it can do without rows, as these options ask; NULL: no. */
    bool (*rowless)(const cn_spec *spec, const cinch_model *model);
    /* Whether the starting weights are wanted; NULL: no. */
    bool (*before)(const cn_spec *spec);
    /* What its options ask of the model, before there are rows or a training; NULL: nothing. */
    cinch_status (*check)(const cn_spec *spec, const cinch_model *model, cinch_error *error);
    /* Opens the canvas' page by the size that it needs, and draws. */
    cinch_status (*draw)(const cn_figure_job *job, cn_canvas *canvas, cinch_error *error);
} cn_figure;

extern const cn_figure *const cn_figures[]; /* NULL-terminated, made by the build */

/* Every figure's last option. */
#define CN_FIGURE_AS                                                                                         \
    {                                                                                                        \
        .name = "as", .type = CN_TEXT, .standard = "",                                                       \
        .summary = "the file's name, without its ending; the figure's own"                                   \
    }

/* ---- For run.c ------------------------------------------------------------------------------------- */

/* A recipe's figures, checked: each fits the model, no two have one file, and there is what draws
 * them. The caller ends it with cn_pipeline_clear. */
cinch_status cn_figures_parse(const char *text, const cinch_model *model, cn_pipeline *figures,
                              cinch_error *error);

typedef struct cn_figures_input {
    const cinch_model *model;
    const char *init_from;          /* "" where the starting weights are drawn */
    const cinch_data *train, *test; /* test may be NULL */
    size_t threads;
} cn_figures_input;

/* Draws each into the folder as NAME.png, of the test rows where there are any. */
cinch_status cn_figures_draw(const cn_pipeline *figures, const cn_figures_input *input, const char *folder,
                             cinch_error *error);

/* ---- For the figures ------------------------------------------------------------------------------- */

/* Codes or reconstructions of the job's first nrow rows, by the given model. The caller frees them. */
float *cn_job_codes(const cn_figure_job *job, const cinch_model *model, size_t nrow, cinch_error *error);
float *cn_job_reconstructions(const cn_figure_job *job, const cinch_model *model, size_t nrow,
                              cinch_error *error);
/* Reconstructions of the rows as the model's own noise corrupts them, and those rows. */
cinch_status cn_job_noisy(const cn_figure_job *job, const cinch_model *model, size_t nrow, float **noisy,
                          float **reconstructions, cinch_error *error);
/* Refuses a model whose encoder does not begin with a layer that only corrupts. */
cinch_status cn_check_noisy(const cinch_model *model, cinch_error *error);
float *cn_job_rows(const cn_figure_job *job, size_t nrow, cinch_error *error);

/* What a model's decoder makes of codes[nrow][code size]. The caller frees it. */
float *cn_decode_codes(const cinch_model *model, const float *codes, size_t nrow, cinch_error *error);

/* Codes of at most `most` rows, evenly from all; which rows they are. The caller frees both. */
typedef struct cn_sample {
    float *codes; /* [count][width] */
    size_t *rows; /* [count] */
    size_t count, width;
} cn_sample;

cinch_status cn_job_sample(const cn_figure_job *job, size_t most, cn_sample *sample, cinch_error *error);
void cn_sample_clear(cn_sample *sample);

/* The rows' file without its folders. */
const char *cn_job_source(const cn_figure_job *job);

/* The option's value of the job's spec, by name. */
const cn_value *cn_job_value(const cn_spec *spec, const char *name);

#endif
