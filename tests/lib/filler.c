#include "tests/lib/filler.h"

#include "tests/lib/expect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char script[] =
    "local prefix, state, from, to, last = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5] "
    "local now = redis.call('TIME')[1] "
    "for i = from, to do "
    "  local id, arg, time = prefix .. i, tostring(i % 10), string.format('%d000000', now - last + "
    "i) "
    "  redis.call('HSET', 'jobba:id:' .. id, 'id', '\"' .. id .. '\"', 'state', '\"' .. state .. "
    "'\"', "
    "    'progress', '0', 'errors', '[]', 'attempt', '0', 'job_name', '\"filler\"', "
    "    'job_args', '{\"n\":\"' .. arg .. '\"}', 'provider_job_id', '\"' .. id .. '\"', "
    "    'recorded_at', time, state .. '_at', time, 'updated_at', time, 'rev', '1') "
    "  redis.call('SADD', 'jobba:' .. state, id) "
    "  redis.call('SADD', 'jobba:job_name:filler', id) "
    "  redis.call('SADD', 'jobba:job_arg:' .. arg, id) "
    "  redis.call('SADD', 'jobba:provider_job_id:' .. id, id) "
    "  redis.call('ZADD', 'jobba:recorded_at', time, id) "
    "  redis.call('ZADD', 'jobba:' .. state .. '_at', time, id) "
    "end";

void fill(struct service *service, const char *prefix, const char *state, int count, int age)
{
    enum { AT_A_TIME = 5000 };

    for (int from = 0; from < count; from += AT_A_TIME) {
        int to = from + AT_A_TIME < count ? from + AT_A_TIME : count;
        expect_store(service, "(nil)", "EVAL %s 0 %s %s %d %d %d", script, prefix, state, from,
                     to - 1, count - 1 + age);
    }
}
