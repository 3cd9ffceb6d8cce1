/* THE table of settings. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum config_type {
    CONFIG_STRING,
    CONFIG_BOOL,
    CONFIG_INT,
    CONFIG_DURATION, /* milliseconds: 1500, 1500ms, 2s, 5m, 1h */
    CONFIG_SIZE,     /* bytes: 65536, 64KiB, 1MiB */
    CONFIG_LIST,     /* comma-separated */
    CONFIG_CHOICE,   /* a word; its number in `choices` is kept */
};

struct setting {
    const char *group; /* NULL: that of the row before */
    const char *name;
    enum config_type type;
    const char *fallback; /* as one would write it; "" for an empty string or list */
    uint64_t least, most; /* INT, DURATION, SIZE */
    const char *choices;  /* CHOICE: separated by '|' */
    size_t offset;        /* in struct config: char *, bool, uint64_t, char ** */
    const char *doc;
};

extern const struct setting settings[];
extern const size_t n_settings;
