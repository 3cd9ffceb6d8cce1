/* What browsers load: the dashboard, and the progress bar for other people's pages. */
#include "api/assets.h"
#include "api/handlers.h"
#include "api/request.h"

#include <stdio.h>

/* Nothing but the service's own files and its own answers; no page may frame the dashboard. */
static const char policy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

static const struct api_header own_headers[] = {
    { "Content-Security-Policy", policy },
    { "Cross-Origin-Resource-Policy", "same-origin" },
    { "Referrer-Policy", "no-referrer" },
    { 0 },
};

/* For pages of any origin, whatever they ask of what they embed. */
static const struct api_header shared_headers[] = {
    { "Content-Security-Policy", policy },
    { "Cross-Origin-Resource-Policy", "cross-origin" },
    { "Referrer-Policy", "no-referrer" },
    { 0 },
};

/* Browsers ask each time whether it has changed: a new version of the service is seen at once. */
static void answer_asset(struct api_request *request, const struct asset *asset,
                         const struct api_header *headers)
{
    struct api_answer *answer = &request->answer;

    snprintf(answer->etag, sizeof answer->etag, "\"%.*s\"", DIGEST_LEN, asset->sha1);
    answer->cache_control = "no-cache";
    answer->headers = headers;
    api_answer_static(request, asset->type, asset->content);
}

void handle_dashboard(struct api_request *request)
{
    answer_asset(request, asset_find(TEXT("index.html")), own_headers);
}

void handle_dashboard_file(struct api_request *request)
{
    answer_asset(request, request->asset, own_headers);
}

void handle_progress_element(struct api_request *request)
{
    answer_asset(request, asset_find(TEXT("progress.js")), shared_headers);
}
