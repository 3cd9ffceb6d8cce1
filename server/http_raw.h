/* Answers that libmicrohttpd can't give any more: written to the socket, before it is shut down. */
#pragma once

#include "api/problem.h"

/* For a request of which nothing has been answered yet. Does not wait: what the socket does not
 * take is lost. */
void http_raw_refuse(int fd, enum problem problem);
