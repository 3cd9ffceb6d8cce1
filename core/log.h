/*
 * One line per event to stderr, logfmt or JSON. Thread-safe. Never blocks: when stderr can't take a
 * line, the line is dropped and counted, and the next line that goes out tells how many were lost.
 * Values are escaped: no control byte, no newline of a client's reaches the terminal. Never pass a
 * body, a password or an Authorization header.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_LEVEL_COUNT };
enum log_format { LOG_LOGFMT, LOG_JSON };

/* Before any thread starts. */
void log_init(enum log_level least, enum log_format format);

enum log_kind { LOG_END, LOG_STR, LOG_TEXT, LOG_INT };
struct log_field {
    const char *name;
    enum log_kind kind;
    const char *str; /* LOG_STR (NULL is left out), LOG_TEXT with len */
    uint64_t len;
    int64_t integer; /* LOG_INT */
};

#define LOG_S(key, value)                            \
    {                                                \
        .name = key, .kind = LOG_STR, .str = (value) \
    }
#define LOG_T(key, text)                                                   \
    {                                                                      \
        .name = key, .kind = LOG_TEXT, .str = (text).at, .len = (text).len \
    }
#define LOG_I(key, value)                                         \
    {                                                             \
        .name = key, .kind = LOG_INT, .integer = (int64_t)(value) \
    }

/* `fields` ends with LOG_END; log_event() below adds it. */
void log_write(enum log_level level, const char *event, const struct log_field *fields);

/* At least one field: log_event(LOG_INFO, "redis_ready", LOG_S("lane", "fast"), LOG_I("ms", 12));
 */
#define log_event(level, event, ...) \
    log_write(level, event, (const struct log_field[]){ __VA_ARGS__, { .kind = LOG_END } })

/* Whether lines of this level go out, to spare the work of making one. */
bool log_enabled(enum log_level level);
