/* A layer: its options, shape, parameters, both passes, and itself at inference as primitives.
 *
 * Each layer is one file layer_NAME.c that ends in `const cn_layer cn_layer_NAME`. Adding that file is
 * all: parser, help, planner, trainer, model files, checkpoints and gradient checks run over the table.
 *
 * Inside the engine an image lies in planes, channel after channel, whatever the order in its file (H, W, C):
 * so a dense layer behind it has its weights in the order C, H, W, as the file wants it.
 */
#ifndef CN_MODEL_LAYER_H
#define CN_MODEL_LAYER_H

#include "base/random.h"
#include "base/spec.h"
#include "math/kernels.h"
#include "model/program.h"

enum { CN_MAX_PARAMETERS = 4 }; /* of one layer */

/* The option ACT of the layers that have an activation. */
#define CN_ACTIVATION_OPTION                                                                                 \
    {                                                                                                        \
        .name = "ACT", .type = CN_WORD, .value_argument = true, .standard = "linear",                        \
        .words = cn_activation_names, .summary = "activation"                                                \
    }

/* The option N of those that have units. */
#define CN_UNITS_OPTION                                                                                      \
    {                                                                                                        \
        .name = "N", .type = CN_COUNT, .value_argument = true, .minimum = 1, .maximum = 1 << 24,             \
        .summary = "units"                                                                                   \
    }

/* A layer in its place in a net. */
typedef struct cn_node {
    const struct cn_layer *layer;
    cn_spec spec;
    bool decoder;                         /* which of the two pipelines */
    size_t index;                         /* in that pipeline, from 0 */
    size_t place;                         /* in the whole net, from 0: keys its random draws */
    cinch_shape input, output;            /* of one row; `shape` fills output */
    size_t parameters[CN_MAX_PARAMETERS]; /* places in the model's list of parameters */
    size_t nparameter;

    /* What a planner has decided of its own copy of a node; 0 and false in a model. */
    size_t repeat, pool; /* the upsampling before it and the pooling behind it that it does in one */
    bool idle;           /* a neighbour does what it does */
} cn_node;

/* What a layer says of one parameter. */
typedef struct cn_declaration {
    const char *suffix; /* "weight": its name is PIPELINE.INDEX.suffix; NULL: shared, see below */
    cinch_shape shape;  /* PyTorch's layout */
    cn_packing packing;
    size_t fan_in, fan_out; /* for the initializer; both 0: starts at 0 */
    bool weight;            /* counts for weight_l1 and weight_l2 */
    size_t work;            /* multiply-adds of one value's gradient for each row; 0 stands for 1 */
    size_t owner, local;    /* shared: it is parameter number `local` of the encoder's layer `owner` */
} cn_declaration;

/* A parameter as it runs: packed, in the kernels' precision. */
typedef struct cn_packed {
    cn_packing packing;
    size_t nreal; /* in the packed array */
    void *reals;  /* the vector, or matrix.panels */
    cn_matrix matrix;
} cn_packed;

/* What one step is, for layers that draw or act in training only. */
typedef struct cn_step {
    const cn_kernels *kernels;
    bool training; /* dropout and noise act */
    bool noise;    /* they act outside of training too */
    uint64_t seed;
    size_t epoch, epochs;
    const size_t *rows; /* the number in the data of each row in the buffers: keys its draws */
    size_t thread;      /* whose step it is */
    void *scratch;      /* the thread's own: as many reals as any layer's `scratch` asks for */
} cn_step;

/* The buffers a node works on in one plan: [rows][stride] reals each, rows of the batch or of the chunks that
 * the threads have in hand. */
typedef struct cn_flow {
    const void *x;
    void *y;    /* the output */
    void *dy;   /* the loss's gradient to y; backward may overwrite it with what `gradient` needs */
    void *dx;   /* to x, for backward to fill; NULL where nobody asks */
    void *kept; /* what forward keeps for backward */
    void *dz;   /* of a dense layer, as dy: what penalties add to the gradient of W x + b; NULL: nothing */
    size_t x_stride, y_stride, kept_stride;
    const void *plan; /* over bundles: what the layer's `plan` has made */
    bool logits;      /* leave out the output activation: the loss works on its input */
    const cn_packed *parameters[CN_MAX_PARAMETERS];
} cn_flow;

/* A part of a packed parameter whose gradient is computed in one go. */
typedef struct cn_tile {
    size_t parameter;        /* in the model's list */
    size_t first, count;     /* the reals of the packed array that it covers */
    size_t panel, row, nrow; /* where it lies in a matrix */
    size_t npanel; /* with the tiles of so many panels, of the same rows, behind it: 1 is itself alone */
} cn_tile;

/* A layer's passes with its units shared out among the threads, not the rows: where rows are few and weights
 * many, so that each thread reads its own part of them. `first` is a multiple of CN_PANEL. The bits are the
 * same. */
typedef struct cn_columned {
    /* Values [first, first + count) of the output, of all `rows`. */
    void (*forward)(const cn_node *node, const cn_flow *flow, const cn_step *step, size_t rows, size_t first,
                    size_t count);
    /* `backward` in two: what it leaves in dy, of rows [first, first + count); then values [first, first +
     * count) of all rows' dx. */
    void (*slopes)(const cn_node *node, const cn_flow *flow, const cn_step *step, size_t first, size_t count);
    void (*back)(const cn_node *node, const cn_flow *flow, const cn_step *step, size_t rows, size_t first,
                 size_t count);
} cn_columned;

/* A layer's passes over bundles of rows (math/bundles.h), for the nets that go so: train/bundles.h. The
 * buffers of a flow are then [values][nbundle][CN_BUNDLE], their strides not looked at; what each function
 * does is otherwise what it does over rows. `backward` of a plan or of scratch: slopes go back to x too. */
typedef struct cn_bundled {
    bool one; /* takes one bundle at a time */
    /* Whether bundles are for this node; NULL: always. */
    bool (*fits)(const cn_node *node);
    /* What it works out once; NULL: nothing. */
    cinch_status (*plan)(const cn_node *node, bool backward, void **plan, cinch_error *error);
    void (*free)(void *plan);
    /* Values kept of a row, and of scratch; NULL: none. */
    size_t (*kept)(const cn_node *node);
    size_t (*scratch)(const cn_node *node, bool backward);
    void (*forward)(const cn_node *node, const cn_flow *flow, const cn_step *step, size_t nbundle);
    void (*backward)(const cn_node *node, const cn_flow *flow, const cn_step *step, size_t nbundle);
    /* Adds the gradient of its parameter number `local`, values in the order of the file (of a matrix
     * transposed: (in, out)), of each row by itself: sums[values][CN_BUNDLE]. */
    void (*gradient)(const cn_node *node, const cn_flow *flow, const cn_step *step, size_t nbundle,
                     size_t local, void *sums);
} cn_bundled;

typedef struct cn_layer {
    cn_part part;
    bool first;     /* works on the row itself: stands first in the encoder, and nowhere else */
    bool by_epochs; /* acts by the share of the epochs that are done: of more epochs it is another training */

    /* It is y = ACT(W x + b), its parameters W and b in this order, and keeps W x + b where it keeps
     * anything: what can be tied, and what a penalty may take apart. */
    bool dense;
    /* Its output is drawn, in evaluation too, and is its mean at inference. */
    bool drawn;

    /* Works out node->output from node->input, or refuses, naming what does not fit. */
    cinch_status (*shape)(cn_node *node, cinch_error *error);
    /* Fills at most CN_MAX_PARAMETERS declarations and returns how many; NULL: none. */
    size_t (*declare)(const cn_node *node, cn_declaration *declarations);
    /* Its output activation; NULL: none, and it can leave nothing to the loss. */
    cn_activation (*activation)(const cn_node *node);
    /* Writes the spec (or a pipeline) that undoes it in a decoder, ending in `activation`, or refuses, saying
     * why there is none; NULL: left out. */
    cinch_status (*mirror)(const cn_node *node, cn_activation activation, cn_text *spec, cinch_error *error);
    /* Reals a row keeps from forward to backward; NULL: none. They are 0 before the first step. */
    size_t (*kept)(const cn_node *node);
    /* Where in what a row keeps its code for penalties lies, and the slopes that they add; NULL: the code is
     * the output. */
    void (*code)(const cn_node *node, size_t *code, size_t *slope);
    /* Reals of scratch that forward, backward and gradient need; NULL: none. */
    size_t (*scratch)(const cn_node *node);

    /* Rows [first, first + count) of the buffers, each by itself: threads carry different rows. */
    void (*forward)(const cn_node *node, const cn_flow *flow, const cn_step *step, size_t first,
                    size_t count);
    void (*backward)(const cn_node *node, const cn_flow *flow, const cn_step *step, size_t first,
                     size_t count);

    /* The gradient of one tile of its parameter number `local` over all `rows` of the batch, after every
     * row's backward; added to what is there where `accumulate`. NULL where it has no parameters. */
    void (*gradient)(const cn_node *node, const cn_flow *flow, const cn_step *step, size_t rows, size_t local,
                     const cn_tile *tile, bool accumulate, void *reals);

    /* Its values are its input's, in another shape: a planner passes it over. */
    bool renames;

    /* What a planner may do in one with a neighbour. `repeats`: it only repeats cells N x N. `pools`: it only
     * takes the largest of N x N cells. `fuses`: whether it can do such neighbours' work in its own (1:
     * none); then it finds them in its node. NULL: 1, 1, false. */
    size_t (*repeats)(const cn_node *node);
    size_t (*pools)(const cn_node *node);
    bool (*fuses)(const cn_node *node, size_t repeat, size_t pool);

    /* `gradient` is asked for whole parameters and a few rows at a time, as soon as they have gone back
     * (train/blocks.h), rather than for tiles of them and the whole batch. */
    bool by_rows;

    /* Its passes over bundles, and with its units shared out; NULL: it has none. */
    const cn_bundled *bundled;
    const cn_columned *columned;

    /* The place in its input that value `index` of its output is at inference; NULL: it picks none. */
    size_t (*column)(const cn_node *node, const cn_parameter *parameters, size_t index);

    /* Appends what it is at inference. `parameters` are the model's. */
    void (*lower)(const cn_node *node, const cn_parameter *parameters, cn_program *program);
} cn_layer;

extern const cn_layer *const cn_layers[]; /* NULL-terminated, made by the build */

static inline const cn_part *const *cn_layer_parts(void)
{
    return (const cn_part *const *)cn_layers;
}

/* Row r of a buffer. */
static inline void *cn_row(const cn_step *step, const void *buffer, size_t stride, size_t row)
{
    return (char *)buffer + row * stride * step->kernels->real_size;
}

/* Value f of a buffer of `nbundle` bundles. */
static inline void *cn_bundle_at(const cn_step *step, const void *buffer, size_t nbundle, size_t f)
{
    return cn_row(step, buffer, nbundle * CN_BUNDLE, f);
}

/* 0 for float, 1 for double: the place in a part's pairs of functions. */
static inline size_t cn_precision(const cn_step *step)
{
    return step->kernels->real_size == sizeof(double);
}

/* y = f(z) and dz = dz f'(z) over arrays without gaps. z is not looked at where y is enough. */
void cn_activate_all(const cn_kernels *kernels, cn_activation activation, size_t count, const void *z,
                     void *y);
void cn_activate_all_backward(const cn_kernels *kernels, cn_activation activation, size_t count,
                              const void *z, const void *y, void *dz);

static inline size_t cn_shape_size(cinch_shape shape)
{
    size_t size = 1;
    for (size_t i = 0; i < shape.rank; i++)
        size *= shape.sizes[i];
    return size;
}

/* The `mirror` of the layers that a dense one to their input's size undoes. */
cinch_status cn_mirror_dense(const cn_node *node, cn_activation activation, cn_text *spec,
                             cinch_error *error);

/* "28x28x1", for messages and help; and back, a two-dimensional one with one channel. */
void cn_shape_print(cinch_shape shape, cn_text *text);
cinch_status cn_shape_parse(const char *chars, cinch_shape *shape, cinch_error *error);

/* Its values; false where they do not fit a size_t. */
bool cn_shape_count(cinch_shape shape, size_t *count);

static inline cinch_shape cn_shape_flat(size_t size)
{
    return (cinch_shape){.rank = 1, .sizes = {size}};
}

#endif
