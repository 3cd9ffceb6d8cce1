/* `--help` and docs/settings.md, from the table. */
#include "server/config.h"
#include "server/config_table.h"

#include <ctype.h>
#include <stdio.h>

enum { DOC_WIDTH = 64 };

static void write_upper(struct buf *out, const char *name)
{
    for (; *name; name++)
        buf_add_char(out, (char)toupper((unsigned char)*name));
}

static void write_dashed(struct buf *out, const char *name)
{
    for (; *name; name++)
        buf_add_char(out, *name == '_' ? '-' : *name);
}

static const char *type_word(const struct setting *setting)
{
    static const char *const words[] = {
        [CONFIG_STRING] = "TEXT",   [CONFIG_BOOL] = "",     [CONFIG_INT] = "N",
        [CONFIG_DURATION] = "TIME", [CONFIG_SIZE] = "SIZE", [CONFIG_LIST] = "A,B",
    };
    return setting->choices ? setting->choices : words[setting->type];
}

/* Breaks at blanks; lines after the first begin with `indent`. */
static void write_wrapped(struct buf *out, const char *text, const char *indent)
{
    while (strlen(text) > DOC_WIDTH) {
        size_t cut = DOC_WIDTH;
        while (cut && text[cut] != ' ')
            cut--;
        if (!cut)
            break;
        buf_add(out, text, cut);
        buf_add_str(out, indent);
        text += cut + 1;
    }
    buf_add_str(out, text);
}

static bool has_range(const struct setting *setting)
{
    return setting->most > 0;
}

static void write_setting(struct buf *out, const struct setting *setting)
{
    struct buf flag = { 0 };

    buf_add_str(&flag, "--");
    write_dashed(&flag, setting->name);
    if (*type_word(setting))
        buf_printf(&flag, " %s", type_word(setting));
    if (flag.len > 30)
        buf_printf(out, "  %s\n  %-30s ", buf_cstr(&flag), "");
    else
        buf_printf(out, "  %-30s ", buf_cstr(&flag));
    write_wrapped(out, setting->doc, "\n                                 ");
    buf_printf(out, "\n  %-30s default: %s", "",
               *setting->fallback ? setting->fallback : "(empty)");
    if (has_range(setting))
        buf_printf(out, "; from %llu to %llu", (unsigned long long)setting->least,
                   (unsigned long long)setting->most);
    buf_add_str(out, "\n");
    buf_finish(&flag);
}

void config_write_help(struct buf *out)
{
    buf_add_str(
        out,
        "jobbad tracks the status of background jobs: HTTP in front of Redis.\n\n"
        "usage: jobbad [--SETTING VALUE]...\n\n"
        "Each setting is a flag (--data-dir), a variable (JOBBAD_DATA_DIR) and a line of the "
        "config\n"
        "file (data_dir = ...). A flag wins over a variable, a variable over the file. TIME is in\n"
        "milliseconds, or with a unit: 1500ms 2s 5m 1h. SIZE is in bytes, or 256KiB, 1MiB.\n\n"
        "  --config FILE                  lines 'name = value', # begins a comment\n"
        "  --help, --help=markdown        this text\n"
        "  --version                      the version\n"
        "  --routes                       the routes, a line each\n");
    for (size_t i = 0; i < n_settings; i++) {
        if (settings[i].group)
            buf_printf(out, "\n%s\n", settings[i].group);
        write_setting(out, &settings[i]);
    }
}

static void write_row(struct buf *out, const struct setting *setting)
{
    buf_printf(out, "| `%s` | `--", setting->name);
    write_dashed(out, setting->name);
    buf_add_str(out, "` | `JOBBAD_");
    write_upper(out, setting->name);
    buf_printf(out, "` | %s%s%s | ", *setting->fallback ? "`" : "",
               *setting->fallback ? setting->fallback : "empty", *setting->fallback ? "`" : "");
    if (setting->choices)
        for (const char *c = setting->choices; *c; c++)
            buf_add_str(out, *c == '|' ? ", " : (char[]){ *c, '\0' });
    else if (has_range(setting))
        buf_printf(out, "%llu to %llu", (unsigned long long)setting->least,
                   (unsigned long long)setting->most);
    buf_printf(out, " | %s |\n", setting->doc);
}

void config_write_markdown(struct buf *out)
{
    buf_add_str(
        out,
        "# Settings\n\n"
        "Made by `jobbad --help=markdown`; a test compares the two.\n\n"
        "A flag wins over a variable, a variable over a line of the config file (`--config FILE`, "
        "`JOBBAD_CONFIG`; `name = value`, `#` begins a comment), and that over the default. Times "
        "are in "
        "milliseconds, or with a unit: `1500ms`, `2s`, `5m`, `1h`. Sizes are in bytes, or "
        "`256KiB`, "
        "`1MiB`. A bad value stops the start.\n");
    for (size_t i = 0; i < n_settings; i++) {
        if (settings[i].group)
            buf_printf(out,
                       "\n## %s\n\n| setting | flag | variable | default | range | meaning "
                       "|\n|---|---|---|---|---|---|\n",
                       settings[i].group);
        write_row(out, &settings[i]);
    }
}
