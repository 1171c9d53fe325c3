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
    const char *kind;            /* of the parts; NULL: `print` writes the text */
    const cn_part *const *parts; /* tables that begin with a cn_part, NULL-terminated */
    void (*print)(cn_text *text);
    const char *examples; /* what comes first: lines to copy */
} topic;

enum { MOST = 64 };

/* The activations are words of a layer's option and no parts of their own. */
static void print_activations(cn_text *text)
{
    cn_part activations[MOST];
    const cn_part *parts[MOST + 1] = {NULL};
    for (size_t i = 0; i < MOST && cn_activation_names[i]; i++) {
        activations[i] =
            (cn_part){.name = cn_activation_names[i], .summary = cn_activation_helps[i].equation};
        parts[i] = &activations[i];
    }
    cn_parts_help("activation", parts, text);
}

#define PARTS(table) .parts = (const cn_part *const *)(table)

static const topic topics[] = {
    {.name = "recipe",
     .print = cn_recipe_help,
     .examples = "A recipe is an INI file that says a whole training:\n\n"
                 "  [data]\n"
                 "  train = flowers.csv\n"
                 "  label = species\n"
                 "  [model]\n"
                 "  encoder = dense 8 tanh | dense 2\n"
                 "  [train]\n"
                 "  epochs = 100\n\n"
                 "  cinch train flowers.ini -o run\n"
                 "  cinch train flowers.ini --epochs 20 -o run\n\n"
                 "Each key is a flag too; what a flag says goes before the recipe.\n\n"},
    {.name = "layers",
     .kind = "layer",
     PARTS(cn_layers),
     .examples = "Layers stand in `encoder` and `decoder`, one or several joined by |:\n\n"
                 "  cinch train --train data.csv --encoder \"dense 16 tanh | dense 2\"\n\n"
                 "Without `decoder` the encoder is mirrored. ACT: `cinch help activations`.\n\n"},
    {.name = "activations",
     .print = print_activations,
     .examples = "An activation is the last word of a layer, `linear` where there is none:\n\n"
                 "  encoder = dense 128 relu | dense 32 sigmoid\n\n"},
    {.name = "decoders",
     .kind = "decoder",
     PARTS(cn_decoders),
     .examples = "A decoder is a pipeline of layers, or made from the encoder:\n\n"
                 "  decoder = dense 128 relu | dense 784 sigmoid\n"
                 "  decoder = mirror sigmoid\n\n"},
    {.name = "losses",
     .kind = "loss",
     PARTS(cn_losses),
     .examples = "A loss says how far the reconstruction y is from the row x:\n\n"
                 "  cinch train --train data.csv --encoder \"dense 8 relu\" --loss mae\n\n"},
    {.name = "penalties",
     .kind = "penalty",
     PARTS(cn_penalties),
     .examples = "Penalties are added to the loss, one or several joined by |:\n\n"
                 "  penalty = activity_l1 1e-5 | weight_l2 1e-6\n\n"},
    {.name = "optimizers",
     .kind = "optimizer",
     PARTS(cn_optimizers),
     .examples = "An optimizer moves the weights:\n\n"
                 "  cinch train recipe.ini --optimizer \"adam lr=0.002\" -o run\n\n"},
    {.name = "initializers",
     .kind = "initializer",
     PARTS(cn_initializers),
     .examples = "An initializer draws the first weights; biases start at 0:\n\n"
                 "  init = normal 0.01\n\n"},
    {.name = "figures",
     .kind = "figure",
     PARTS(cn_figures),
     .examples = "A figure is drawn of a model and rows, into a png, svg or pdf:\n\n"
                 "  cinch plot compare run test.idx.gz -o digits.png\n"
                 "  cinch plot loss run -o loss.svg\n\n"
                 "and at a training's end, where its recipe says so:\n\n"
                 "  figures = loss | compare n=10\n\n"},
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

/* ---- Names --------------------------------------------------------------------------------------------- */

/* The words of a key that has a table of parts or of words behind it. */
static const struct {
    const char *key, *topic;
} value_topics[] = {{"encoder", "layers"}, {"init", "initializers"}};

static const char *part_name(const cn_part *const *parts, size_t index)
{
    while (index > 0 && *parts) {
        parts++;
        index--;
    }
    return *parts ? (*parts)->name : NULL;
}

static const char *word_name(const char *const *words, size_t index)
{
    while (index > 0 && *words) {
        words++;
        index--;
    }
    return *words;
}

static const char *topic_name(const topic *found, size_t index)
{
    if (found->print == cn_recipe_help)
        return index < CN_NKEY ? cn_recipe_keys[index].option.name : NULL;
    return found->parts ? part_name(found->parts, index) : word_name(cn_activation_names, index);
}

static const char *key_value_name(const char *key, size_t index)
{
    static const char *const flag_words[] = {"true", "false", NULL};
    for (size_t i = 0; i < sizeof value_topics / sizeof *value_topics; i++)
        if (cn_key_equal(value_topics[i].key, key))
            return topic_name(find_topic(value_topics[i].topic), index);
    for (size_t i = 0; i < CN_NKEY; i++) {
        const cn_option *option = &cn_recipe_keys[i].option;
        if (!cn_key_equal(option->name, key))
            continue;
        return option->type == CN_WORD   ? word_name(option->words, index)
               : option->type == CN_FLAG ? word_name(flag_words, index)
                                         : NULL;
    }
    return NULL;
}

const char *cinch_help_name(const char *name, size_t index)
{
    if (!name)
        return index < NTOPIC ? topics[index].name : NULL;
    const topic *found = find_topic(name);
    return found ? topic_name(found, index) : key_value_name(name, index);
}

/* ---- Texts --------------------------------------------------------------------------------------------- */

/* A part by its own name, "dense" or "adam", or a key, "patience": its entry of each topic that has one. */
static bool add_entries(const char *name, cn_text *text)
{
    bool found = false;
    for (size_t i = 0; i < NTOPIC; i++)
        for (const cn_part *const *part = topics[i].parts; part && *part; part++)
            if (strcmp((*part)->name, name) == 0) {
                cn_text_add(text, "%s", found ? "\n" : "");
                cn_parts_help(topics[i].kind, (const cn_part *const[]){*part, NULL}, text);
                found = true;
            }
    for (size_t i = 0; i < CN_NKEY; i++)
        if (cn_key_equal(cn_recipe_keys[i].option.name, name)) {
            cn_text_add(text, "%s[%s]\n", found ? "\n" : "", cn_recipe_keys[i].section);
            cn_option_help(&cn_recipe_keys[i].option, text);
            found = true;
        }
    return found;
}

/* The nearest topic, else the nearest part of one. */
static const char *nearest_name(const char *name)
{
    const char *names[NTOPIC + 1] = {NULL};
    for (size_t i = 0; i < NTOPIC; i++)
        names[i] = topics[i].name;
    const char *nearest = cn_text_nearest(name, names);
    for (size_t i = 0; i < NTOPIC && !nearest; i++) {
        const char *parts[MOST + 1] = {NULL};
        for (size_t j = 0; j < MOST && topics[i].parts && topics[i].parts[j]; j++)
            parts[j] = topics[i].parts[j]->name;
        nearest = cn_text_nearest(name, parts);
    }
    return nearest;
}

static void fail_unknown(const char *name, cinch_error *error)
{
    const char *nearest = nearest_name(name);
    if (nearest)
        cn_fail(error, CINCH_USAGE, "no help on \"%.80s\"; the nearest is \"%s\"", name, nearest);
    else
        cn_fail(error, CINCH_USAGE, "no help on \"%.80s\" (see cinch help)", name);
}

char *cinch_help_text(const char *name, cinch_error *error)
{
    const topic *found = find_topic(name);
    cn_text text = {0};
    if (!found && add_entries(name, &text))
        return cn_text_take(&text, error);
    if (!found) {
        fail_unknown(name, error);
        return NULL;
    }
    cn_text_add(&text, "%s", found->examples);
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
