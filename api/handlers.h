/* The handlers of the route table: one for each row. Checked, typed arguments are in the request.
 */
#pragma once

struct api_request;

/* handle_status.c */
void handle_create(struct api_request *request);
void handle_get(struct api_request *request);
void handle_find_or_create(struct api_request *request);
void handle_change(struct api_request *request);
void handle_delete(struct api_request *request);
void handle_set_progress(struct api_request *request);
void handle_add_error(struct api_request *request);
void handle_get_data(struct api_request *request);
void handle_set_data(struct api_request *request);
void handle_request_kill(struct api_request *request);
void handle_attempts(struct api_request *request);
void handle_enter_state(struct api_request *request);

/* handle_events.c, handle_feed.c */
void handle_status_events(struct api_request *request);
void handle_events(struct api_request *request);
void handle_resource_events(struct api_request *request); /* by Accept: the same */
void handle_list_events(struct api_request *request);

/* handle_many.c */
void handle_list(struct api_request *request);
void handle_query(struct api_request *request);
void handle_count(struct api_request *request);
void handle_count_query(struct api_request *request);

/* handle_bulk.c */
void handle_delete_many(struct api_request *request);
void handle_remove(struct api_request *request);
void handle_request_kill_many(struct api_request *request);
void handle_cleanup(struct api_request *request);

/* handle_batch.c */
void handle_batch(struct api_request *request);

/* handle_service.c */
void handle_live(struct api_request *request);
void handle_ready(struct api_request *request);
void handle_version(struct api_request *request);
void handle_openapi(struct api_request *request);

/* handle_assets.c */
void handle_dashboard(struct api_request *request);
void handle_dashboard_file(struct api_request *request);
void handle_progress_element(struct api_request *request);
