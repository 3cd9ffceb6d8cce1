/* Flags, environment and file, by the table; then what the settings mean together. */
#include "server/config.h"

#include "core/keys.h"
#include "core/mem.h"
#include "server/config_table.h"
#include "server/config_value.h"
#include "server/listener.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { SETTINGS_MAX = 64 };

/* A config on its way. */
struct loading {
    struct config *config;
    enum config_source source[SETTINGS_MAX];
    struct buf *message;
};

/* "--data-dir" and "JOBBAD_DATA_DIR" are the setting "data_dir". */
static bool name_is(const char *written, size_t len, const char *name)
{
    if (len != strlen(name))
        return false;
    for (size_t i = 0; i < len; i++) {
        char c = written[i] == '-' ? '_' : (char)tolower((unsigned char)written[i]);
        if (c != name[i])
            return false;
    }
    return true;
}

static const struct setting *find(const char *name, size_t len)
{
    for (size_t i = 0; i < n_settings; i++)
        if (name_is(name, len, settings[i].name))
            return &settings[i];
    return NULL;
}

/* Where the next one begins. */
static struct buf *next_message(struct loading *loading)
{
    if (loading->message->len)
        buf_add_str(loading->message, "; ");
    return loading->message;
}

static bool fail(struct loading *loading, const char *where, const char *name, const char *detail)
{
    buf_printf(next_message(loading), "%s: %s: %s", where, name, detail);
    return false;
}

/* Sets it unless a source of more weight has. The value is shown in the message, unless it may hold
 * a password. */
static bool set(struct loading *loading, const struct setting *setting, const char *value,
                enum config_source source, const char *where)
{
    enum config_source *before = &loading->source[setting - settings];
    struct buf expected = { 0 };
    bool ok = true;

    if (*before <= source) {
        ok = config_value_set(loading->config, setting, value, &expected);
        *before = source;
    }
    if (!ok)
        buf_printf(next_message(loading), "%s: %s: '%s' is not valid, expected %s", where,
                   setting->name, value, buf_cstr(&expected));
    buf_finish(&expected);
    return ok;
}

/* ---- flags ---- */

struct flags {
    int argc;
    char *const *argv;
    const char *config_file;
};

static const struct {
    const char *flag;
    enum config_action action;
} actions[] = {
    { "--help", CONFIG_HELP },       { "-h", CONFIG_HELP },
    { "--version", CONFIG_VERSION }, { "--help=markdown", CONFIG_HELP_MARKDOWN },
    { "--routes", CONFIG_ROUTES },
};

static enum config_action find_action(const struct flags *flags)
{
    for (int i = 1; i < flags->argc; i++)
        for (size_t k = 0; k < sizeof actions / sizeof *actions; k++)
            if (strcmp(flags->argv[i], actions[k].flag) == 0)
                return actions[k].action;
    return CONFIG_RUN;
}

/* The value behind '=', or the next argument, or "true" for a bool; *i moves on. */
static const char *flag_value(const struct flags *flags, const char *equals, bool is_bool, int *i)
{
    if (equals)
        return equals + 1;
    if (is_bool)
        return "true";
    if (*i + 1 < flags->argc)
        return flags->argv[++*i];
    return NULL;
}

static bool load_flag(struct loading *loading, struct flags *flags, int *i)
{
    const char *flag = flags->argv[*i], *equals = strchr(flag, '=');
    size_t len =
        strncmp(flag, "--", 2) == 0 ? (equals ? (size_t)(equals - flag) : strlen(flag)) - 2 : 0;
    const struct setting *setting = len ? find(flag + 2, len) : NULL;
    bool is_config = len && name_is(flag + 2, len, "config");
    const char *value;

    if (!setting && !is_config)
        return fail(loading, "command line", flag, "no such flag; --help lists them");
    value = flag_value(flags, equals, setting && setting->type == CONFIG_BOOL, i);
    if (!value)
        return fail(loading, "command line", flag, "needs a value");
    if (is_config) {
        flags->config_file = value;
        return true;
    }
    if (loading->source[setting - settings] == CONFIG_FROM_FLAG)
        return fail(loading, "command line", flag, "is given more than once");
    return set(loading, setting, value, CONFIG_FROM_FLAG, "command line");
}

static bool load_flags(struct loading *loading, struct flags *flags)
{
    for (int i = 1; i < flags->argc; i++)
        if (!load_flag(loading, flags, &i))
            return false;
    return true;
}

/* ---- environment ---- */

static bool load_environment(struct loading *loading, struct flags *flags, char *const *environment)
{
    static const char prefix[] = "JOBBAD_";
    const size_t skip = sizeof prefix - 1;

    for (; *environment; environment++) {
        const char *entry = *environment, *equals = strchr(entry, '=');
        if (!equals || strncmp(entry, prefix, skip) != 0)
            continue;
        size_t len = (size_t)(equals - entry) - skip;
        const struct setting *setting = find(entry + skip, len);
        if (name_is(entry + skip, len, "config")) {
            if (!flags->config_file)
                flags->config_file = equals + 1;
        } else if (!setting) { /* Kubernetes injects such names, so it is no error */
            buf_printf(next_message(loading), "no such setting: %.*s", (int)(skip + len), entry);
        } else if (!set(loading, setting, equals + 1, CONFIG_FROM_ENVIRONMENT, "environment")) {
            return false;
        }
    }
    return true;
}

/* ---- file ---- */

static char *trim(char *text)
{
    char *end = text + strlen(text);

    while (end > text && isspace((unsigned char)end[-1]))
        *--end = '\0';
    return text + strspn(text, " \t");
}

static bool load_line(struct loading *loading, char *line, const char *where)
{
    char *name = trim(line), *equals = strchr(name, '=');
    const struct setting *setting;

    if (!*name || *name == '#')
        return true;
    if (!equals)
        return fail(loading, where, name, "is not 'name = value'");
    *equals = '\0';
    name = trim(name);
    setting = find(name, strlen(name));
    if (!setting)
        return fail(loading, where, name, "no such setting");
    return set(loading, setting, trim(equals + 1), CONFIG_FROM_FILE, where);
}

static bool load_file(struct loading *loading, const char *path)
{
    FILE *file = fopen(path, "re");
    char *line = NULL, where[512];
    size_t size = 0;
    bool ok = true;

    if (!file)
        return fail(loading, "config file", path, strerror(errno));
    for (unsigned number = 1; ok && getline(&line, &size, file) >= 0; number++) {
        snprintf(where, sizeof where, "%s:%u", path, number);
        ok = load_line(loading, line, where);
    }
    free(line);
    fclose(file);
    return ok;
}

/* ---- what they mean ---- */

static bool resolve_listen(struct loading *loading)
{
    struct config *config = loading->config;
    const char *colon = strrchr(config->listen, ':');
    size_t host_len = colon ? (size_t)(colon - config->listen) : 0;
    const char *host = config->listen;
    char *end;
    unsigned long port = colon ? strtoul(colon + 1, &end, 10) : 0;

    if (!colon || !host_len || !isdigit((unsigned char)colon[1]) || *end || port > 65535)
        return fail(loading, "listen", config->listen,
                    "expected address:port, such as 127.0.0.1:8080");
    if (host[0] == '[' && host[host_len - 1] == ']') {
        host++;
        host_len -= 2;
    }
    config->listen_host = mem_strndup(host, host_len);
    config->listen_port = (uint16_t)port;
    config->listen_is_loopback = listener_is_loopback(config->listen_host);
    if (!config->listen_is_loopback && !config->insecure_no_auth)
        return fail(loading, "listen", config->listen,
                    "is not a loopback address. There is no authentication: whoever reaches it can "
                    "change everything. "
                    "Put a proxy that asks for credentials in front, or give --insecure-no-auth");
    return true;
}

static bool check_namespace(struct loading *loading)
{
    const char *name = loading->config->namespace;
    size_t legal =
        strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-:{}");

    if (name[legal] || legal < 1 || legal > KEYS_PREFIX_MAX - 1)
        return fail(loading, "namespace", name, "expected 1 to 64 of A-Z a-z 0-9 . _ - : { }");
    return true;
}

/* NULL: it can't be read, errno tells why. */
static char *read_secret(const char *path)
{
    FILE *file = fopen(path, "re");
    char *line = NULL;
    size_t size = 0;
    ssize_t len;

    if (!file)
        return NULL;
    len = getline(&line, &size, file);
    fclose(file);
    if (len < 0) {
        free(line);
        errno = ENODATA;
        return NULL;
    }
    line[strcspn(line, "\r\n")] = '\0';
    return line;
}

static bool resolve_redis(struct loading *loading)
{
    struct config *config = loading->config;
    const char *detail;

    config->embedded = !*config->redis;
    if (config->embedded)
        return true;
    if (!redis_address_parse(config->redis, &config->redis_address, &detail))
        return fail(loading, "redis", "the URL is not valid", detail);
    if (!*config->redis_password_file)
        return true;
    free(config->redis_address.password);
    config->redis_address.password = read_secret(config->redis_password_file);
    if (!config->redis_address.password)
        return fail(loading, "redis_password_file", config->redis_password_file, strerror(errno));
    return true;
}

/* The private Redis goes into it, and there a relative name would mean something else. */
static bool resolve_data_dir(struct loading *loading)
{
    struct config *config = loading->config;
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    struct buf path = { 0 };
    char here[PATH_MAX];

    if (*config->data_dir == '/' || !config->embedded)
        return true;
    if (*config->data_dir && !getcwd(here, sizeof here))
        return fail(loading, "data_dir", config->data_dir, strerror(errno));
    if (*config->data_dir)
        buf_printf(&path, "%s/%s", here, config->data_dir);
    else if (state && *state == '/')
        buf_printf(&path, "%s/jobbad", state);
    else if (home && *home == '/')
        buf_printf(&path, "%s/.local/state/jobbad", home);
    else
        buf_add_str(&path, "/var/lib/jobbad");
    free(config->data_dir);
    config->data_dir = mem_strdup(buf_cstr(&path));
    buf_finish(&path);
    return true;
}

static void resolve_threads(struct config *config)
{
    long online = sysconf(_SC_NPROCESSORS_ONLN);

    if (config->threads == 0)
        config->threads = online < 1 ? 1 : online > 64 ? 64 : (uint64_t)online;
}

/* ---- all of it ---- */

static bool load_defaults(struct loading *loading)
{
    for (size_t i = 0; i < n_settings; i++)
        if (!set(loading, &settings[i], settings[i].fallback, CONFIG_FROM_DEFAULT, "default"))
            return false;
    return true;
}

static bool load_all(struct loading *loading, struct flags *flags, char *const *environment)
{
    return load_defaults(loading) && load_flags(loading, flags) &&
           load_environment(loading, flags, environment) &&
           (!flags->config_file || load_file(loading, flags->config_file)) &&
           resolve_listen(loading) && check_namespace(loading) && resolve_redis(loading) &&
           resolve_data_dir(loading);
}

enum config_action config_load(int argc, char *const *argv, char *const *environment,
                               struct config *ret, struct buf *message)
{
    struct flags flags = { .argc = argc, .argv = argv };
    struct loading loading = { .config = ret, .message = message };
    enum config_action action = find_action(&flags);

    *ret = (struct config){ 0 };
    if (action != CONFIG_RUN)
        return action;
    if (!load_all(&loading, &flags, environment)) {
        config_finish(ret);
        return CONFIG_FAILED;
    }
    resolve_threads(ret);
    return CONFIG_RUN;
}

void config_finish(struct config *config)
{
    for (size_t i = 0; i < n_settings; i++)
        config_value_clear(config, &settings[i]);
    free(config->listen_host);
    redis_address_finish(&config->redis_address);
    *config = (struct config){ 0 };
}

void config_write_redis(struct buf *out, const struct config *config)
{
    const struct redis_address *address = &config->redis_address;

    if (config->embedded)
        buf_printf(out, "embedded in %s", config->data_dir);
    else if (address->path)
        buf_printf(out, "unix://%s?db=%u", address->path, address->db);
    else
        buf_printf(out, "redis://%s%s%s:%u/%u", address->user ? address->user : "",
                   address->password ? ":***@" : "", address->host, address->port, address->db);
}
