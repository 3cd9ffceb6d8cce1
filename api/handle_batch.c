/* Many operations in one request (api.md "Batch"). */
#include "api/batch.h"
#include "api/handlers.h"

void handle_batch(struct api_request *request)
{
    request->batch = batch_create(request);
    if (request->batch)
        batch_run(request->batch);
}
