#include "server/data_dir.h"

#include "core/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { LOCK_POLL_MS = 20 };

static bool fail(struct buf *message, const char *path, const char *detail)
{
    buf_printf(message, "data_dir %s: %s", path, detail);
    return false;
}

static bool make_with_parents(const char *path, struct buf *message)
{
    char *copy = mem_strdup(path);
    bool ok = true;

    for (char *at = copy + 1; ok && *at; at++) {
        if (*at != '/')
            continue;
        *at = '\0';
        ok = mkdir(copy, 0755) == 0 || errno == EEXIST;
        *at = '/';
    }
    ok = ok && (mkdir(copy, 0700) == 0 || errno == EEXIST);
    free(copy);
    return ok || fail(message, path, strerror(errno));
}

static bool check_owner(const char *path, struct buf *message)
{
    struct stat stat;

    if (lstat(path, &stat) != 0)
        return fail(message, path, strerror(errno));
    if (!S_ISDIR(stat.st_mode))
        return fail(message, path, "is not a directory");
    if (stat.st_uid != geteuid())
        return fail(message, path, "belongs to another user");
    if (stat.st_mode & (S_IWGRP | S_IWOTH))
        return fail(message, path, "others may write to it; chmod 700 it");
    return true;
}

static bool lock(int fd, unsigned wait_ms)
{
    const struct timespec pause = { .tv_nsec = LOCK_POLL_MS * 1000000L };

    for (unsigned waited_ms = 0;; waited_ms += LOCK_POLL_MS) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
            return true;
        if (errno != EWOULDBLOCK || waited_ms >= wait_ms)
            return false;
        nanosleep(&pause, NULL);
    }
}

static void say_locked(int fd, const char *path, struct buf *message)
{
    char pid[16] = "";
    ssize_t len = pread(fd, pid, sizeof pid - 1, 0);

    pid[len > 0 ? strspn(pid, "0123456789") : 0] = '\0';
    buf_printf(message, "data_dir %s: another jobbad uses it (process %s)", path,
               *pid ? pid : "unknown");
}

static bool write_pid(int fd)
{
    char pid[16];
    int len = snprintf(pid, sizeof pid, "%ld\n", (long)getpid());

    return ftruncate(fd, 0) == 0 && pwrite(fd, pid, (size_t)len, 0) == len;
}

bool data_dir_open(const char *path, unsigned wait_ms, int *ret_lock_fd, struct buf *message)
{
    struct buf name = { 0 };
    int fd;

    if (!make_with_parents(path, message) || !check_owner(path, message))
        return false;
    buf_printf(&name, "%s/lock", path);
    fd = open(buf_cstr(&name), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    buf_finish(&name);
    if (fd < 0)
        return fail(message, path, strerror(errno));
    if (!lock(fd, wait_ms))
        say_locked(fd, path, message);
    else if (!write_pid(fd))
        fail(message, path, strerror(errno));
    if (message->len) {
        close(fd);
        return false;
    }
    *ret_lock_fd = fd;
    return true;
}

static bool write_all(int fd, struct text content)
{
    while (content.len) {
        ssize_t n = write(fd, content.at, content.len);
        if (n < 0)
            return false;
        content.at += n;
        content.len -= (size_t)n;
    }
    return true;
}

bool data_dir_write(const char *path, const char *name, struct text content, struct buf *message)
{
    struct buf target = { 0 }, temporary = { 0 };
    bool ok;
    int fd;

    buf_printf(&target, "%s/%s", path, name);
    buf_printf(&temporary, "%s/%s.new", path, name);
    unlink(buf_cstr(&temporary));
    fd = open(buf_cstr(&temporary), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    ok = fd >= 0 && write_all(fd, content) && rename(buf_cstr(&temporary), buf_cstr(&target)) == 0;
    if (!ok)
        fail(message, path, strerror(errno));
    if (fd >= 0)
        close(fd);
    buf_finish(&target);
    buf_finish(&temporary);
    return ok;
}
