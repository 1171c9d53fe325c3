/* Zip archives in memory, by libzip: a late part behind one table, src/format/late/zip.c. It judges nothing:
 * what a member claims is for the caller to believe. */
#ifndef CN_FORMAT_ZIP_H
#define CN_FORMAT_ZIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CN_ZIP_REASON = 128, CN_ZIP_STORED = 0, CN_ZIP_DEFLATED = 8 };

typedef struct cn_zip_member {
    const char *name;        /* as the archive has it, in no known encoding; lives as long as the archive */
    uint64_t nbytes, packed; /* as claimed */
    int method;              /* the archive's number: CN_ZIP_STORED, CN_ZIP_DEFLATED or what is not read */
    bool encrypted;
} cn_zip_member;

/* What fails returns NULL or false and leaves a line in `reason`, "" where memory ended. */
typedef struct cn_zip_table {
    void *(*open)(const void *bytes, size_t nbytes, char reason[CN_ZIP_REASON]);
    void (*close)(void *archive);
    size_t (*count)(void *archive);
    bool (*describe)(void *archive, size_t index, cn_zip_member *member, char reason[CN_ZIP_REASON]);
    void *(*enter)(void *archive, size_t index, char reason[CN_ZIP_REASON]);
    void (*leave)(void *entered);
    /* Reads up to `room` bytes; *nbytes is 0 at the end, where the checksum has been held. */
    bool (*read)(void *entered, void *to, size_t room, size_t *nbytes, char reason[CN_ZIP_REASON]);
} cn_zip_table;

/* The table's name in cinch-zip.so; another number when its members change. */
#define CN_ZIP_SYMBOL "cn_zip_1"

#endif
