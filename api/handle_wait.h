/* What handle_status.c and handle_wait.c share. */
#pragma once

struct api_request;
struct status_view;

/* Answers the request, for a whole status or some fields of it, when there is something new. */
void wait_for_news(struct api_request *request);

/* Answers with the status as it is, from memory or from Redis. */
void status_get(struct api_request *request);

/* Puts body and ETag of the status, or of the fields asked for, into the answer; no more. */
void status_prepare_answer(struct api_request *request, const struct status_view *view);
