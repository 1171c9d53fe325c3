/* Zip archives by libzip, for src/format/format_npz.c. It is built as an object of its own and calls nothing
 * of Cinch; the archive's bytes are borrowed, never copied, and no file is opened. */
#include "format/zip.h"

#include <stdio.h>

#include <zip.h>

static void say(zip_error_t *error, char reason[CN_ZIP_REASON])
{
    bool memory = zip_error_code_zip(error) == ZIP_ER_MEMORY;
    snprintf(reason, CN_ZIP_REASON, "%s", memory ? "" : zip_error_strerror(error));
}

/* An archive whose two lists of members do not agree is refused: CHECKCONS. */
static void *open_archive(const void *bytes, size_t nbytes, char reason[CN_ZIP_REASON])
{
    zip_error_t error;
    zip_error_init(&error);
    zip_source_t *source = zip_source_buffer_create(bytes, nbytes, 0, &error);
    zip_t *archive = source ? zip_open_from_source(source, ZIP_RDONLY | ZIP_CHECKCONS, &error) : NULL;
    if (!archive) {
        say(&error, reason);
        zip_source_free(source);
    }
    zip_error_fini(&error);
    return archive;
}

static void close_archive(void *archive)
{
    zip_discard(archive);
}

static size_t count_members(void *archive)
{
    zip_int64_t count = zip_get_num_entries(archive, 0);
    return count > 0 ? (size_t)count : 0;
}

static bool describe(void *archive, size_t index, cn_zip_member *member, char reason[CN_ZIP_REASON])
{
    const zip_uint64_t wanted =
        ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD | ZIP_STAT_ENCRYPTION_METHOD;
    zip_stat_t status;
    const char *name = zip_get_name(archive, index, ZIP_FL_ENC_RAW);
    if (!name || zip_stat_index(archive, index, 0, &status) != 0 || (status.valid & wanted) != wanted) {
        say(zip_get_error(archive), reason);
        return false;
    }
    *member = (cn_zip_member){.name = name,
                              .nbytes = status.size,
                              .packed = status.comp_size,
                              .method = status.comp_method,
                              .encrypted = status.encryption_method != ZIP_EM_NONE};
    return true;
}

static void *enter(void *archive, size_t index, char reason[CN_ZIP_REASON])
{
    zip_file_t *file = zip_fopen_index(archive, index, 0);
    if (!file)
        say(zip_get_error(archive), reason);
    return file;
}

static void leave(void *entered)
{
    zip_fclose(entered);
}

static bool read_some(void *entered, void *to, size_t room, size_t *nbytes, char reason[CN_ZIP_REASON])
{
    zip_int64_t count = zip_fread(entered, to, room);
    if (count < 0) {
        say(zip_file_get_error(entered), reason);
        return false;
    }
    *nbytes = (size_t)count;
    return true;
}

extern const cn_zip_table cn_zip_1;

__attribute__((visibility("default"))) const cn_zip_table cn_zip_1 = {
    .open = open_archive,
    .close = close_archive,
    .count = count_members,
    .describe = describe,
    .enter = enter,
    .leave = leave,
    .read = read_some,
};
