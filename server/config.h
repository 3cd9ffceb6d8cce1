/*
 * Settings: one table (config_table.c) that makes the parser of flags, environment and file, the
 * help, and docs/settings.md. Immutable after config_load().
 */
#pragma once

#include "core/buf.h"
#include "core/log.h"
#include "core/redis_pool.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where a value came from: the higher wins. */
enum config_source {
    CONFIG_FROM_DEFAULT,
    CONFIG_FROM_FILE,
    CONFIG_FROM_ENVIRONMENT,
    CONFIG_FROM_FLAG
};

/* Each member is a setting of the same name, but for those at the end. Times in milliseconds, sizes
 * in bytes. */
struct config {
    char *listen;
    bool insecure_no_auth;
    uint64_t threads;
    uint64_t max_connections;
    uint64_t body_limit;
    uint64_t request_timeout;
    uint64_t query_timeout;
    uint64_t header_timeout;
    uint64_t body_timeout;
    uint64_t reply_timeout;
    uint64_t idle_timeout;
    uint64_t drain_timeout;
    char **allowed_hosts; /* NULL-terminated */
    char **allowed_origins;

    char *redis;
    char *redis_password_file;
    char *namespace;
    uint64_t redis_fast_connections;
    uint64_t redis_scan_connections;
    uint64_t redis_window;
    uint64_t redis_connect_timeout;
    uint64_t redis_timeout;
    uint64_t errors_limit;
    uint64_t idempotency_ttl;

    uint64_t near_cache_mb;
    uint64_t max_wait;
    uint64_t max_watchers;
    uint64_t heartbeat;
    uint64_t events_per_second;
    uint64_t event_log_entries;
    uint64_t event_log_age;

    char *data_dir;
    char *redis_server;

    uint64_t log_level; /* enum log_level */
    uint64_t log_format;
    bool access_log;

    /* Made of them. */
    char *listen_host; /* numeric, without brackets */
    uint16_t listen_port;
    bool listen_is_loopback;
    bool embedded;                      /* no `redis` was given */
    struct redis_address redis_address; /* unless embedded */
};

enum config_action {
    CONFIG_RUN,
    CONFIG_HELP,
    CONFIG_HELP_MARKDOWN,
    CONFIG_VERSION,
    CONFIG_ROUTES,
    CONFIG_FAILED, /* *message says which setting, its value, what is expected, and where it came
                      from */
};

/*
 * Reads flags, environment ("NAME=value" strings, NULL-terminated) and file. Except for CONFIG_RUN
 * nothing is in *ret; for CONFIG_RUN the caller ends it with config_finish(), and *message may hold
 * a warning.
 */
enum config_action config_load(int argc, char *const *argv, char *const *environment,
                               struct config *ret, struct buf *message);
void config_finish(struct config *config);

/* `--help`, and docs/settings.md. */
void config_write_help(struct buf *out);
void config_write_markdown(struct buf *out);

/* The URL of Redis without its password, for logs. */
void config_write_redis(struct buf *out, const struct config *config);
