/*
 * The version of a status: changes whenever one of its stored fields does, whoever wrote it, and is
 * the same wherever it is computed (RFC 9110, 8.8.3).
 */
#pragma once

#include "core/digest.h"
#include "core/status_view.h"

#define STATUS_ETAG_LEN (DIGEST_LEN + 2) /* with its quotes */

/* Of a view of all fields; with a NUL behind it. guards.lua makes the same of a hash. */
void status_etag(const struct status_view *view, char ret[STATUS_ETAG_LEN + 1]);
