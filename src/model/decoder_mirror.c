/* The encoder's layers from last to first, each undone: a dense layer by a dense layer to its input's
 * size. Each has the activation of the encoder's layer before it (the nearest that has one), the last one
 * ACT. Layers that only corrupt are left out. */
#include "model/decoder.h"

enum { ACTIVATION };

static const cn_option options[] = {
    [ACTIVATION] = {.name = "ACT",
                    .type = CN_WORD,
                    .value_argument = true,
                    .standard = "linear",
                    .words = cn_activation_names,
                    .summary = "activation of the last layer"},
    {0},
};

/* The nearest node before `place` that is mirrored and has an activation; count where there is none. */
static size_t activated_before(const cn_node *encoder, size_t place, size_t count)
{
    while (place-- > 0)
        if (encoder[place].layer->mirror && encoder[place].layer->activation)
            return place;
    return count;
}

static cinch_status expand(const cn_spec *spec, const cn_node *encoder, size_t count, cn_text *pipeline,
                           cinch_error *error)
{
    for (size_t i = count; i-- > 0;) {
        if (!encoder[i].layer->mirror)
            continue;
        size_t before = activated_before(encoder, i, count);
        cn_activation activation = before < count ? encoder[before].layer->activation(&encoder[before])
                                                  : (cn_activation)spec->values[ACTIVATION].word;
        if (pipeline->length)
            cn_text_add(pipeline, " | ");
        encoder[i].layer->mirror(&encoder[i], activation, pipeline);
    }
    if (!pipeline->length && !pipeline->failed)
        return cn_fail(error, CINCH_USAGE, "mirror: the encoder has no layer to mirror");
    return CINCH_OK;
}

const cn_decoder cn_decoder_mirror = {
    .part = {.name = "mirror",
             .example = "mirror sigmoid",
             .summary = "the encoder's layers undone, from last to first",
             .options = options},
    .expand = expand,
};
