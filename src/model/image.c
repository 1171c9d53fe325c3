#include "model/image.h"

#include "model/convolution.h"

bool cn_image_in_planes(cinch_shape shape)
{
    return shape.rank == 3 && shape.sizes[2] > 1;
}

static size_t pixels_of(cinch_shape shape)
{
    return shape.sizes[0] * shape.sizes[1];
}

void cn_image_split(const cn_kernels *kernels, cinch_shape shape, const void *pixels, void *planes)
{
    kernels->place(&(cn_placement){.images = 1,
                                   .planes = shape.sizes[2],
                                   .rows = 1,
                                   .columns = pixels_of(shape),
                                   .from = pixels,
                                   .from_plane = 1,
                                   .from_column = shape.sizes[2],
                                   .to = planes,
                                   .to_plane = pixels_of(shape),
                                   .to_column = 1});
}

void cn_image_join(const cn_kernels *kernels, cinch_shape shape, const void *planes, void *pixels)
{
    kernels->place(&(cn_placement){.images = 1,
                                   .planes = shape.sizes[2],
                                   .rows = 1,
                                   .columns = pixels_of(shape),
                                   .from = planes,
                                   .from_plane = pixels_of(shape),
                                   .from_column = 1,
                                   .to = pixels,
                                   .to_plane = 1,
                                   .to_column = shape.sizes[2]});
}

cinch_status cn_image_check(const cn_node *node, cinch_error *error)
{
    cn_text shape = {0};
    if (node->input.rank == 3)
        return CINCH_OK;
    cn_shape_print(node->input, &shape);
    cn_fail(error, CINCH_USAGE,
            "it takes images, height x width x channels, and gets %s (see --input 28x28x1, and the layer "
            "reshape)",
            shape.chars ? shape.chars : "");
    cn_text_clear(&shape);
    return CINCH_USAGE;
}

/* The shape of the windows' cells. */
static cinch_shape pooled(cinch_shape large, size_t size)
{
    return (cinch_shape){.rank = 3,
                         .sizes = {cn_same_extent(large.sizes[0], size), cn_same_extent(large.sizes[1], size),
                                   large.sizes[2]}};
}

cn_pooling cn_image_pooling(cinch_shape large, size_t size)
{
    cinch_shape small = pooled(large, size);
    return (cn_pooling){.planes = large.sizes[2],
                        .size = size,
                        .top = cn_same_before(large.sizes[0], size, size),
                        .left = cn_same_before(large.sizes[1], size, size),
                        .height = large.sizes[0],
                        .width = large.sizes[1],
                        .small_height = small.sizes[0],
                        .small_width = small.sizes[1],
                        .large_row = large.sizes[1],
                        .large_plane = large.sizes[0] * large.sizes[1]};
}

size_t cn_image_cells(const cn_node *node)
{
    return node->spec.values[0].count;
}

cinch_status cn_image_shape_pool(cn_node *node, cinch_error *error)
{
    cinch_status status = cn_image_check(node, error);
    if (!status)
        node->output = pooled(node->input, cn_image_cells(node));
    return status;
}

cinch_status cn_image_mirror_pool(const cn_node *node, cn_activation activation, cn_text *spec,
                                  cinch_error *error)
{
    (void)activation;
    size_t size = cn_image_cells(node);
    if (node->input.sizes[0] % size || node->input.sizes[1] % size)
        return cn_fail(error, CINCH_USAGE,
                       "%zu does not divide %zux%zu: it has no mirror: write the decoder as a pipeline", size,
                       node->input.sizes[0], node->input.sizes[1]);
    cn_text_add(spec, "upsample %zu", size);
    return CINCH_OK;
}
