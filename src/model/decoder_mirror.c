/* The encoder's layers from last to first, each undone: a dense layer by a dense layer to its input's size, a
 * convolution by one to its input's channels, a pool by repeating its cells. Each has the activation of the
 * encoder's layer before it (the nearest that has one), the last one ACT. Layers that only corrupt are left
 * out. */
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

/* The nearest node before `place` that is mirrored (and has an activation); count where there is none. */
static size_t mirrored_before(const cn_node *encoder, size_t place, bool activated, size_t count)
{
    while (place-- > 0)
        if (encoder[place].layer->mirror && (!activated || encoder[place].layer->activation))
            return place;
    return count;
}

static cinch_status expand(const cn_spec *spec, const cn_node *encoder, size_t count, cn_text *pipeline,
                           cinch_error *error)
{
    for (size_t i = count; i-- > 0;) {
        if (!encoder[i].layer->mirror)
            continue;
        size_t before = mirrored_before(encoder, i, true, count);
        cn_activation activation = before < count ? encoder[before].layer->activation(&encoder[before])
                                                  : (cn_activation)spec->values[ACTIVATION].word;
        if (pipeline->length)
            cn_text_add(pipeline, " | ");
        cinch_status status = encoder[i].layer->mirror(&encoder[i], activation, pipeline, error);
        if (status) {
            cn_fail_prefix(error, "mirror of layer %zu (%s): ", i, encoder[i].layer->part.name);
            return status;
        }
        /* What took an image and gave none: the image again, for the layers that follow. */
        if (encoder[i].input.rank > 1 && encoder[i].output.rank == 1 &&
            mirrored_before(encoder, i, false, count) < count) {
            cn_text_add(pipeline, " | reshape ");
            cn_shape_print(encoder[i].input, pipeline);
        }
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
