/* cinch_help_text: what a recipe may say, out of the same tables that the parsers use. */
#include <string.h>

#include "base/memory.h"
#include "base/recipe.h"
#include "math/activations.h"
#include "model/decoder.h"
#include "model/initializer.h"
#include "model/layer.h"
#include "report/figure.h"
#include "train/loss.h"
#include "train/optimizer.h"
#include "train/penalty.h"

typedef struct topic {
    const char *name;
    const char *kind;               /* of the parts; NULL: `print` writes the text */
    const cn_part *const *parts;   /* tables that begin with a cn_part, NULL-terminated */
    void (*print)(cn_text *text);
} topic;

/* Equations of the activations, which are words of a layer's option and no parts of their own. */
static const cn_part activations[] = {
    {.name = "linear", .summary = "the sum itself", .equation = "f(z) = z"},
    {.name = "relu", .summary = "rectified linear", .equation = "f(z) = max(z, 0)"},
    {.name = "leaky", .summary = "rectified with a slope of 0.01 below 0", .equation = "f(z) = max(z, 0.01 z)"},
    {.name = "sigmoid", .summary = "logistic, into (0, 1)", .equation = "f(z) = 1 / (1 + exp(-z))"},
    {.name = "tanh", .summary = "hyperbolic tangent, into (-1, 1)", .equation = "f(z) = tanh(z)"},
    {.name = "elu", .summary = "exponential linear", .equation = "f(z) = z for z > 0, else exp(z) - 1"},
    {.name = "selu", .summary = "self-normalizing exponential linear",
     .equation = "f(z) = 1.0507 z for z > 0, else 1.0507 * 1.6733 (exp(z) - 1)"},
    {.name = "gelu", .summary = "Gaussian error linear, exact", .equation = "f(z) = z (1 + erf(z / sqrt(2))) / 2"},
    {.name = "silu", .summary = "z weighted by its sigmoid", .equation = "f(z) = z / (1 + exp(-z))"},
    {.name = "softplus", .summary = "smooth rectifier", .equation = "f(z) = log(1 + exp(z))"},
};

enum { NACTIVATION = sizeof activations / sizeof *activations, MOST = 64 };

/* In the order of the layers' own list; one without an equation here is listed all the same. */
static void print_activations(cn_text *text)
{
    cn_part others[MOST];
    const cn_part *parts[MOST + 1] = {NULL};
    for (size_t i = 0; i < MOST && cn_activation_names[i]; i++) {
        others[i] = (cn_part){.name = cn_activation_names[i], .summary = ""};
        parts[i] = &others[i];
        for (size_t j = 0; j < NACTIVATION; j++)
            if (!strcmp(activations[j].name, cn_activation_names[i]))
                parts[i] = &activations[j];
    }
    cn_parts_help("activation", parts, text);
}

static const topic topics[] = {
    {.name = "recipe", .print = cn_recipe_help},
    {.name = "layers", .kind = "layer", .parts = (const cn_part *const *)cn_layers},
    {.name = "activations", .print = print_activations},
    {.name = "decoders", .kind = "decoder", .parts = (const cn_part *const *)cn_decoders},
    {.name = "losses", .kind = "loss", .parts = (const cn_part *const *)cn_losses},
    {.name = "penalties", .kind = "penalty", .parts = (const cn_part *const *)cn_penalties},
    {.name = "optimizers", .kind = "optimizer", .parts = (const cn_part *const *)cn_optimizers},
    {.name = "initializers", .kind = "initializer", .parts = (const cn_part *const *)cn_initializers},
    {.name = "figures", .kind = "figure", .parts = (const cn_part *const *)cn_figures},
};

enum { NTOPIC = sizeof topics / sizeof *topics };

/* "layer" finds layers too. */
static const topic *find_topic(const char *name)
{
    for (size_t i = 0; i < NTOPIC; i++)
        if (!strcmp(topics[i].name, name) || (topics[i].kind && !strcmp(topics[i].kind, name)))
            return &topics[i];
    return NULL;
}

static void fail_unknown(const char *name, cinch_error *error)
{
    const char *names[NTOPIC + 1] = {NULL};
    for (size_t i = 0; i < NTOPIC; i++)
        names[i] = topics[i].name;
    const char *nearest = cn_text_nearest(name, names);
    if (nearest)
        cn_fail(error, CINCH_USAGE, "no help on \"%.80s\"; the nearest is \"%s\"", name, nearest);
    else
        cn_fail(error, CINCH_USAGE, "no help on \"%.80s\" (see cinch help)", name);
}

char *cinch_help_text(const char *name, cinch_error *error)
{
    const topic *found = find_topic(name);
    if (!found) {
        fail_unknown(name, error);
        return NULL;
    }
    cn_text text = {0};
    if (found->print)
        found->print(&text);
    else if (found->parts[0])
        cn_parts_help(found->kind, found->parts, &text);
    else
        cn_text_add(&text, "There are no %s yet.\n", found->name);
    return cn_text_take(&text, error);
}

void cinch_text_free(char *text)
{
    cn_free(text);
}
