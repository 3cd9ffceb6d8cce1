#include "server/config_value.h"

#include "core/mem.h"

#include <stdlib.h>

static void *member(struct config *config, const struct setting *setting)
{
    return (char *)config + setting->offset;
}

/* Digits, then one of the units; false: something else, or too much for 64 bits. */
struct unit {
    const char *suffix;
    uint64_t factor;
};

static const struct unit no_units[] = { { "", 1 }, { NULL, 0 } };
static const struct unit duration_units[] = { { "", 1 },      { "ms", 1 },      { "s", 1000 },
                                              { "m", 60000 }, { "h", 3600000 }, { NULL, 0 } };
static const struct unit size_units[] = {
    { "", 1 }, { "B", 1 }, { "KiB", 1024 }, { "MiB", 1024 * 1024 }, { NULL, 0 }
};

static bool parse_number(const char *text, const struct unit *units, uint64_t *ret)
{
    size_t digits = strspn(text, "0123456789");

    if (digits == 0 || digits > 15)
        return false;
    for (; units->suffix; units++) {
        if (strcmp(text + digits, units->suffix) != 0)
            continue;
        *ret = strtoull(text, NULL, 10) * units->factor;
        return true;
    }
    return false;
}

static bool set_number(struct config *config, const struct setting *setting, const char *text,
                       const struct unit *units, const char *what, struct buf *ret_expected)
{
    uint64_t *value = member(config, setting), number;

    if (parse_number(text, units, &number) && number >= setting->least && number <= setting->most) {
        *value = number;
        return true;
    }
    buf_printf(ret_expected, "%s from %llu to %llu", what, (unsigned long long)setting->least,
               (unsigned long long)setting->most);
    return false;
}

static bool set_bool(struct config *config, const struct setting *setting, const char *text,
                     struct buf *ret_expected)
{
    static const struct {
        const char *word;
        bool value;
    } words[] = { { "true", true }, { "false", false }, { "1", true },
                  { "0", false },   { "yes", true },    { "no", false } };

    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(text, words[i].word) == 0) {
            *(bool *)member(config, setting) = words[i].value;
            return true;
        }
    }
    buf_add_str(ret_expected, "true or false");
    return false;
}

static bool set_choice(struct config *config, const struct setting *setting, const char *text,
                       struct buf *ret_expected)
{
    const char *choice = setting->choices;

    for (uint64_t n = 0; *choice; n++) {
        size_t len = strcspn(choice, "|");
        if (strlen(text) == len && strncmp(text, choice, len) == 0) {
            *(uint64_t *)member(config, setting) = n;
            return true;
        }
        choice += len + (choice[len] == '|');
    }
    buf_printf(ret_expected, "one of %s", setting->choices);
    return false;
}

static bool set_list(struct config *config, const struct setting *setting, const char *text)
{
    char ***list = member(config, setting);
    size_t n = 0;

    config_value_clear(config, setting);
    *list = mem_zalloc((strlen(text) + 2) * sizeof **list);
    while (*text) {
        size_t blank = strspn(text, " ,"), len = strcspn(text + blank, " ,");
        if (len)
            (*list)[n++] = mem_strndup(text + blank, len);
        text += blank + len;
    }
    return true;
}

static bool set_string(struct config *config, const struct setting *setting, const char *text)
{
    config_value_clear(config, setting);
    *(char **)member(config, setting) = mem_strdup(text);
    return true;
}

bool config_value_set(struct config *config, const struct setting *setting, const char *text,
                      struct buf *ret_expected)
{
    switch (setting->type) {
    case CONFIG_STRING:
        return set_string(config, setting, text);
    case CONFIG_BOOL:
        return set_bool(config, setting, text, ret_expected);
    case CONFIG_INT:
        return set_number(config, setting, text, no_units, "a number", ret_expected);
    case CONFIG_DURATION:
        return set_number(config, setting, text, duration_units,
                          "milliseconds, or a number with ms, s, m or h,", ret_expected);
    case CONFIG_SIZE:
        return set_number(config, setting, text, size_units, "bytes, or a number with KiB or MiB,",
                          ret_expected);
    case CONFIG_LIST:
        return set_list(config, setting, text);
    case CONFIG_CHOICE:
        return set_choice(config, setting, text, ret_expected);
    }
    return false;
}

void config_value_clear(struct config *config, const struct setting *setting)
{
    if (setting->type == CONFIG_STRING) {
        char **string = member(config, setting);
        free(*string);
        *string = NULL;
    } else if (setting->type == CONFIG_LIST) {
        char ***list = member(config, setting);
        for (size_t i = 0; *list && (*list)[i]; i++)
            free((*list)[i]);
        free(*list);
        *list = NULL;
    }
}
