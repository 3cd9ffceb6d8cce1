/* What the programs that test event streams share. */
#pragma once

#include "tests/lib/sse.h"
#include "tests/service/service_test.h"

#define NEXT(sse) sse_next(sse, PATIENCE_MS)

/* The next event to have this name and, unless NULL, this in its data. */
static inline const struct sse_event *expect_event(struct sse *sse, const char *name,
                                                   const char *part)
{
    const struct sse_event *event = NEXT(sse);

    if (!event)
        fail_msg("no event, expected %s with %s", name, part ? part : "anything");
    if (strcmp(event->name, name) != 0 || (part && !strstr(event->data, part)))
        fail_msg("%s: %s, expected %s with %s", event->name, event->data, name,
                 part ? part : "anything");
    return event;
}

static inline struct sse *open_events(struct service *service, const char *target)
{
    struct sse *sse = sse_open(service->port, target, "");

    if (sse_status(sse) != 200)
        fail_msg("%s: %d %s", target, sse_status(sse), sse_body(sse));
    return sse;
}
