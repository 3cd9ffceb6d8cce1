#include "api/assets.h"

#include "api/dashboard.inc" /* made by the build: core/embed.py */

#include <stddef.h>

#define HTML "text/html; charset=utf-8"
#define CSS  "text/css; charset=utf-8"
#define JS   "text/javascript; charset=utf-8"
#define SVG  "image/svg+xml"

#define ASSET(stem, STEM, ending, media_type)                                     \
    {                                                                             \
        .name = #stem ending, .type = media_type, .sha1 = EMBEDDED_##STEM##_SHA1, \
        .content = { .at = embedded_##stem, .len = sizeof embedded_##stem },      \
    }

static const struct asset assets[] = {
    ASSET(index, INDEX, ".html", HTML),   ASSET(page, PAGE, ".css", CSS),
    ASSET(rows, ROWS, ".css", CSS),       ASSET(status, STATUS, ".css", CSS),
    ASSET(narrow, NARROW, ".css", CSS),   ASSET(icon, ICON, ".svg", SVG),
    ASSET(progress, PROGRESS, ".js", JS), ASSET(theme, THEME, ".js", JS),
    ASSET(app, APP, ".js", JS),           ASSET(actions, ACTIONS, ".js", JS),
    ASSET(api, API, ".js", JS),           ASSET(connection, CONNECTION, ".js", JS),
    ASSET(counts, COUNTS, ".js", JS),     ASSET(detail, DETAIL, ".js", JS),
    ASSET(dialog, DIALOG, ".js", JS),     ASSET(dom, DOM, ".js", JS),
    ASSET(filters, FILTERS, ".js", JS),   ASSET(form, FORM, ".js", JS),
    ASSET(format, FORMAT, ".js", JS),     ASSET(json, JSON, ".js", JS),
    ASSET(keys, KEYS, ".js", JS),         ASSET(list, LIST, ".js", JS),
    ASSET(live, LIVE, ".js", JS),         ASSET(row, ROW, ".js", JS),
};

const struct asset *asset_find(struct text name)
{
    for (size_t i = 0; i < sizeof assets / sizeof *assets; i++)
        if (text_is(name, assets[i].name))
            return &assets[i];
    return NULL;
}
