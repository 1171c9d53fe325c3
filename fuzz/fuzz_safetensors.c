/* libFuzzer: any bytes as a safetensors file. */
#include <string.h>

#include "base/memory.h"
#include "format/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t nbytes)
{
    cn_bytes bytes = {cn_new(nbytes, 1, NULL), nbytes};
    cn_safetensors file;
    bool hashed;

    if (bytes.data == NULL)
        return 0;
    memcpy(bytes.data, data, nbytes);
    if (cn_safetensors_parse(&bytes, "fuzz", &cn_limits_standard, &file, &hashed, NULL) == CINCH_OK) {
        cn_safetensors_tensor(&file, "encoder.0.weight");
        cn_safetensors_metadata(&file, "recipe");
        cn_safetensors_clear(&file);
    }
    return 0;
}
