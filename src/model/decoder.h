/* A decoder that is worked out from the encoder instead of written as a pipeline: decoder_NAME.c. */
#ifndef CN_MODEL_DECODER_H
#define CN_MODEL_DECODER_H

#include "model/layer.h"

typedef struct cn_decoder {
    cn_part part;
    /* What its pipelines are made of, where it brings layers of its own; NULL: of the table's layers. */
    const cn_part *const *layers;
    /* Writes the decoder as a pipeline of layers, given the encoder's nodes with their shapes. */
    cinch_status (*expand)(const cn_spec *spec, const cn_node *encoder, size_t count, cn_text *pipeline,
                           cinch_error *error);
} cn_decoder;

extern const cn_decoder *const cn_decoders[];

#endif
