/* The history as text, each epoch's line printed once: files of it are written again and again, and of ten thousand
 * short epochs the printing would take longer than the training. */
#ifndef CN_TRAIN_HISTORY_TEXT_H
#define CN_TRAIN_HISTORY_TEXT_H

#include "base/text.h"
#include "cinch.h"

typedef struct cn_history_text {
    size_t count;    /* epochs printed so far */
    cn_text plain;   /* CSV, its names first: epoch, train_loss, train_reconstruction, validation_loss */
    cn_text timed;   /* the same, and seconds */
    cn_text seconds; /* these alone, commas between */
} cn_history_text;

/* Prints epochs [text->count, count), the losses of validation where there are any. */
cinch_status cn_history_text_follow(cn_history_text *text, const cinch_epoch *epochs, size_t count,
                                    bool validated, cinch_error *error);
void cn_history_text_clear(cn_history_text *text);

#endif
