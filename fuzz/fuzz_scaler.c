/* libFuzzer: any text as a scaler's JSON. */
#include <string.h>

#include "base/memory.h"
#include "data/scaler.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t nbytes)
{
    char *json = cn_new(nbytes + 1, 1, NULL);
    cn_scaler scaler;

    if (json == NULL)
        return 0;
    memcpy(json, data, nbytes);
    cn_scaler_parse(&scaler, json, 3, NULL);
    cn_scaler_clear(&scaler);
    cn_free(json);
    return 0;
}
