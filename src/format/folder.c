/* A folder of PNG files as rows. Their names say which files are rows, their content whether that is true. */
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "format/png.h"

enum { HEAD_BYTES = 512, LIKELY_RATIO = 4 };

/* The rows read so far. */
typedef struct stack {
    const cn_format_options *options;
    char *first;     /* the first file, for messages */
    cn_picture like; /* its size and kind, which all must have */
    unsigned char *pixels;
    size_t count, room; /* pictures: read, and that there is room for */
} stack;

/* ---- Which files --------------------------------------------------------------------------------------- */

static bool ends_in(const char *name, const char *ending)
{
    size_t length = strlen(name), ending_length = strlen(ending);

    return length > ending_length && strcasecmp(name + length - ending_length, ending) == 0;
}

static bool is_other_picture(const char *name)
{
    static const char *const endings[] = {".jpg",  ".jpeg", ".gif", ".bmp",  ".tif",    ".tiff",
                                          ".webp", ".pgm",  ".ppm", ".heic", ".png.gz", ".jp2"};

    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        if (ends_in(name, endings[i]))
            return true;
    }
    return false;
}

/* Keeps the rows' names at the front. A picture that cannot be read would be a row lost in silence. */
static cinch_status keep_rows(const char *path, char **names, size_t *count, cinch_error *error)
{
    size_t nrow = 0;

    for (size_t i = 0; i < *count; i++) {
        if (is_other_picture(names[i]))
            return cn_fail(error, CINCH_BAD_INPUT,
                           "%s/%s: only PNG pictures are read; make PNG files of all pictures in the folder",
                           path, names[i]);
        if (ends_in(names[i], ".png"))
            names[nrow++] = names[i];
    }
    if (nrow == 0 && *count > 0)
        return cn_fail(error, CINCH_BAD_INPUT,
                       "%s: this folder holds no PNG files (NAME.png), but \"%s\"; name one data file, or a "
                       "folder of pictures",
                       path, names[0]);
    if (nrow == 0)
        return cn_fail(error, CINCH_BAD_INPUT, "%s: this folder holds no PNG files (NAME.png)", path);
    *count = nrow;
    return CINCH_OK;
}

/* The bytes of all the files; the first that is no file (a folder, a pipe, gone) is refused. */
static cinch_status add_sizes(const char *path, char *const *names, size_t count, size_t *total,
                              cinch_error *error)
{
    *total = 0;
    for (size_t i = 0; i < count; i++) {
        char *file = cn_path_join(path, names[i], error);
        if (file == NULL)
            return CINCH_MEMORY;
        size_t nbytes;
        cinch_status status = CINCH_OK;
        if (!cn_file_size(file, &nbytes) || !cn_add(*total, nbytes, total))
            status = cn_fail(error, CINCH_IO, "%s: is not a file that can be read", file);
        cn_free(file);
        if (status != CINCH_OK)
            return status;
    }
    return CINCH_OK;
}

/* ---- Room ---------------------------------------------------------------------------------------------- */

static cinch_status make_room(stack *rows, size_t room, cinch_error *error)
{
    unsigned char *pixels = cn_resize(rows->pixels, room, rows->like.nbytes, error);

    if (pixels == NULL)
        return CINCH_MEMORY;
    rows->pixels = pixels;
    rows->room = room;
    return CINCH_OK;
}

/* The first picture's size times the number of files is a claim. Pictures seldom pack to less than a quarter:
 * that much is believed, and what is beyond it once as many pictures have been read as there was room for. */
static cinch_status first_room(stack *rows, size_t count, size_t present, cinch_error *error)
{
    const cn_limits *limits = rows->options->limits;
    size_t total, believed;

    if (!cn_multiply(count, rows->like.nbytes, &total) || total > limits->file_bytes)
        return cn_fail(error, CINCH_BAD_INPUT,
                       "%s: %zu pictures of %zu bytes; at most %zu bytes are read in all",
                       rows->options->source, count, rows->like.nbytes, limits->file_bytes);
    if (!cn_multiply(present, LIKELY_RATIO, &believed) || !cn_add(believed, limits->free_bytes, &believed))
        believed = total;
    size_t room = total <= believed ? count : believed / rows->like.nbytes;
    return make_room(rows, room > 0 ? room : 1, error);
}

static cinch_status next_room(stack *rows, size_t count, cinch_error *error)
{
    if (rows->count < rows->room)
        return CINCH_OK;
    return make_room(rows, rows->room < count / 2 ? rows->room * 2 : count, error);
}

/* ---- One file ------------------------------------------------------------------------------------------ */

static cinch_status refuse_size(const stack *rows, const char *file, const cn_picture *picture,
                                cinch_error *error)
{
    return cn_fail(error, CINCH_BAD_INPUT,
                   "%s: is %zux%zu pixels, %s is %zux%zu: rows have one size; make copies of that size "
                   "(ImageMagick: mogrify -path COPIES -resize '%zux%zu!' *.png)",
                   file, picture->width, picture->height, rows->first, rows->like.width, rows->like.height,
                   rows->like.width, rows->like.height);
}

static const char *kind_name(const cn_picture *picture)
{
    return picture->channels > 1 ? "in colour" : "grey";
}

static cinch_status check_like(const stack *rows, const char *file, const cn_picture *picture,
                               cinch_error *error)
{
    if (picture->width != rows->like.width || picture->height != rows->like.height)
        return refuse_size(rows, file, picture, error);
    if (picture->channels != rows->like.channels)
        return cn_fail(
            error, CINCH_BAD_INPUT,
            "%s: is %s, %s is %s: rows are of one kind; make copies that are all grey (ImageMagick: "
            "mogrify -path COPIES -colorspace Gray *.png)",
            file, kind_name(picture), rows->first, kind_name(&rows->like));
    if (picture->type != rows->like.type)
        return cn_fail(
            error, CINCH_BAD_INPUT,
            "%s: has %s values, %s has %s: rows are of one type; make copies of 8 bits (ImageMagick: "
            "mogrify -path COPIES -depth 8 *.png)",
            file, cinch_type_name(picture->type), rows->first, cinch_type_name(rows->like.type));
    return CINCH_OK;
}

/* What is named as a PNG file and is none: a JPEG picture, most often. */
static cinch_status check_signature(const char *file, const cn_bytes *bytes, cinch_error *error)
{
    size_t nhead = bytes->nbytes < HEAD_BYTES ? bytes->nbytes : HEAD_BYTES;

    if (cn_png_probe(bytes->data, nhead))
        return CINCH_OK;
    if (nhead == 0)
        return cn_fail(error, CINCH_BAD_INPUT, "%s: is empty", file);
    cinch_status status = cn_foreign_refuse(file, bytes->data, nhead, error);
    return status != CINCH_OK ? status : cn_fail(error, CINCH_BAD_INPUT, "%s: is not a PNG picture", file);
}

/* What is being read, and of how many. */
typedef struct place {
    const char *file;
    size_t count;   /* files */
    size_t present; /* bytes of them all */
} place;

static cinch_status begin_stack(stack *rows, const place *at, const cn_bytes *bytes,
                                const cn_format_options *options, const cn_picture *picture,
                                cinch_error *error)
{
    cinch_status status = cn_png_prove(bytes, options, picture, error);

    if (status != CINCH_OK)
        return status;
    rows->like = *picture;
    rows->first = cn_copy_text(at->file, error);
    return rows->first != NULL ? first_room(rows, at->count, at->present, error) : CINCH_MEMORY;
}

static cinch_status add_picture(stack *rows, const place *at, const cn_bytes *bytes, cinch_error *error)
{
    cn_format_options options = *rows->options;
    cn_picture picture;
    cn_png *png;

    options.source = at->file;
    cinch_status status = cn_png_open(bytes, &options, &png, &picture, error);
    if (status == CINCH_OK && rows->count == 0)
        status = begin_stack(rows, at, bytes, &options, &picture, error);
    else if (status == CINCH_OK)
        status = check_like(rows, at->file, &picture, error);
    if (status == CINCH_OK)
        status = next_room(rows, at->count, error);
    if (status == CINCH_OK)
        status = cn_png_read(png, rows->pixels + rows->count * picture.nbytes, error);
    rows->count += status == CINCH_OK;
    cn_png_close(png);
    return status;
}

static cinch_status add_file(stack *rows, const place *at, cinch_error *error)
{
    cn_bytes bytes = {NULL, 0};
    cinch_status status = cn_file_read(at->file, rows->options->limits->file_bytes, &bytes, error);

    if (status == CINCH_OK)
        status = check_signature(at->file, &bytes, error);
    if (status == CINCH_OK)
        status = add_picture(rows, at, &bytes, error);
    cn_bytes_clear(&bytes);
    return status;
}

/* ---- All of them --------------------------------------------------------------------------------------- */

static cinch_status add_files(stack *rows, const char *path, char *const *names, size_t count,
                              cinch_error *error)
{
    place at = {.count = count};
    cinch_status status = add_sizes(path, names, count, &at.present, error);

    for (size_t i = 0; i < count && status == CINCH_OK; i++) {
        char *file = cn_path_join(path, names[i], error);
        at.file = file;
        status = file != NULL ? add_file(rows, &at, error) : CINCH_MEMORY;
        cn_free(file);
    }
    return status;
}

cinch_status cn_folder_read(const char *path, const cn_format_options *options, cn_array *array,
                            cinch_error *error)
{
    stack rows = {.options = options};
    char **names = NULL;
    size_t count = 0;

    cinch_status status = cn_folder_list(path, &names, &count, error);
    if (status == CINCH_OK)
        status = keep_rows(path, names, &count, error);
    if (status == CINCH_OK)
        status = add_files(&rows, path, names, count, error);
    if (status == CINCH_OK) {
        array->values = rows.pixels;
        array->type = rows.like.type;
        array->shape = (cinch_shape){4, {count, rows.like.height, rows.like.width, rows.like.channels}};
        rows.pixels = NULL;
    }
    cn_free(rows.pixels);
    cn_free(rows.first);
    cn_free(names);
    return status;
}
