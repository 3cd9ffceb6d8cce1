/* The files for browsers: what they are, how they are kept, and what they may do. */
#include "tests/service/service_test.h"

static const struct file {
    const char *path, *type, *begins;
} files[] = {
    { "/", "text/html; charset=utf-8", "<!doctype html>" },
    { "/progress.js", "text/javascript; charset=utf-8", "// <jobbad-progress" },
    { "/dashboard/page.css", "text/css; charset=utf-8", "/* " },
    { "/dashboard/icon.svg", "image/svg+xml", "<svg " },
    { "/dashboard/app.js", "text/javascript; charset=utf-8", "// " },
    { "/dashboard/progress.js", "text/javascript; charset=utf-8", "// " },
};

enum { N_FILES = sizeof files / sizeof *files };

static void each_file_has_its_type(void **state)
{
    for (size_t i = 0; i < N_FILES; i++) {
        const struct answer *answer = ask(*state, "GET", files[i].path, NULL);
        assert_int_equal(answer->status, 200);
        assert_string_equal(answer_header(answer, "Content-Type"), files[i].type);
        assert_int_equal(strncmp(answer->body, files[i].begins, strlen(files[i].begins)), 0);
    }
}

static void parameters_of_a_file_do_not_matter(void **state)
{
    char path[96];

    for (size_t i = 0; i < N_FILES; i++) {
        snprintf(path, sizeof path, "%s?v=2&v=3", files[i].path);
        assert_int_equal(ask(*state, "GET", path, NULL)->status, 200);
    }
}

static void a_file_may_do_only_what_it_needs(void **state)
{
    for (size_t i = 0; i < N_FILES; i++) {
        const struct answer *answer = ask(*state, "GET", files[i].path, NULL);
        bool shared = strcmp(files[i].path, "/progress.js") == 0;
        assert_string_equal(
            answer_header(answer, "Content-Security-Policy"),
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
            "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
        assert_string_equal(answer_header(answer, "X-Content-Type-Options"), "nosniff");
        assert_string_equal(answer_header(answer, "Referrer-Policy"), "no-referrer");
        assert_string_equal(answer_header(answer, "Cross-Origin-Resource-Policy"),
                            shared ? "cross-origin" : "same-origin");
    }
}

static void a_file_is_sent_again_only_when_it_has_changed(void **state)
{
    struct service *service = *state;

    for (size_t i = 0; i < N_FILES; i++) {
        const struct answer *answer = ask(service, "GET", files[i].path, NULL);
        char etag[64], header[96];
        snprintf(etag, sizeof etag, "%s", answer_header(answer, "ETag"));
        assert_int_equal(etag[0], '"'); /* a strong one */
        assert_string_equal(answer_header(answer, "Cache-Control"), "no-cache");

        snprintf(header, sizeof header, "If-None-Match: %s", etag);
        const char *const same[] = { header, NULL };
        const char *const other[] = { "If-None-Match: \"0123\"", NULL };
        const char *const methods[] = { "GET", "HEAD" };
        for (size_t m = 0; m < 2; m++) {
            answer = client_ask(service->client, methods[m], files[i].path, NULL, same);
            assert_int_equal(answer->status, 304);
            assert_string_equal(answer_header(answer, "ETag"), etag);
            assert_string_equal(answer_header(answer, "Cache-Control"), "no-cache");
            assert_int_equal(answer->len, 0);
            answer = client_ask(service->client, methods[m], files[i].path, NULL, other);
            assert_int_equal(answer->status, 200);
        }
    }
}

static void only_the_dashboards_files_are_there(void **state)
{
    static const char *const no_files[] = {
        "/dashboard",
        "/dashboard/",
        "/dashboard/nothing.js",
        "/dashboard/../app.js",
        "/dashboard/App.js",
        "/dashboard/%2e%2e%2fapp.js",
        "/dashboard/app.js/",
        "//",
    };

    for (size_t i = 0; i < sizeof no_files / sizeof *no_files; i++) {
        const struct answer *answer = ask(*state, "GET", no_files[i], NULL);
        assert_int_equal(answer->status, 404);
        assert_string_equal(answer_string(answer, "type"), "/problems/route-not-found");
    }
    assert_int_equal(ask(*state, "POST", "/dashboard/app.js", NULL)->status, 405);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_file_has_its_type),
        cmocka_unit_test(parameters_of_a_file_do_not_matter),
        cmocka_unit_test(a_file_may_do_only_what_it_needs),
        cmocka_unit_test(a_file_is_sent_again_only_when_it_has_changed),
        cmocka_unit_test(only_the_dashboards_files_are_there),
    };

    return cmocka_run_group_tests_name("assets", tests, service_setup, service_teardown);
}
