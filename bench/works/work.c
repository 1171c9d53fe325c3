#include "bench/works/work.h"

#include <stdio.h>
#include <string.h>

#define DENSE_SGD                                                                                            \
    "--encoder", "dense 128 relu | dense 64 relu | dense 32 relu", "--decoder",                              \
        "dense 64 relu | dense 128 relu | dense 784 relu", "--optimizer", "sgd lr=0.001"

const bench_work works[] = {
    {.name = "mnist-dense", .title = "mnist-dense, epoch", .flags = {"recipes/mnist-dense.ini"}},
    {.name = "donut-tied",
     .title = "donut-tied, iteration",
     .kind = WORK_ITERATION,
     .flags = {"recipes/donut-tied.ini"}},
    {.name = "mnist-deep", .title = "mnist-deep, epoch", .flags = {"recipes/mnist-deep.ini"}},
    {.name = "mnist-conv", .title = "mnist-conv, epoch", .flags = {"recipes/mnist-conv.ini"}},
    {.name = "dense-sgd",
     .title = "784-128-64-32-64-128-784, epoch",
     .flags = {"--input", "784", "--scale", "unit", "--batch", "32", DENSE_SGD}},
    {.name = "rows-dense", .title = "rows through mnist-dense", .kind = WORK_ROWS, .net = "mnist-dense"},
    {.name = "rows-conv", .title = "rows through mnist-conv", .kind = WORK_ROWS, .net = "mnist-conv"},
    {.name = "row-dense", .title = "1 row through mnist-dense", .kind = WORK_ROW, .net = "mnist-dense"},
    {.name = "cold-encode",
     .title = "cinch encode of a digit, cold",
     .kind = WORK_COLD,
     .net = "mnist-dense"},
};

const size_t nwork = sizeof works / sizeof works[0];

const bench_work *work_find(const char *name)
{
    for (size_t i = 0; i < nwork; i++)
        if (strcmp(works[i].name, name) == 0)
            return &works[i];
    return NULL;
}

bool work_is_training(const bench_work *work)
{
    return work->kind == WORK_EPOCH || work->kind == WORK_ITERATION;
}

static double size(cinch_shape shape)
{
    double count = 1;
    for (size_t i = 0; i < shape.rank; i++)
        count *= (double)shape.sizes[i];
    return count;
}

/* The weight that a layer has of its own; rank 0 where it has none. */
static cinch_shape weight_of(const cinch_model *model, const cinch_layer *layer)
{
    char name[64];
    snprintf(name, sizeof name, "%s.%zu.weight", layer->pipeline, layer->index);
    for (size_t i = 0; i < cinch_model_nparameter(model); i++) {
        cinch_parameter parameter = cinch_model_parameter(model, i);
        if (strcmp(parameter.name, name) == 0)
            return parameter.shape;
    }
    return (cinch_shape){0};
}

/* Multiplications of a row's forward pass through a layer. */
static double products(const cinch_model *model, const cinch_layer *layer)
{
    cinch_shape weight = weight_of(model, layer);
    if (weight.rank == 4) /* (out, in, h, w), over each place */
        return size(weight) * (double)layer->output.sizes[0] * (double)layer->output.sizes[1];
    if (weight.rank == 2)
        return size(weight);
    return strncmp(layer->spec, "tied ", 5) == 0 ? size(layer->input) * size(layer->output) : 0;
}

double work_operations(const cinch_model *model, bool training)
{
    double operations = 0;
    for (size_t i = 0; i < cinch_model_nlayer(model); i++) {
        cinch_layer layer = cinch_model_layer(model, i);
        operations += 2 * products(model, &layer) * (!training ? 1 : i == 0 ? 2 : 3);
    }
    return operations;
}
