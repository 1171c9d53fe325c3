/* A net at inference: a list of a few closed primitives. The planner that runs it and every exporter know
 * these and no layers. Images lie in planes (C, H, W) here. */
#ifndef CN_MODEL_PROGRAM_H
#define CN_MODEL_PROGRAM_H

#include "base/error.h"
#include "math/activations.h"
#include "model/convolution.h"

/* How a parameter lies in memory while a net runs. A vector is its values, padded with zeros to CN_PANEL; a
 * matrix, (out, in) in the file, is a cn_matrix; and so are windows, (out, in, height, width), as
 * model/windows.h says. */
typedef enum cn_packing { CN_PACK_VECTOR, CN_PACK_MATRIX, CN_PACK_WINDOWS } cn_packing;

/* A trained array of a model, as the file has it. */
typedef struct cn_parameter {
    char *name; /* "encoder.0.weight"; owned */
    cinch_shape shape;
    size_t count;  /* of values */
    float *values; /* row-major; owned */
    cn_packing packing;
    size_t fan_in, fan_out; /* both 0: starts at 0 */
    bool weight;            /* weight penalties apply */
    size_t work;            /* multiply-adds of one value's gradient for each row */
} cn_parameter;

typedef enum cn_primitive_kind {
    CN_MATMUL,         /* y = W x, parameter (out, in); transposed: y = x W, parameter (in, out) */
    CN_ADD,            /* y = x + b, parameter (features), of an image (channels) */
    CN_SCALE,          /* y = factor x, times the parameter (features) where there is one */
    CN_ACTIVATE,       /* y = f(x) */
    CN_CONV,           /* `convolution` down, parameter (out, in, height, width) */
    CN_CONV_TRANSPOSE, /* `convolution` up, parameter (in, out, height, width) */
    CN_MAXPOOL,        /* the large planes of `pooling` to its small ones */
    CN_AVGPOOL,        /* the same, the mean of what lies inside */
    CN_RESIZE,         /* the small planes of `pooling` to its large ones, nearest */
    CN_RESHAPE,        /* the same values in another shape */
    CN_GATHER          /* y[i] = x[columns[i]] */
} cn_primitive_kind;

typedef struct cn_primitive {
    cn_primitive_kind kind;
    cinch_shape input, output; /* of one row */
    const cn_parameter *parameter;
    cn_activation activation;
    double factor;
    cn_convolution convolution;
    cn_pooling pooling;
    bool transposed;
    size_t *columns; /* [output values], the program's */
} cn_primitive;

typedef struct cn_program {
    cn_primitive *primitives;
    size_t count, room;
    bool failed; /* an allocation failed: asked once, at the end */
} cn_program;

/* Takes columns over. */
void cn_program_add(cn_program *program, cn_primitive primitive);
void cn_program_clear(cn_program *program);

#endif
