/* A model's parameters while it runs: packed for the kernels, with their optimizer's arrays, and
 * the tiles in which they are updated. */
#ifndef CN_TRAIN_WEIGHTS_H
#define CN_TRAIN_WEIGHTS_H

#include "model/model.h"
#include "train/optimizer.h"
#include "train/penalty.h"

/* One place where a net uses a parameter: tied weights have two. */
typedef struct cn_use {
    size_t node, local; /* parameter number `local` of that node */
} cn_use;

typedef struct cn_weights {
    const cn_kernels *kernels;
    size_t count;
    cn_packed *packed; /* [count] */
    size_t nslot;      /* optimizer arrays a parameter; 0 where nothing is trained */
    void **slots;      /* [count * nslot], packed as the parameter */
    cn_use *uses;      /* in the order of the nodes, one parameter's after the other's */
    size_t *first_use; /* [count + 1] */
    cn_tile *tiles;    /* every parameter cut up, in order */
    size_t ntile;
} cn_weights;

/* Packs the model's parameters. For training there are nslot arrays for each, all 0. */
cn_weights *cn_weights_new(const cinch_model *model, const cn_kernels *kernels, bool training, size_t nslot,
                           cinch_error *error);
void cn_weights_free(cn_weights *weights);

/* Keeps the transpose of a matrix from now on, where it was not kept already. */
cinch_status cn_weights_transpose(cn_weights *weights, size_t parameter, cinch_error *error);

/* The model's values in, and out again. */
void cn_weights_load(cn_weights *weights, const cinch_model *model);
void cn_weights_store(const cn_weights *weights, cinch_model *model);

/* An optimizer's array or a gradient in the parameter's own layout, float32 as all that files hold. */
void cn_weights_pack(const cn_weights *weights, const cinch_model *model, size_t parameter,
                     const float *values, void *reals);
void cn_weights_unpack(const cn_weights *weights, const cinch_model *model, size_t parameter,
                       const void *reals, float *values);

/* The node from which gradients flow: the first that has parameters. */
size_t cn_first_trained(const cinch_model *model);

/* The penalty of the weights in one tile; adds its gradient to the tile's, [tile->count] reals (NULL:
 * none). */
double cn_weights_penalty(const cn_weights *weights, const cinch_model *model, const cn_pipeline *penalties,
                          const cn_tile *tile, void *gradient);

/* Reals in a tile at most. */
enum { CN_TILE_REALS = CN_TILE_ROWS * CN_PANEL };

/* A tile's reals in an array that is packed as its parameter. */
static inline void *cn_tile_reals(const cn_weights *weights, const cn_tile *tile, void *array)
{
    return (char *)array + tile->first * weights->kernels->real_size;
}

#endif
