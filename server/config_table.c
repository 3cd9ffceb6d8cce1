#include "server/config_table.h"

#include "server/config.h"

#define KIB        UINT64_C(1024)
#define AT(member) .offset = offsetof(struct config, member), .name = #member

const struct setting settings[] = {
    { .group = "HTTP",
      AT(listen),
      .type = CONFIG_STRING,
      .fallback = "127.0.0.1:8080",
      .doc = "address and port to serve on, [v6]:port too; port 0 takes a free one" },
    { AT(insecure_no_auth), .type = CONFIG_BOOL, .fallback = "false",
      .doc =
          "serve on an address that other machines reach, although anybody may change everything" },
    { AT(threads), .type = CONFIG_INT, .fallback = "0", .most = 64,
      .doc = "worker threads; 0: one for each CPU" },
    { AT(max_connections), .type = CONFIG_INT, .fallback = "10000", .least = 1, .most = 1000000,
      .doc = "open connections; beyond them requests are answered 503" },
    { AT(body_limit), .type = CONFIG_SIZE, .fallback = "256KiB", .least = KIB,
      .most = 8 * KIB * KIB, .doc = "longest body of a request" },
    { AT(request_timeout), .type = CONFIG_DURATION, .fallback = "2s", .least = 10, .most = 600000,
      .doc = "a request is answered within this time after it has arrived" },
    { AT(query_timeout), .type = CONFIG_DURATION, .fallback = "30s", .least = 10, .most = 3600000,
      .doc = "the same for lists, counts and bulk changes, if Redis answers them step by step" },
    { AT(header_timeout), .type = CONFIG_DURATION, .fallback = "10s", .least = 10, .most = 600000,
      .doc = "the headers of a request have to arrive within this time" },
    { AT(body_timeout), .type = CONFIG_DURATION, .fallback = "10s", .least = 10, .most = 600000,
      .doc = "so does its body, with a second more for each KiB received" },
    { AT(reply_timeout), .type = CONFIG_DURATION, .fallback = "30s", .least = 10, .most = 600000,
      .doc = "an answer has to be taken within this time, with a second more for each KiB" },
    { AT(idle_timeout), .type = CONFIG_DURATION, .fallback = "75s", .least = 1000, .most = 86400000,
      .doc = "a connection without a request is closed after this time" },
    { AT(drain_timeout), .type = CONFIG_DURATION, .fallback = "20s", .most = 600000,
      .doc = "at a SIGTERM, requests in flight may take so long to finish" },
    { AT(allowed_hosts), .type = CONFIG_LIST, .fallback = "",
      .doc = "names served on a loopback address besides localhost, 127.0.0.1 and [::1]" },
    { AT(allowed_origins), .type = CONFIG_LIST, .fallback = "",
      .doc = "origins (https://host) whose pages may change things, besides the service's own" },

    { .group = "Redis",
      AT(redis),
      .type = CONFIG_STRING,
      .fallback = "",
      .doc =
          "redis://[user:password@]host[:port][/db] or unix:///path[?db=N]; empty: a private one" },
    { AT(redis_password_file), .type = CONFIG_STRING, .fallback = "",
      .doc = "file with the password, to keep it out of the URL" },
    { AT(namespace), .type = CONFIG_STRING, .fallback = "jobba",
      .doc = "all keys begin with this and ':'; 1 to 64 of A-Z a-z 0-9 . _ - : { }" },
    { AT(redis_fast_connections), .type = CONFIG_INT, .fallback = "2", .least = 1, .most = 64,
      .doc = "connections of each thread for operations on one status" },
    { AT(redis_scan_connections), .type = CONFIG_INT, .fallback = "1", .least = 1, .most = 64,
      .doc = "connections of each thread for whatever may take longer" },
    { AT(redis_window), .type = CONFIG_INT, .fallback = "1024", .least = 1, .most = 65536,
      .doc = "calls in flight on a connection; beyond them requests are answered 503" },
    { AT(redis_connect_timeout), .type = CONFIG_DURATION, .fallback = "500ms", .least = 10,
      .most = 60000, .doc = "name, connection and greeting together" },
    { AT(redis_timeout), .type = CONFIG_DURATION, .fallback = "1500ms", .least = 10, .most = 600000,
      .doc = "a connection whose oldest command is unanswered for this time is given up" },
    { AT(errors_limit), .type = CONFIG_SIZE, .fallback = "1MiB", .least = KIB,
      .most = 16 * KIB * KIB, .doc = "most that the list of errors of a status may take" },

    { .group = "Private Redis (when `redis` is empty)",
      AT(data_dir),
      .type = CONFIG_STRING,
      .fallback = "",
      .doc = "its directory; empty: $XDG_STATE_HOME/jobbad, or ~/.local/state/jobbad" },
    { AT(redis_server), .type = CONFIG_STRING, .fallback = "redis-server", .doc = "its program" },

    { .group = "Log",
      AT(log_level),
      .type = CONFIG_CHOICE,
      .fallback = "info",
      .choices = "debug|info|warn|error",
      .doc = "least level of the lines on stderr" },
    { AT(log_format), .type = CONFIG_CHOICE, .fallback = "logfmt", .choices = "logfmt|json",
      .doc = "their format" },
    { AT(access_log), .type = CONFIG_BOOL, .fallback = "false", .doc = "a line for each request" },
};

const size_t n_settings = sizeof settings / sizeof *settings;
