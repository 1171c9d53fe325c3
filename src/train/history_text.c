#include "train/history_text.h"

#include <string.h>

static void begin(cn_history_text *text)
{
    static const char names[] = "epoch,train_loss,train_reconstruction,validation_loss";
    cn_text_add(&text->plain, "%s\n", names);
    cn_text_add(&text->timed, "%s,seconds\n", names);
    cn_text_add_bytes(&text->seconds, "", 0);
}

static void add_epoch(cn_history_text *text, size_t number, const cinch_epoch *epoch, bool validated)
{
    char loss[CN_NUMBER_ROOM], reconstruction[CN_NUMBER_ROOM], validation[CN_NUMBER_ROOM] = "",
                                                               seconds[CN_NUMBER_ROOM];
    cn_number_print(epoch->train_loss, loss);
    if (epoch->train_reconstruction == epoch->train_loss)
        strcpy(reconstruction, loss);
    else
        cn_number_print(epoch->train_reconstruction, reconstruction);
    if (validated)
        cn_number_print(epoch->validation_loss, validation);
    cn_number_print(epoch->seconds, seconds);
    cn_text_add(&text->plain, "%zu,%s,%s,%s\n", number, loss, reconstruction, validation);
    cn_text_add(&text->timed, "%zu,%s,%s,%s,%s\n", number, loss, reconstruction, validation, seconds);
    cn_text_add(&text->seconds, "%s%s", number ? "," : "", seconds);
}

cinch_status cn_history_text_follow(cn_history_text *text, const cinch_epoch *epochs, size_t count,
                                    bool validated, cinch_error *error)
{
    if (!text->plain.length || text->count > count) {
        cn_history_text_clear(text);
        begin(text);
    }
    for (; text->count < count; text->count++)
        add_epoch(text, text->count, &epochs[text->count], validated);
    if (!text->plain.failed && !text->timed.failed && !text->seconds.failed)
        return CINCH_OK;
    cn_history_text_clear(text);
    return cn_fail(error, CINCH_MEMORY, "out of memory for a history of %zu epochs", count);
}

void cn_history_text_clear(cn_history_text *text)
{
    cn_text_clear(&text->plain);
    cn_text_clear(&text->timed);
    cn_text_clear(&text->seconds);
    *text = (cn_history_text){0};
}
