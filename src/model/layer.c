/* What layers share: shapes as text, the mirror of many, activations over whole arrays. */
#include "model/layer.h"

#include "base/memory.h"

/* ---- Shapes -------------------------------------------------------------------------------------------- */

void cn_shape_print(cinch_shape shape, cn_text *text)
{
    for (size_t i = 0; i < shape.rank; i++)
        cn_text_add(text, i ? "x%zu" : "%zu", shape.sizes[i]);
}

cinch_status cn_shape_parse(const char *chars, cinch_shape *shape, cinch_error *error)
{
    *shape = (cinch_shape){0};
    for (const char *c = chars;; c++) {
        size_t size = 0;
        if (*c < '0' || *c > '9' || shape->rank == CINCH_MAX_RANK)
            goto refuse;
        for (; *c >= '0' && *c <= '9'; c++)
            if (!cn_multiply(size, 10, &size) || !cn_add(size, (size_t)(*c - '0'), &size))
                goto refuse;
        shape->sizes[shape->rank++] = size;
        if (!size || (*c && *c != 'x'))
            goto refuse;
        if (!*c)
            break;
    }
    if (shape->rank == 2)
        shape->sizes[shape->rank++] = 1;
    return CINCH_OK;
refuse:
    return cn_fail(error, CINCH_USAGE, "\"%s\" is not a shape like 784 or 28x28x1", chars);
}

bool cn_shape_count(cinch_shape shape, size_t *count)
{
    *count = 1;
    for (size_t i = 0; i < shape.rank; i++)
        if (!cn_multiply(*count, shape.sizes[i], count))
            return false;
    return true;
}

cinch_status cn_mirror_dense(const cn_node *node, cn_activation activation, cn_text *spec, cinch_error *error)
{
    (void)error;
    cn_text_add(spec, "dense %zu %s", cn_shape_size(node->input), cn_activation_names[activation]);
    return CINCH_OK;
}

/* ---- Activations --------------------------------------------------------------------------------------- */

static void *at(const cn_kernels *kernels, const void *reals, size_t place)
{
    return (char *)reals + place * kernels->real_size;
}

void cn_activate_all(const cn_kernels *kernels, cn_activation activation, size_t count, const void *z,
                     void *y)
{
    size_t rows = count / CN_PANEL, whole = rows * CN_PANEL;
    if (activation == CN_LINEAR && z == y)
        return;
    kernels->activate(activation, rows, CN_PANEL, CN_PANEL, z, y);
    if (whole < count)
        kernels->activate(activation, 1, count - whole, CN_PANEL, at(kernels, z, whole),
                          at(kernels, y, whole));
}

void cn_activate_all_backward(const cn_kernels *kernels, cn_activation activation, size_t count,
                              const void *z, const void *y, void *dz)
{
    size_t rows = count / CN_PANEL, whole = rows * CN_PANEL;
    if (activation == CN_LINEAR)
        return;
    kernels->activate_backward(activation, rows, CN_PANEL, CN_PANEL, z, y, dz, dz);
    if (whole < count)
        kernels->activate_backward(activation, 1, count - whole, CN_PANEL, at(kernels, z, whole),
                                   at(kernels, y, whole), at(kernels, dz, whole), at(kernels, dz, whole));
}
