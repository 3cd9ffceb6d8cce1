#include "core/log.h"

#include "core/buf.h"

#include <assert.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 4096 }; /* POSIX: so much goes into a pipe whole */

/* Written once, before any thread starts, but for the counter. */
static struct {
    enum log_level least;
    enum log_format format;
    atomic_ullong dropped;
} settings = { .least = LOG_INFO };

static const char *const level_names[] = { "debug", "info", "warn", "error" };
_Static_assert(sizeof level_names / sizeof *level_names == LOG_LEVEL_COUNT,
               "a name for each level");

void log_init(enum log_level least, enum log_format format)
{
    settings.least = least;
    settings.format = format;
}

bool log_enabled(enum log_level level)
{
    return level >= settings.least;
}

/* A line under construction. What does not fit is cut off at the end of the last value that does.
 */
struct line {
    char bytes[LINE_MAX_BYTES];
    size_t len;
    bool full;
};

enum { TAIL_BYTES = 32 }; /* kept free for the end of a cut line */

static void put(struct line *line, const char *bytes, size_t len)
{
    if (line->full || len > sizeof line->bytes - TAIL_BYTES - line->len) {
        line->full = true;
        return;
    }
    memcpy(line->bytes + line->len, bytes, len);
    line->len += len;
}

static void put_str(struct line *line, const char *string)
{
    put(line, string, strlen(string));
}

/* Escaped as JSON does it; bytes beyond ASCII too, so that a terminal gets nothing but plain text.
 */
static void put_escaped(struct line *line, struct text text)
{
    for (size_t i = 0; i < text.len && !line->full; i++) {
        unsigned char c = (unsigned char)text.at[i];
        char escape[8];

        if (c == '"' || c == '\\')
            put(line, (char[]){ '\\', (char)c }, 2);
        else if (c >= 0x20 && c < 0x7f)
            put(line, (char *)&c, 1);
        else
            put(line, escape, (size_t)snprintf(escape, sizeof escape, "\\u%04x", c));
    }
}

static void put_quoted(struct line *line, struct text text)
{
    put_str(line, "\"");
    put_escaped(line, text);
    put_str(line, "\"");
}

/* Whether a logfmt value can stand without quotes. */
static bool is_plain(struct text text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.at[i] <= ' ' || text.at[i] >= 0x7f || strchr("\"\\=", text.at[i]))
            return false;
    return text.len > 0;
}

static void put_name(struct line *line, const char *name)
{
    bool json = settings.format == LOG_JSON;

    put_str(line, line->len > 1 ? (json ? ",\"" : " ") : (json ? "\"" : ""));
    put_str(line, name);
    put_str(line, json ? "\":" : "=");
}

static void put_text(struct line *line, const char *name, struct text text)
{
    size_t before = line->len;

    put_name(line, name);
    if (settings.format == LOG_LOGFMT && is_plain(text))
        put(line, text.at, text.len);
    else
        put_quoted(line, text);
    if (line->full)
        line->len = before; /* a value is there whole, or not at all */
}

static void put_int(struct line *line, const char *name, int64_t value)
{
    char digits[24];

    snprintf(digits, sizeof digits, "%lld", (long long)value);
    put_name(line, name);
    put_str(line, digits);
}

static void put_head(struct line *line, enum log_level level, const char *event)
{
    struct timespec now;
    struct tm tm;
    char time[40];
    size_t len;

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &tm);
    len = strftime(time, sizeof time, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(time + len, sizeof time - len, ".%03ldZ", now.tv_nsec / 1000000);
    if (settings.format == LOG_JSON)
        put_str(line, "{");
    put_text(line, "time", text_of(time));
    put_text(line, "level", text_of(level_names[level]));
    put_text(line, "event", text_of(event));
}

static void put_field(struct line *line, const struct log_field *field)
{
    if (field->kind == LOG_INT)
        put_int(line, field->name, field->integer);
    else if (field->str)
        put_text(line, field->name,
                 field->kind == LOG_STR ? text_of(field->str)
                                        : (struct text){ field->str, field->len });
}

/* In the bytes that put() keeps free. */
static void put_tail(struct line *line)
{
    bool json = settings.format == LOG_JSON;
    int len = snprintf(line->bytes + line->len, TAIL_BYTES, "%s%s\n",
                       !line->full ? ""
                       : json      ? ",\"cut\":1"
                                   : " cut=1",
                       json ? "}" : "");

    line->len += (size_t)len;
}

/* Never waits for a reader: poll() tells whether a pipe has room for a whole line. */
static bool write_line(const struct line *line)
{
    struct pollfd fd = { .fd = STDERR_FILENO, .events = POLLOUT };

    if (poll(&fd, 1, 0) != 1 || !(fd.revents & POLLOUT))
        return false;
    return write(STDERR_FILENO, line->bytes, line->len) == (ssize_t)line->len;
}

static bool write_event(enum log_level level, const char *event, const struct log_field *fields)
{
    struct line line;

    line.len = 0;
    line.full = false;
    put_head(&line, level, event);
    for (; fields->kind != LOG_END; fields++)
        put_field(&line, fields);
    put_tail(&line);
    return write_line(&line);
}

/* What was dropped since the last line that went out. */
static void write_dropped(void)
{
    unsigned long long n = atomic_exchange(&settings.dropped, 0);

    if (n && !write_event(LOG_WARN, "log_lines_dropped",
                          (const struct log_field[]){ LOG_I("n", n), { .kind = LOG_END } }))
        atomic_fetch_add(&settings.dropped, n);
}

void log_write(enum log_level level, const char *event, const struct log_field *fields)
{
    assert(level < LOG_LEVEL_COUNT);
    if (!log_enabled(level))
        return;
    write_dropped();
    if (!write_event(level, event, fields))
        atomic_fetch_add(&settings.dropped, 1);
}
