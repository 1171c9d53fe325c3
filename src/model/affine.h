/* y = f(W x + b): the two passes of the layers that are this, dense and tied. */
#ifndef CN_MODEL_AFFINE_H
#define CN_MODEL_AFFINE_H

#include "model/layer.h"

typedef struct cn_affine {
    size_t in, out;
    cn_activation activation;
    const void *forward;  /* W packed for the way there: [ceil(out/16)][in][16] */
    const void *backward; /* and for the gradient's way back: [ceil(in/16)][out][16] */
    const void *bias;
} cn_affine;

/* Keeps W x + b where flow->kept is there to hold it. */
void cn_affine_forward(const cn_affine *affine, const cn_flow *flow, const cn_step *step, size_t first,
                       size_t count);

/* dz = dy f'(z) + flow->dz, left in dy for `gradient`; dx = dz W. */
void cn_affine_backward(const cn_affine *affine, const cn_flow *flow, const cn_step *step, size_t first,
                        size_t count);

/* The same with units shared out (model/layer.h). */
void cn_affine_forward_columns(const cn_affine *affine, const cn_flow *flow, const cn_step *step, size_t rows,
                               size_t first, size_t count);
void cn_affine_slopes(const cn_affine *affine, const cn_flow *flow, const cn_step *step, size_t first,
                      size_t count);
void cn_affine_back_columns(const cn_affine *affine, const cn_flow *flow, const cn_step *step, size_t rows,
                            size_t first, size_t count);

/* The same over bundles. `from` and `to` of the gradient: the values that a weight (in, out) of the encoder's
 * own layer has there: of the way there x and dz, of a tied layer dz and x. */
bool cn_affine_fits(const cn_node *node);
void cn_affine_bundle_forward(const cn_affine *affine, const cn_flow *flow, const cn_step *step,
                              size_t nbundle);
void cn_affine_bundle_backward(const cn_affine *affine, const cn_flow *flow, const cn_step *step,
                               size_t nbundle);
void cn_affine_bundle_gradient(const cn_step *step, size_t nbundle, size_t in, const void *from, size_t out,
                               const void *to, void *sums);

/* As primitives: the matrix (in the file `transposed`: the encoder's own), the bias, the activation. */
void cn_affine_lower(const cn_node *node, const cn_parameter *weight, bool transposed,
                     const cn_parameter *bias, cn_activation activation, cn_program *program);

#endif
