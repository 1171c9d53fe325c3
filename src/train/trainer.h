/* A training in memory: what the trainer and its checkpoints share. */
#ifndef CN_TRAIN_TRAINER_H
#define CN_TRAIN_TRAINER_H

#include "train/evaluate.h"
#include "train/history_text.h"

struct cinch_trainer {
    /* What it is: fixed when it is made. */
    cinch_recipe *recipe;
    const cinch_data *data;
    size_t rows, validation_rows; /* the first rows train, those after them validate */
    size_t checksum;              /* of all of them, as they are stored */
    size_t batch, epochs, patience;
    uint64_t seed;
    bool shuffle, keep_best;
    cn_objective objective;
    cn_spec optimizer;
    cinch_model *model; /* the net and its scaler; its values are not kept up to date */
    const cn_kernels *kernels;
    cn_threads *threads;
    cn_weights *weights;
    cn_plan *plan;
    cn_evaluator *validator; /* NULL without validation */
    size_t *order;           /* [rows]: this epoch's order */
    size_t *tiles;           /* [tiles]: thread after thread, each one's tiles */
    size_t *first_tile;      /* [threads + 1]: where each one's begin there */
    double *tile_penalties;  /* [tiles]: of this step */
    void *gradients; /* [threads][CN_TILE_PANELS][CN_TILE_REALS]: of the tiles that a thread has in hand */

    /* Where it stands: what a checkpoint holds. */
    size_t epoch, row;                   /* the epoch under way and its rows done */
    size_t updates;                      /* of the optimizer, so far */
    double loss_sum, reconstruction_sum; /* over this epoch's rows so far */
    double seconds;                      /* of this epoch so far */
    cinch_epoch *history;                /* [epoch] of those done, with room for history_room */
    size_t history_room;
    cn_history_text *history_text; /* of those printed so far */
    size_t best_epoch;
    double best_loss; /* infinity before any */
    float **best;     /* [parameters]: the best epoch's values; NULL unless keep_best */

    /* Between the threads of a step: pause and diverged are written by thread 0 between the two barriers that
     * end it. */
    double next_call; /* clock time of the next callback; infinity without one */
    bool pause, diverged;
};

static inline const cn_optimizer *cn_trainer_optimizer(const cinch_trainer *trainer)
{
    return (const cn_optimizer *)trainer->optimizer.part;
}

/* No epoch is left, or patience has run out. */
bool cn_trainer_finished(const cinch_trainer *trainer);

/* Room for the history of so many epochs. */
cinch_status cn_trainer_reserve(cinch_trainer *trainer, size_t nepoch, cinch_error *error);

/* What a checkpoint holds for others beside the trainer's own, all of it the caller's. */
typedef struct cn_more {
    const cn_entry *entries;
    size_t nentry;
    const cn_tensor *tensors;
    size_t ntensor;
} cn_more;

cinch_status cn_trainer_save(const cinch_trainer *trainer, const cn_more *more, const char *path,
                             cinch_error *error);

/* The history as texts, the trainer's own until the next call. */
const cn_history_text *cn_trainer_history_text(const cinch_trainer *trainer, cinch_error *error);

/* A copy as CSV, with or without its seconds. */
char *cn_trainer_history(const cinch_trainer *trainer, bool seconds, cinch_error *error);

#endif
