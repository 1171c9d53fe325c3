/* The weights that a training starts from: drawn, or out of a file. */
#include "model/initializer.h"
#include "model/model.h"

static void draw_parameter(cn_parameter *parameter, size_t place, uint64_t seed, const cn_spec *spec)
{
    const cn_initializer *initializer = (const cn_initializer *)spec->part;
    double width = initializer->width(spec, (double)parameter->fan_in, (double)parameter->fan_out);
    cn_random random = cn_random_at(seed, CN_DRAW_INIT, place, 0, 0);
    for (size_t i = 0; i < parameter->count; i++) {
        random.row = i >> 24; /* a stream's index has 32 bits, a normal draw takes two words */
        uint32_t index = (uint32_t)(i & 0xffffff);
        parameter->values[i] =
            (float)(width * (initializer->normal ? cn_random_normal(&random, index)
                                                 : 2 * cn_random_uniform(&random, index) - 1));
    }
}

static cinch_status draw_parameters(cinch_model *model, cinch_error *error)
{
    cn_spec spec;
    cinch_status status = cn_spec_parse(cn_recipe_text(model->recipe, CN_INIT), "initializer",
                                        (const cn_part *const *)cn_initializers, &spec, error);
    if (status)
        return cn_recipe_blame(model->recipe, CN_INIT, status, error);
    uint64_t seed = cn_recipe_value(model->recipe, CN_SEED).count;
    for (size_t i = 0; i < model->nparameter; i++)
        if (model->parameters[i].fan_in)
            draw_parameter(&model->parameters[i], i, seed, &spec);
    cn_spec_clear(&spec);
    return CINCH_OK;
}

static cinch_status take_from_file(cinch_model *model, const char *path, cinch_error *error)
{
    cn_bytes bytes = {0};
    cn_safetensors file = {0};
    bool hashed;
    cinch_status status = cn_file_read(path, cn_limits_standard.file_bytes, &bytes, error);
    if (!status && !(status = cn_safetensors_parse(&bytes, path, &cn_limits_standard, &file, &hashed, error)))
        status = cn_model_take(model, &file, "", path, error);
    cn_safetensors_clear(&file);
    return status;
}

cinch_status cn_model_init(cinch_model *model, const char *init_from, cinch_error *error)
{
    return *init_from ? take_from_file(model, init_from, error) : draw_parameters(model, error);
}
