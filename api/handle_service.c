/* Health, version, and the description of the API itself. */
#include "api/handlers.h"
#include "api/request.h"

#include "api/openapi.inc" /* made by the build: core/embed.py */

#include <stdio.h>

void handle_live(struct api_request *request)
{
    api_answer_static(request, "application/json", TEXT("{\"status\":\"live\"}\n"));
}

static void ready_checked(struct health_check *check, const char *reason)
{
    struct api_request *request = container_of(check, struct api_request, op.health);
    char detail[64];

    if (!reason) {
        api_answer_static(request, "application/json", TEXT("{\"status\":\"ready\"}\n"));
        return;
    }
    snprintf(detail, sizeof detail, "Redis is %s.", reason);
    api_answer_problem(request, PROBLEM_UNAVAILABLE, detail);
}

void handle_ready(struct api_request *request)
{
    struct health_check *check = &request->op.health;

    check->pool = request->api->store.pool;
    check->deadline_ms = request->deadline_ms;
    check->done = ready_checked;
    health_check_start(check);
}

void handle_version(struct api_request *request)
{
    api_answer_static(request, "application/json",
                      TEXT("{\"name\":\"jobbad\",\"version\":\"" JOBBAD_VERSION "\"}\n"));
}

void handle_openapi(struct api_request *request)
{
    api_answer_static(request, "application/yaml",
                      (struct text){ .at = embedded_openapi, .len = sizeof embedded_openapi });
}
