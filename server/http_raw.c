#include "server/http_raw.h"

#include <sys/socket.h>

void http_raw_refuse(int fd, enum problem problem)
{
    const struct problem_info *info = problem_info(problem);
    struct buf answer = { 0 }, body = { 0 };

    problem_write(&body, problem, NULL, TEXT(""), TEXT(""));
    buf_printf(&answer,
               "HTTP/1.1 %u %s\r\nConnection: close\r\n"
               "Content-Type: application/problem+json\r\nContent-Length: %zu\r\n\r\n",
               info->status, info->title, body.len);
    buf_add_text(&answer, buf_text(&body));
    (void)send(fd, answer.data, answer.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    shutdown(fd, SHUT_RDWR);
    buf_finish(&body);
    buf_finish(&answer);
}
